"""Nodules that a person outlined, one by one, with what can be measured of each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_dilation, label

from adjuvant.preprocess import Image
from training.phantom.case import Nodule
from training.rois.placing import Placed

RING_PIXELS = 3
# So many times the mean counts around it, and an outlined nodule is no cold one; and so many
# standard deviations of its own mean. The hottest of 333 detectable cold ones that were simulated
# (seed 901) had 1.22 times, behind thick tissue.
HOT = 1.25
NOISES = 3.0


def nodules_of(
    placed: Placed, counts: Image, spacing_mm: tuple[float, float] | None
) -> tuple[Nodule, ...]:
    """Each connected nodule. `size_mm` is 0 where pixels have no size.

    Contrast is measured against the gland in a ring around the nodule, 0 where there is none; a
    nodule that a person outlined counts as detectable.
    """
    parts, number = label(placed.nodules, np.ones((3, 3)))
    return tuple(
        _nodule(parts == one, placed, counts, spacing_mm) for one in range(1, int(number) + 1)
    )


def without_hot(placed: Placed, counts: Image) -> tuple[Placed, int]:
    """The same with the nodules that are clearly hotter than the gland around them as mere gland,
    whatever they were called; how many they were."""
    parts, number = label(placed.nodules, np.ones((3, 3)))
    cold, hot = placed.nodules.copy(), 0
    for one in range(1, int(number) + 1):
        mask = parts == one
        around = _around(mask, placed, counts)
        if _is_hot(float(counts[mask].mean()), around, int(mask.sum())):
            cold[mask] = False
            hot += 1
    return replace(placed, nodules=cold), hot


def _is_hot(inside: float, around: float, pixels: int) -> bool:
    """Mean counts of a nodule of so many pixels against those around it, beyond their noise."""
    excess = inside - around
    return around > 0 and inside > HOT * around and excess > NOISES * math.sqrt(around / pixels)


def _around(mask: np.ndarray, placed: Placed, counts: Image) -> float:
    """Mean counts of the gland in a ring around a nodule, 0 where there is none."""
    ring = binary_dilation(mask, iterations=RING_PIXELS) & placed.gland & ~placed.nodules
    return float(counts[ring].mean()) if ring.any() else 0.0


def _nodule(
    mask: np.ndarray, placed: Placed, counts: Image, spacing_mm: tuple[float, float] | None
) -> Nodule:
    area = 0.0 if spacing_mm is None else float(mask.sum()) * spacing_mm[0] * spacing_mm[1]
    around = _around(mask, placed, counts)
    deficit = around - float(counts[mask].mean())
    return Nodule(
        mask=mask,
        size_mm=2 * math.sqrt(area / math.pi),
        contrast=min(1.0, max(0.0, deficit / around)) if around > 0 else 0.0,
        snr=max(0.0, deficit * math.sqrt(float(mask.sum()) / around)) if around > 0 else 0.0,
        detectable=True,
    )
