"""Two readings of one scan, compared: what a candidate would have changed. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from adjuvant.findings import Findings
from adjuvant.preprocess import Mask
from adjuvant.structures import NODULES


@dataclass(frozen=True)
class Comparison:
    """What a candidate does otherwise on one scan.

    `dice` is of the whole gland on all frames, None where neither sees one; `area_cm2` the
    difference of the first measured area, candidate minus active, None where one has none.
    `gained` are nodules of the candidate that touch none of the active version, `lost` the reverse.
    """

    dice: float | None
    area_cm2: float | None
    gained: int
    lost: int


def compare(active: Findings, candidate: Findings) -> Comparison:
    """Compare readings of the same scan: their masks are on the same matrix."""
    ours, theirs = _gland(active), _gland(candidate)
    first, second = _nodules(active, ours.shape), _nodules(candidate, ours.shape)
    return Comparison(
        dice(ours, theirs),
        _area_difference(active, candidate),
        _new(second, first),
        _new(first, second),
    )


def dice(one: Mask, other: Mask) -> float | None:
    """Dice of two masks of any shape; None where both are empty."""
    total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / total if total else None


def _gland(findings: Findings) -> Mask:
    return findings.segments[0].masks


def _nodules(findings: Findings, shape: tuple[int, ...]) -> Mask:
    """Every nodule, bool (frames, rows, columns)."""
    found = np.zeros(shape, bool)
    for segment in findings.segments:
        if segment.type.value in NODULES:
            found |= segment.masks
    return found


def _new(found: Mask, known: Mask) -> int:
    """How many separate places of `found` touch nothing of `known`, frame by frame."""
    number = 0
    for here, there in zip(found, known, strict=True):
        places, count = label(here, structure=np.ones((3, 3), bool))
        number += count - len(set(np.unique(places[there])) - {0})
    return number


def _area_difference(active: Findings, candidate: Findings) -> float | None:
    """On the first view on which either of them sees a gland; 0 cm² where the other sees none."""
    for one, other in zip(active.measures, candidate.measures, strict=False):
        first, second = one.gland_area_cm2, other.gland_area_cm2
        seen = one.gland_pixels or other.gland_pixels
        if seen and first is not None and second is not None:
            return second - first
    return None
