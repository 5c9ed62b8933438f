"""Are new scans like those that a network learnt from? By intensities, sizes and equipment.

A network is only measured on what resembles its training; where scans differ, its figures say less
than they seem to. This looks at scans, not at outlines being right.

A measure has shifted where surely (by the 95 % interval of the rate)

- more than twice as many scans as expected lie outside of the range that holds 90 % of the
  training scans; or
- more than half of the scans lie above the upper, or below the lower quarter of them.

The interval is as wide as if each patient had one scan: scans of a patient resemble each other.
Of fewer than ten patients only the equipment is judged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.datasets.fingerprint import DIGITS, Tally, percentiles
from training.datasets.properties import NOT_TOLD, PARALLEL, PINHOLE
from training.figures import Rate
from training.metrics import wilson

# What of a fingerprint tells that the network never saw such a scan.
EQUIPMENT = ("isotope", "collimator", "view", "vendor", "camera", "centre")
EXPECTED_OUTSIDE = 0.1
FEWEST_PATIENTS = 10
# Fingerprints are rounded: what is nearer to one of their numbers may be equal to it.
ROUNDED = 10.0**-DIGITS
NAMES = {
    "spacing_mm": "pixel size in mm",
    "total_counts": "total counts",
    "highest_pixel": "counts of the highest pixel",
    "mean_counts": "mean counts of a pixel",
    "empty_pixels": "part of pixels without a count",
    "mean_counts_in_gland": "mean counts of a pixel of the gland",
    "gland_to_rest": "gland to the rest of the image, mean counts",
    "gland_area_cm2": "area of the gland in cm²",
}


@dataclass(frozen=True)
class Shift:
    """One measure: percentiles (p5 to p95) of both, and how many new scans lie outside of the
    training's p5 to p95."""

    name: str
    training: dict[str, float]
    new: dict[str, float]
    outside: Rate
    shifted: bool


@dataclass(frozen=True)
class Unseen:
    """So many scans of a kind that training had none of."""

    kind: str
    value: str
    scans: int


@dataclass(frozen=True)
class Shifts:
    """Everything that was compared."""

    scans: int
    training_scans: int
    measures: tuple[Shift, ...]
    unseen: tuple[Unseen, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each thing in which these scans differ; empty where in none."""
        kinds = [
            f"{one.scans} of {self.scans} scans: {one.kind} {one.value}, of which training had none"
            for one in self.unseen
        ]
        return (*kinds, *(_sentence(one) for one in self.measures if one.shifted))


def _sentence(one: Shift) -> str:
    low, high = one.training["p5"], one.training["p95"]
    return (
        f"{NAMES.get(one.name, one.name)}: {one.outside.part} of {one.outside.whole} scans "
        f"({one.outside.part / one.outside.whole:.0%}) outside of {number(low)} to {number(high)}, "
        f"which holds 90 % of the training scans; median {number(one.new['p50'])}, in training "
        f"{number(one.training['p50'])}"
    )


def number(value: float) -> str:
    """Three figures are enough, and no exponents: 169000 and 0.0107."""
    return f"{float(f'{value:.3g}'):.10g}"


def compare(training: dict[str, Any], new: Tally) -> Shifts:
    """New scans against the fingerprint of the training scans, in what both of them have."""
    measures = [
        _shift(name, training[name], pairs)
        for name, pairs in new.measured.items()
        if training.get(name)
    ]
    unseen = [
        Unseen(kind, value, number)
        for kind in EQUIPMENT
        for value, number in new.counted[kind].most_common()
        if value != NOT_TOLD and kind in training and not _is_known(kind, value, training[kind])
    ]
    unseen += [
        Unseen("matrix", matrix, number)
        for matrix, number in new.matrices.most_common()
        if matrix not in training.get("matrices", {matrix: 1})
    ]
    return Shifts(new.scans, int(training["scans"]), tuple(measures), tuple(unseen))


def _is_known(kind: str, value: str, known: Collection[str]) -> bool:
    """Whether training had such scans: "parallel" stands for any collimator that does not magnify,
    as headers tell no more, and simulated scans have LEHR, LEAP and so on."""
    if value in known or kind != "collimator" or value == PINHOLE:
        return value in known
    if value == PARALLEL:
        return any(one not in (PINHOLE, NOT_TOLD) for one in known)
    return PARALLEL in known


def _shift(name: str, training: dict[str, float], pairs: Sequence[tuple[str, float]]) -> Shift:
    numbers = np.asarray([value for _, value in pairs])
    patients = len({patient for patient, _ in pairs})
    over, under = numbers - ROUNDED, numbers + ROUNDED
    outside = _rate((under < training["p5"]) | (over > training["p95"]), patients)
    above, below = (
        _rate(one, patients) for one in (over > training["p75"], under < training["p25"])
    )
    shifted = outside.low > 2 * EXPECTED_OUTSIDE or max(above.low, below.low) > 0.5
    judged = patients >= FEWEST_PATIENTS
    return Shift(name, training, percentiles(numbers), outside, judged and shifted)


def _rate(hits: np.ndarray[Any, np.dtype[np.bool_]], patients: int) -> Rate:
    part, whole = int(hits.sum()), len(hits)
    return Rate(part, whole, *wilson(part * patients / whole, patients))
