"""What a data set consists of, in numbers: to describe it, and to compare later data with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from training.collect.collection import write_whole
from training.dataset import Entry, read_case
from training.datasets.split import read_split, side_of

FINGERPRINT = "fingerprint.json"
COUNTED = ("isotope", "collimator", "view", "vendor", "camera", "reader", "disease")
PERCENTILES = (5, 25, 50, 75, 95)


def fingerprint(folder: Path, entries: list[Entry]) -> dict[str, Any]:
    """Counts by property, matrices, and percentiles of sizes and counts. Reads every case."""
    split = read_split(folder)
    areas, totals, peaks, inside = [], [], [], []
    matrices: Counter[str] = Counter()
    for entry in entries:
        case = read_case(folder, entry)
        matrices[f"{case.counts.shape[0]} x {case.counts.shape[1]}"] += 1
        totals.append(float(case.counts.sum(dtype=np.int64)))
        peaks.append(float(case.counts.max()))
        if case.gland.any():
            inside.append(float(case.counts[case.gland].mean()))
        spacing = entry.properties.get("spacing_mm")
        if spacing and entry.properties.get("collimator") not in (None, "PINHOLE"):
            areas.append(float(case.gland.sum()) * float(spacing) ** 2 / 100)
    sides = Counter(side_of(split, entry) or "held back" for entry in entries) if split else {}
    return {
        "scans": len(entries),
        "patients": len({entry.patient_id for entry in entries}),
        "simulated": sum(bool(entry.properties.get("simulated", True)) for entry in entries),
        "with nodules": sum(bool(entry.properties.get("nodules")) for entry in entries),
        "sides": dict(sides),
        "matrices": dict(matrices),
        **{name: _counted(entries, name) for name in COUNTED},
        "spacing_mm": _percentiles(_numbers(entries, "spacing_mm")),
        "total_counts": _percentiles(totals),
        "highest_pixel": _percentiles(peaks),
        "mean_counts_in_gland": _percentiles(inside),
        "gland_area_cm2": _percentiles(areas),
    }


def write_fingerprint(folder: Path, found: dict[str, Any]) -> None:
    """Store it in the data set."""
    write_whole(folder / FINGERPRINT, (json.dumps(found, indent=1) + "\n").encode())


def _counted(entries: list[Entry], name: str) -> dict[str, int]:
    return dict(Counter(str(e.properties.get(name, "not told")) for e in entries).most_common())


def _numbers(entries: list[Entry], name: str) -> list[float]:
    values = (entry.properties.get(name) for entry in entries)
    return [float(value) for value in values if isinstance(value, int | float)]


def _percentiles(values: Iterable[float]) -> dict[str, float]:
    numbers = list(values)
    if not numbers:
        return {}
    found = np.percentile(numbers, PERCENTILES)
    return {
        f"p{part}": round(float(value), 4) for part, value in zip(PERCENTILES, found, strict=True)
    }
