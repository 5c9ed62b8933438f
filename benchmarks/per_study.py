"""The plugin against what a user would run for each study: `python -m benchmarks.per_study`.

The same scans and the same network, in turn: sent to an Orthanc with the plugin, read by a script,
and by an application of the MONAI Deploy App SDK, the latter two started for every study. `make
benchmarks` brings ONNX Runtime and MONAI Deploy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from benchmarks import engines
from benchmarks.common import (
    BenchmarkError,
    Figures,
    Scans,
    association,
    in_service,
    markdown,
    run_one,
    spread,
    store,
)
from benchmarks.latency import seconds_until_read
from benchmarks.one_engine import EXPORTED
from benchmarks.one_study import WAYS
from deploy.client import Client
from deploy.serve import ROOT, running_orthanc

ROUNDS = 7
PLUGIN = "plugin in Orthanc"
MONAI = ROOT / ".venv" / "monai" / "bin" / "python"
NOT_INSTALLED = "No module named"


def measure() -> Figures:
    """Seconds for each study and way, and the memory of each process."""
    model, scans = in_service(), Scans()
    seconds: dict[str, list[float]] = {PLUGIN: [], **{way: [] for way in WAYS}}
    megabytes: dict[str, list[float]] = {way: [] for way in WAYS}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place, running_orthanc(Path(place) / "data") as server:
        work, client = Path(place), Client(server.url)
        if not engines.export_network(model, work):
            missing = dict.fromkeys((way for way in WAYS if "ONNX" in way), "ONNX")
        for number in range(-1, ROUNDS):  # the first of each is not measured
            scan = scans.draw()
            with association(server.dicom_port) as link:
                begun = perf_counter()
                store(link, scan)
                seconds_until_read(client, scan)
                took = {PLUGIN: perf_counter() - begun}
            masks: list[NDArray[np.bool_]] = []
            for way in (way for way in WAYS if way not in missing):
                answer = _one_study(way, scan, model, work)
                if isinstance(answer, str):
                    missing[way] = answer
                    continue
                took[way], memory = answer
                megabytes[way].append(memory)
                masks.append(np.load(work / "masks.npy"))
            if any((mask != masks[0]).any() for mask in masks):
                raise BenchmarkError("not every way draws the same outline")
            if number >= 0:
                for way, one in took.items():
                    seconds[way].append(one)
    return _figures(seconds, megabytes, missing)


def _one_study(way: str, scan: Dataset, model: Path, work: Path) -> tuple[float, float] | str:
    """Seconds from the start of the process to its end, and the most memory it took, in MB; what
    is not installed, where something is not."""
    study = work / "study"
    study.mkdir(exist_ok=True)
    scan.save_as(study / "scan.dcm", enforce_file_format=True)
    python = MONAI if way.startswith("MONAI") else Path(sys.executable)
    if not python.exists():
        return "MONAI Deploy App SDK"
    paths = [str(ROOT), str(ROOT / "plugin"), os.environ.get("PYTHONPATH", "")]
    surroundings = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [str(python), "-m", "benchmarks.one_study", way]
    files = [study, model, work / EXPORTED, work / "masks.npy"]
    with (work / "said").open("w+") as said:
        begun = perf_counter()
        process = subprocess.run(
            [*command, *files], stdout=said, stderr=said, env=surroundings, check=False
        )
        took = perf_counter() - begun
        said.seek(0)
        last = (said.read().strip().splitlines() or [""])[-1]
    if process.returncode:
        if NOT_INSTALLED in last:
            return last.split(NOT_INSTALLED)[1].strip(" '")
        raise BenchmarkError(f"{way} ended with {process.returncode}: {last}")
    return took, float((work / "masks.mb").read_text())


def _figures(
    seconds: dict[str, list[float]], megabytes: dict[str, list[float]], missing: dict[str, str]
) -> Figures:
    measured = {way: spread(times) for way, times in seconds.items() if times}
    ours = measured[PLUGIN]["median"]
    rows: list[list[object]] = []
    values: dict[str, Any] = {}
    for way, one in measured.items():
        memory = round(median(megabytes[way])) if way in megabytes else None
        values[way] = {"ms": one, "peak_mb": memory}
        rows.append(
            [
                way,
                f"{one['median'] / 1e3:.2f} / {one['p95'] / 1e3:.2f}",
                f"{one['median'] / ours:.0f}",
                "stays in memory" if memory is None else memory,
                "SEG, SC and SR in the archive" if way == PLUGIN else "a mask in a file",
            ]
        )
    head = [
        "way",
        "s a study (median / 95th percentile)",
        "times ours",
        "memory, MB",
        "what is there then",
    ]
    text = (
        f"{markdown(head, rows)}\n\n{ROUNDS} studies of one scan of 256 x 256 pixels, each read in"
        " every way in turn, the same outline by all that leave one. The plugin's time begins with"
        " C-STORE and ends when its results have been downloaded; the others' is that of their"
        " process, which finds the scan in a folder and whose mask nobody has written as DICOM,"
        " checked or sent yet. They take no memory in between. MONAI Deploy's operators read the"
        " folder and choose the series; the one that writes a SEG ends with an error on NM images."
    )
    if missing:
        text += f" Not installed: {', '.join(sorted(set(missing.values())))}."
    return Figures("per_study", "Instead of a plugin: a process for each study", text, values)


if __name__ == "__main__":
    run_one(measure)
