"""The released network under other engines, side by side: `python -m benchmarks.engines`.

What the processor could do, and whether the masks would stay what they are. Each engine runs in a
process of its own, with the same simulated views, on all cores and on one; rounds of all in turn,
so that whatever the machine does meanwhile hits every one. `make benchmarks` brings ONNX Runtime,
OpenVINO and NNCF, which makes the network of whole numbers; the plugin needs none of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.common import BenchmarkError, Figures, in_service, markdown, run_one, spread
from benchmarks.one_engine import ENGINES, OURS, Batch
from deploy.serve import ROOT

SEED = 20261121
VIEWS = 24
CALIBRATION_SEED = 20261122
CALIBRATION_VIEWS = 100  # from which the ranges of whole numbers are taken
ROUNDS = 2
LIMIT_S = 300.0


def measure() -> Figures:
    """Every engine that is installed, on all cores and on one."""
    folder = in_service()
    everything = len(os.sched_getaffinity(0))
    found: dict[str, dict[int, list[dict[str, Any]]]] = {
        name: defaultdict(list) for name in ENGINES
    }
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        exported = export_network(folder, work)
        whole = exported and _whole_numbers(folder, work)
        for _ in range(ROUNDS):
            for name in ENGINES:
                for cores in sorted({everything, 1}):
                    if not exported and name.startswith(("ONNX", "OpenVINO")):
                        continue
                    if not whole and name == "OpenVINO, int8":
                        continue
                    answer = _run(name, cores, folder, work)
                    if answer is not None:
                        found[name][cores].append(answer)
        return _figures(found, everything, work, folder)


def export_network(folder: Path, work: Path) -> bool:
    """Write the views to be read, and the network as ONNX, to the folder `work`; False where what
    the latter takes is not installed."""
    np.save(work / "inputs.npy", simulated_views(folder, SEED, VIEWS))
    return _run("export", 1, folder, work) is not None


def _whole_numbers(folder: Path, work: Path) -> bool:
    """Write the exported network in int8, by views that are not measured; False where what this
    takes is not installed."""
    np.save(work / "calibration.npy", simulated_views(folder, CALIBRATION_SEED, CALIBRATION_VIEWS))
    return _run("quantize", len(os.sched_getaffinity(0)), folder, work) is not None


def simulated_views(folder: Path, seed: int, views: int) -> Batch:
    """What the network is given of so many simulated scans: (views, size, size, 2)."""
    from adjuvant.model import read_model
    from adjuvant.preprocess import prepare
    from training.phantom.simulator import simulate_case

    plan = read_model(folder).whole_image
    counts = [simulate_case(seed, number).counts for number in range(views)]
    return np.stack([prepare(one.astype(np.float32), plan) for one in counts])


def _run(name: str, cores: int, folder: Path, work: Path) -> dict[str, Any] | None:
    """What a process of its own says; None where the engine is not installed or cannot run."""
    told = [name, str(cores), str(folder), str(work)]
    command = [sys.executable, "-m", "benchmarks.one_engine", *told]
    quiet = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = perf_counter()
    with (
        (work / "said").open("w+") as said,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT, env=quiet
        ) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline().strip()
            ready_s = perf_counter() - begun
            rest = process.stdout.read()
            process.wait(LIMIT_S)
        except BaseException:
            process.kill()
            raise
        said.seek(0)
        last = (said.read().strip().splitlines() or [""])[-1]
    if first == "not here":
        return None
    if process.returncode or first != "ready":
        raise BenchmarkError(f"{name} ended with {process.returncode}: {last}")
    return {"ready_s": ready_s, **json.loads(rest)}


def _figures(
    found: dict[str, dict[int, list[dict[str, Any]]]], everything: int, work: Path, folder: Path
) -> Figures:
    from adjuvant.model import read_model
    from training.metrics import dice

    threshold = read_model(folder).output.threshold
    ours = np.load(work / f"{OURS}.npy")
    our_masks = ours >= threshold
    rows: list[list[object]] = []
    values: dict[str, Any] = {}
    for name, by_cores in found.items():
        if not by_cores:
            continue
        answers = np.load(work / f"{name}.npy")
        masks = answers >= threshold
        times = {
            cores: spread([second for one in runs for second in one["seconds"]])
            for cores, runs in by_cores.items()
        }
        runs = by_cores[everything]
        value = {
            "ms": {str(cores): one for cores, one in times.items()},
            "ready_s": round(float(np.median([one["ready_s"] for one in runs])), 2),
            "peak_mb": round(float(np.median([one["peak_mb"] for one in runs]))),
            "largest_difference": float(np.abs(answers - ours).max()),
            "different_masks": int((masks != our_masks).any(axis=(1, 2, 3)).sum()),
            "lowest_dice": round(min(map(dice, masks, our_masks)), 4),
        }
        values[name] = value
        all_cores, one_core = times[everything], times[1]
        rows.append(
            [
                name,
                f"{all_cores['median']:.1f} / {all_cores['p95']:.1f}",
                f"{one_core['median']:.1f}",
                f"{value['ready_s']:.1f}",
                value["peak_mb"],
                f"{value['largest_difference']:.0e}",
                f"{value['different_masks']} of {len(answers)}",
                f"{value['lowest_dice']:g}",
            ]
        )
    missing = [name for name, by_cores in found.items() if not by_cores]
    head = [
        "engine",
        f"ms on {everything} cores (median / 95th percentile)",
        "ms on one core",
        "ready after, s",
        "memory at most, MB",
        "largest difference",
        "other masks",
        "lowest Dice with ours",
    ]
    text = (
        f"{markdown(head, rows)}\n\n{VIEWS} simulated views, one at a time, {ROUNDS} rounds of all"
        f" engines in turn, each in a process of its own; `{folder.parent.name} {folder.name}`,"
        f" {ours.shape[1]} x {ours.shape[2]} pixels. Ready is when the first view is read, from the"
        " start of the process: what a script for each study would wait every time. Differences"
        " are those of the network's output (0 to 1) from ours; a mask is another one where any"
        " pixel is. The ranges of int8 are those of"
        f" {CALIBRATION_VIEWS} other views (NNCF, after training)."
    )
    if missing:
        text += f" Not installed, or not on this processor: {', '.join(missing)}."
    return Figures("engines", "The network under other engines", text, values)


if __name__ == "__main__":
    run_one(measure)
