"""The command: findings for people, and an exit code for scripts."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from adjuvant.doctor.finding import Finding, warning, wrong
from adjuvant.doctor.installation import (
    ANEW,
    examine_environment,
    examine_orthanc,
    examine_plugins,
    examine_script,
    interpreter,
    packages,
)
from adjuvant.doctor.machine import examine_doors, examine_folders, examine_memory
from adjuvant.doctor.patient import BASE, SECTION, Patient
from adjuvant.errors import Fault

SUMMARY = "Look at everything that reading scans needs: what is wrong, and how to mend it."
PROBE_S = 600.0  # TensorFlow's first import from a slow disk takes minutes
AVX = "TensorFlow needs a processor with AVX: give a virtual machine the host's type of processor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; 0 where scans are read, 1 where not, 2 where nothing could be tried."""
    parser = argparse.ArgumentParser(prog="python -m adjuvant doctor", description=SUMMARY)
    parser.add_argument(
        "--configuration",
        type=Path,
        default=BASE / "orthanc.json",
        help="Orthanc's configuration, a file or a folder such as /etc/orthanc",
    )
    path = parser.parse_args(arguments).configuration
    try:
        patient = Patient.read(path)
    except Fault as fault:
        print(f"doctor: {fault}", file=sys.stderr)
        return 2
    print(f"Orthanc as {patient.path} has it, run by {patient.account.name}")
    counts = {"ok": 0, "warning": 0, "wrong": 0}
    for finding in examine(patient):
        counts[finding.verdict] += 1
        print(f"{finding.verdict:>8}  {finding.what}", flush=True)
        if finding.mend:
            print(f"{'':>8}  -> {finding.mend}", flush=True)
    print(
        f"{counts['wrong']} wrong, {counts['warning']} to look at, {counts['ok']} as it should be"
    )
    return 1 if counts["wrong"] else 0


def examine(patient: Patient) -> Iterator[Finding]:
    """Everything, the cheap things first."""
    yield from chain(
        examine_orthanc(),
        _seen(examine_plugins(patient)),
        _seen(examine_script(patient)),
        _seen(examine_environment(patient)),
        _seen(examine_folders(patient)),
        examine_memory(),
        _seen(examine_doors(patient)),
    )
    if SECTION not in patient.configuration:
        yield wrong(f'there is no section "{SECTION}"', f'add "{SECTION}": {{}}: docs/install.md')
    else:
        yield from _seen(_probed(patient))


def _seen(findings: Iterator[Finding]) -> Iterator[Finding]:
    """What was found, until something is closed to whoever asks."""
    try:
        yield from findings
    except PermissionError as fault:
        yield warning(f"you may not look at {fault.filename}", "run the doctor as root")


def _probed(patient: Patient) -> Iterator[Finding]:
    """What the embedded Python finds with our packages, if it can be started."""
    python = interpreter(patient)
    if python is None:
        return
    paths = [BASE / "plugin", *([one] if (one := packages(patient)) else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    try:
        done = patient.account.run(
            [str(python), "-m", "adjuvant.doctor.probe"],
            input=json.dumps(patient.configuration),
            env=environment,
            timeout=PROBE_S,
        )
    except subprocess.TimeoutExpired:
        yield wrong(
            f"the network was not loaded within {PROBE_S:g} s", "look at disk and processor"
        )
        return
    for line in done.stdout.splitlines():
        if line.startswith("["):
            yield Finding(*json.loads(line))
    if done.returncode < 0:
        yield wrong(f"loading the network ended by {signal.Signals(-done.returncode).name}", AVX)
    elif done.returncode:
        said = done.stderr.strip().splitlines()
        yield wrong(f"{python} fails: {said[-1] if said else done.returncode}", ANEW)
