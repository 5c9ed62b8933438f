"""What is measured of one nodule: how large it is, how much it takes away, and where it lies.

Contrast is the part of the counts that the nodule takes away: one, less its mean counts over those
of the gland about it, as `docs/truth.md` has it for simulated nodules, with the gland beside it in
the place of the gland without it. Counts are not corrected for what lies in front and behind. What
a nodule has outside of the gland's outline lacks counts for another reason and is left out; of one
that lies mostly there, nothing is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

from adjuvant.measure import window_around
from adjuvant.preprocess import Image, Mask

Third = Literal["upper", "middle", "lower"]

THIRDS: tuple[Third, ...] = ("upper", "middle", "lower")
# The gland about a nodule: so far from its edge, of its equivalent diameter, but at least so many
# pixels; where fewer are left of it there is nothing to compare with.
REACH = 0.5
LEAST_REACH_PIXELS = 2.0
FEWEST_PIXELS = 12
# Of a nodule's pixels: with fewer in a lobe it lies between the lobes, or is astride of them.
MOSTLY = 0.5
# Of a nodule's pixels: with fewer in the gland it has no contrast (`docs/truth.md`, detectable).
INSIDE = 0.6
DIRECTIONS = 90


@dataclass(frozen=True)
class Around:
    """Where a nodule lies, bool (rows, columns) each: the whole gland, the gland without any
    nodule, and the lobes by their code, empty where they are not told apart."""

    gland: Mask
    healthy: Mask
    lobes: Mapping[str, Mask]


@dataclass(frozen=True)
class NoduleMeasures:
    """One nodule on one view; None means "not measured" or "not told".

    `length_mm` is the longest diameter of its outline; `contrast` from 0 (as the gland about it)
    to 1 (no counts), negative where it is hotter; `lobe` the SNOMED CT code of the lobe that holds
    most of it, `third` of that lobe's height in the image.
    """

    length_mm: float | None
    contrast: float | None
    lobe: str | None
    third: Third | None


def measure_nodule(
    counts: Image,
    nodule: Mask,
    around: Around,
    spacing_mm: tuple[float, float] | None,
) -> NoduleMeasures:
    """Measure a nodule that is not empty; all arrays are (rows, columns) of one view.

    `spacing_mm` is None where pixels have no one size.
    """
    lobes = around.lobes
    lobe = next((code for code, mask in lobes.items() if _mostly_in(nodule, mask)), None)
    return NoduleMeasures(
        None if spacing_mm is None else longest_diameter(nodule, spacing_mm),
        contrast(counts, nodule, around),
        lobe,
        None if lobe is None else _third(nodule, lobes[lobe]),
    )


def longest_diameter(mask: Mask, spacing: tuple[float, float]) -> float:
    """The longest diameter (Feret) of a mask: between the centres of its pixels, and a pixel more,
    in the unit of `spacing` (between rows, between columns)."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.column_stack([np.tile(rows, 2), np.concatenate([first, last])]) * spacing
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    directions = np.stack([np.sin(angles), np.cos(angles)])
    along = ends @ directions
    return float((along.max(axis=0) - along.min(axis=0)).max() + math.sqrt(spacing[0] * spacing[1]))


def contrast(counts: Image, nodule: Mask, around: Around) -> float | None:
    """See the module; None where too little of the nodule is in the gland, or too little healthy
    gland is near, or it holds no counts."""
    inside = nodule & around.gland
    if np.count_nonzero(inside) < INSIDE * np.count_nonzero(nodule):
        return None
    diameter = 2 * math.sqrt(np.count_nonzero(nodule) / math.pi)
    reach = max(REACH * diameter, LEAST_REACH_PIXELS)
    window = window_around(nodule, math.ceil(reach))
    near = around.healthy[window] & (distance_transform_edt(~nodule[window]) <= reach)
    if np.count_nonzero(near) < FEWEST_PIXELS:
        return None
    expected = float(counts[window][near].mean(dtype=np.float64))
    found = float(counts[inside].mean(dtype=np.float64))
    return 1 - found / expected if expected > 0 else None


def _mostly_in(nodule: Mask, lobe: Mask) -> bool:
    return bool(np.count_nonzero(nodule & lobe) > MOSTLY * np.count_nonzero(nodule))


def _third(nodule: Mask, lobe: Mask) -> Third:
    """Where the nodule's centre is in the lobe's height."""
    rows = np.flatnonzero(lobe.any(axis=1))
    centre = float(np.nonzero(nodule)[0].mean())
    part = (centre - rows[0] + 0.5) / (rows[-1] - rows[0] + 1)
    return THIRDS[min(max(int(part * len(THIRDS)), 0), len(THIRDS) - 1)]
