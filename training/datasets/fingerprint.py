"""What a data set consists of, in numbers: to describe it, and to compare later data with it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from training.collect.collection import write_whole
from training.dataset import DatasetError, Entry, read_case
from training.datasets.properties import NOT_TOLD, PINHOLE
from training.datasets.split import read_split, side_of
from training.phantom.case import Case, Property
from training.progress import tracked

FINGERPRINT = "fingerprint.json"
COUNTED = ("isotope", "collimator", "view", "vendor", "camera", "centre", "reader", "disease")
PERCENTILES = (5, 25, 50, 75, 95)
# Decimals of what is stored.
DIGITS = 4


@dataclass
class Tally:
    """Adds up cases one by one; `measured` holds (patient, number) of every case that has it."""

    patients: set[str] = field(default_factory=set)
    scans: int = 0
    simulated: int = 0
    with_nodules: int = 0
    matrices: Counter[str] = field(default_factory=Counter)
    counted: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in COUNTED}
    )
    measured: defaultdict[str, list[tuple[str, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, case: Case) -> None:
        """Count and measure one case."""
        self.patients.add(case.patient_id)
        self.scans += 1
        self.simulated += bool(case.properties.get("simulated", True))
        self.with_nodules += bool(case.properties.get("nodules"))
        self.matrices[f"{case.counts.shape[0]} x {case.counts.shape[1]}"] += 1
        for name, counter in self.counted.items():
            counter[told(case.properties, name)] += 1
        for name, value in measures(case).items():
            if value is not None:
                self.measured[name].append((case.patient_id, value))

    def content(self) -> dict[str, Any]:
        """The fingerprint: numbers of scans by property, percentiles of what was measured."""
        return {
            "scans": self.scans,
            "patients": len(self.patients),
            "simulated": self.simulated,
            "with nodules": self.with_nodules,
            "matrices": dict(self.matrices),
            **{name: dict(counter.most_common()) for name, counter in self.counted.items()},
            **{name: percentiles(v for _, v in pairs) for name, pairs in self.measured.items()},
        }


def told(properties: dict[str, Property], name: str) -> str:
    """A property as it is counted."""
    value = properties.get(name)
    return NOT_TOLD if value is None else str(value)


def measures(case: Case) -> dict[str, float | None]:
    """Size and intensities of one case; None where the scan does not allow it.

    Counts are per pixel but for the total; areas need pixels of one known size (no pinhole).
    """
    counts, gland = case.counts.astype(np.float64), case.gland
    spacing = case.properties.get("spacing_mm")
    inside = float(counts[gland].mean()) if gland.any() else None
    rest = float(counts[~gland].mean()) if not gland.all() else 0.0
    flat = case.properties.get("collimator") not in (None, PINHOLE)
    return {
        "spacing_mm": float(spacing) if isinstance(spacing, int | float) else None,
        "total_counts": float(counts.sum()),
        "highest_pixel": float(counts.max()),
        "mean_counts": float(counts.mean()),
        "empty_pixels": float((counts == 0).mean()),
        "mean_counts_in_gland": inside,
        "gland_to_rest": inside / rest if inside is not None and rest > 0 else None,
        "gland_area_cm2": float(gland.sum()) * float(spacing) ** 2 / 100
        if spacing and flat
        else None,
    }


def tally_of(folder: Path, entries: list[Entry], console: Console | None = None) -> Tally:
    """The tally of these cases, which are read one by one, under a progress bar on `console`."""
    tally = Tally()
    for entry in tracked(entries, "measuring", console):
        tally.add(read_case(folder, entry))
    return tally


def fingerprint(folder: Path, entries: list[Entry], tally: Tally) -> dict[str, Any]:
    """The fingerprint of these cases, and how they are divided."""
    split = read_split(folder)
    sides = Counter(side_of(split, entry) or "held back" for entry in entries) if split else {}
    return tally.content() | {"sides": dict(sides)}


def write_fingerprint(folder: Path, found: dict[str, Any]) -> None:
    """Store it in the data set, run or model version."""
    write_whole(folder / FINGERPRINT, (json.dumps(found, indent=1) + "\n").encode())


def read_fingerprint(folder: Path) -> dict[str, Any] | None:
    """The fingerprint in a folder; None where there is none. Raises DatasetError if damaged."""
    path = folder / FINGERPRINT
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise DatasetError(f"cannot read {path}: {fault}") from fault
    return content


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """The 5th, 25th, 50th, 75th and 95th percentile, by name; nothing of nothing."""
    numbers = list(values)
    if not numbers:
        return {}
    found = np.percentile(numbers, PERCENTILES)
    return {
        f"p{part}": round(float(value), DIGITS)
        for part, value in zip(PERCENTILES, found, strict=True)
    }
