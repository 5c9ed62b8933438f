"""How well a mask agrees with the truth, and how sure the figure is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Mask = NDArray[np.bool_]
Statistic = Callable[[NDArray[np.float64]], float]

STATISTICS: dict[str, Statistic] = {
    "mean": lambda values: float(np.mean(values)),
    "median": lambda values: float(np.median(values)),
    "percentile_5": lambda values: float(np.percentile(values, 5)),
}


def dice(found: Mask, truth: Mask) -> float:
    """2 |A and B| / (|A| + |B|); two empty masks agree: 1."""
    total = int(found.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2.0 * int((found & truth).sum()) / total


def nearest_dice(found: Mask, readings: Iterable[Mask]) -> float:
    """Dice with the reading of several that agrees best with what was found."""
    return max(dice(found, one) for one in readings)


def hausdorff_95(found: Mask, truth: Mask, spacing_mm: tuple[float, float]) -> float | None:
    """95th percentile of the distances between both outlines, in mm, each way, the larger one.

    None where either mask is empty: there is no distance to nothing.
    """
    if not found.any() or not truth.any():
        return None
    one, other = _outline(found), _outline(truth)
    to_other = distance_transform_edt(~other, sampling=spacing_mm)[one]
    to_one = distance_transform_edt(~one, sampling=spacing_mm)[other]
    return float(max(np.percentile(to_other, 95), np.percentile(to_one, 95)))


def _outline(mask: Mask) -> Mask:
    """The mask's own border pixels, also where the image ends."""
    outline: Mask = mask & ~binary_erosion(mask, border_value=0)
    return outline


def bootstrap(
    values: Sequence[float] | NDArray[np.float64],
    patients: Sequence[str],
    statistic: Statistic,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of `statistic`, resampling whole patients (Efron, 1979).

    `values` has a scan's value, or array of values, at each place; `patients` whose scan it is.
    A patient's scans resemble each other: resampling scans would promise too much.
    """
    numbers = np.asarray(values, np.float64)
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    scans: list[NDArray[Any]] = [np.flatnonzero(owner == one) for one in range(owner.max() + 1)]
    generator = np.random.default_rng(seed)
    drawn = [
        statistic(numbers[np.concatenate([scans[one] for one in sample])])
        for sample in generator.integers(0, len(scans), (resamples, len(scans)))
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def paired_bootstrap(
    changes: Sequence[float],
    weights: Sequence[float],
    patients: Sequence[str],
    *,
    resamples: int = 4000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of sum(changes) / sum(weights), resampling whole patients.

    `changes` is what differs between two networks on the same scan: what makes a scan hard for
    both cancels out. Resamples without any weight say nothing and are left out.
    """
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    change = np.bincount(owner, np.asarray(changes, np.float64), len(names))
    weight = np.bincount(owner, np.asarray(weights, np.float64), len(names))
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        sample = generator.integers(0, len(names), len(names))
        if total := weight[sample].sum():
            drawn.append(change[sample].sum() / total)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def wilson(part: float, whole: int) -> tuple[float, float]:
    """95 % interval of the rate `part / whole` (Wilson, JASA 1927).

    A bootstrap of 20 out of 20 would promise certainty; this one gives 0.84 to 1.
    """
    z = 1.959964
    rate = part / whole
    middle = rate + z * z / (2 * whole)
    reach = z * math.sqrt(rate * (1 - rate) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
