"""What only the embedded Python with our packages can tell: `python -m adjuvant.doctor.probe`.

Runs in a process of its own, as the user who runs Orthanc: a library that ends the process, or
cannot be imported, is a finding and not the end of the doctor. The configuration comes as JSON
from standard input, findings leave as JSON, one on each line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjuvant.doctor.finding import Finding, ok, warning, wrong
from adjuvant.doctor.installation import ANEW
from adjuvant.doctor.patient import BASE, SECTION

if TYPE_CHECKING:
    from adjuvant.config import Settings
    from adjuvant.interpretations import Interpretation

GPU = f'set {SECTION}.Device to "auto", or install TensorFlow\'s libraries for GPUs'
DRIVER = Path("/proc/driver/nvidia/version")


def examine(configuration: Mapping[str, Any]) -> Iterator[Finding]:
    """Packages, our section, its rules, the models, and a drawn scan through each network."""
    try:
        from adjuvant import service
        from adjuvant.config import ConfigFault, read_settings
        from adjuvant.interpretations import INTERPRETATIONS
        from adjuvant.reader import choose
        from adjuvant.rules.syntax import Known, read_rules
    except Exception as fault:  # whatever a broken package raises
        yield wrong(f"our packages are broken: {type(fault).__name__}: {fault}", ANEW)
        return
    del service  # imported for all that it imports
    from adjuvant.errors import RuleFault

    try:
        settings = read_settings(configuration)
        names = tuple(one.name for one in choose(settings.models, INTERPRETATIONS))
        rules = read_rules(settings.rules, Known(names, tuple(settings.routes)), f"{SECTION}.Rules")
    except (ConfigFault, RuleFault) as fault:
        yield wrong(str(fault), "correct it there: docs/configure.md has every key")
        return
    yield ok(f"the section {SECTION} is right, with {len(rules.rules)} rule(s)")
    if not settings.enabled:
        yield wrong(f"{SECTION}.Enabled is false: nothing is read", "set it to true")
    yield from _models(settings)


def _models(settings: Settings) -> Iterator[Finding]:
    from adjuvant.choice import wanted
    from adjuvant.config import locate
    from adjuvant.interpretations import INTERPRETATIONS
    from adjuvant.reader import choose
    from adjuvant.versions import Versions

    folder = locate(settings.models_directory, BASE)
    record = locate(settings.data_directory, BASE)
    versions = Versions(folder)
    for interpretation in choose(settings.models, INTERPRETATIONS):
        folders = []
        for name in (one for one in interpretation.models if one in settings.models):
            version = wanted(_choice(record, name), settings.models[name], settings.models_named)
            found = versions.look(name, version)
            if found.fault is None:
                folders.append(found.folder)
                continue
            there = [one.version for one in versions.all() if one.name == name and not one.fault]
            offer = f"versions that can be used: {', '.join(there) or 'none'}"
            yield wrong(
                f"model {name} {version}: {found.fault}", f"copy it anew to {folder}; {offer}"
            )
            break
        else:
            yield from _network(settings, interpretation, folders)


def _choice(data: Path, name: str) -> Any:
    """What people chose since, read without touching the record."""
    from adjuvant.change_record import RECORD_FILE
    from adjuvant.choice import chosen

    path = data / RECORD_FILE
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:  # a damaged line is Orthanc's to complain about
            continue
    return chosen([one for one in entries if isinstance(one, dict) and one.get("model") == name])


def _network(
    settings: Settings, interpretation: Interpretation, folders: list[Path]
) -> Iterator[Finding]:
    """Load a chain of models as the plugin does, and let it read a drawn scan."""
    from adjuvant.errors import ModelFault
    from adjuvant.image import Limits
    from adjuvant.network import linked, load_network
    from adjuvant.rehearsal import rehearse
    from adjuvant.trial import load_checked

    load = partial(load_network, device=settings.device, threads=settings.threads)
    try:
        network = linked([load_checked(folder, load) for folder in folders])
        rehearse(interpretation, network, Limits())
    except (ModelFault, MemoryError) as fault:
        said = str(fault) or "memory does not suffice"
        yield wrong(f"no scan can be read: {said}", GPU if settings.device == "gpu" else ANEW)
        return
    made_by = network.algorithm
    simulated = ", trained on simulated scans" if made_by.simulated else ""
    yield ok(f"model {made_by.title}{simulated}, reads a drawn scan on {network.device}")
    if settings.device == "auto" and network.device == "CPU" and DRIVER.exists():
        yield warning(
            "there is an NVIDIA driver, but TensorFlow sees no GPU",
            'install its libraries: .venv/bin/pip install "tensorflow[and-cuda]"',
        )


def main() -> None:
    """Findings of the configuration on standard input, to standard output."""
    for finding in examine(json.load(sys.stdin)):
        print(json.dumps(astuple(finding)), flush=True)


if __name__ == "__main__":
    main()
