"""Is an image like those that a network learnt from? By numbers that need no network.

A network answers anything, also what it never learnt: an inverted picture, one whose background was
cut off, four views in one frame, another modality. Its own doubt tells little of that: it is as
sure of much that it never saw (Hein, CVPR 2019). So an image is described by a few measures of its
counts, and compared with what these were of the scans of the training, by their Mahalanobis
distance (Lee, NeurIPS 2018, there of a network's features): how many usual deviations away it lies,
in the mean of all directions. `USUAL` percent of those scans lie nearer than the limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass as validated

from adjuvant.preprocess import Image, resample

Measures = NDArray[np.float64]

LEVELS = (10, 50, 75, 90, 97)
# Name of each measure, and what of an image it is about (each of these is a sentence of its own in
# `adjuvant.results.remarks`).
MEASURES = {
    **dict.fromkeys(("total", "mean"), "its counts"),
    "empty": "its empty pixels",
    **dict.fromkeys(("noise", "grain"), "its noise"),
    "peak": "its brightness",
    **dict.fromkeys((f"level_{level}" for level in LEVELS), "its brightness"),
    **dict.fromkeys(("centre", "inside", "height", "width"), "where its counts lie"),
    **dict.fromkeys(("row", "column"), "where its counts lie"),
}
USUAL = 99.0
# Of the coarse image in which all is measured but noise: of 64 pixels, single counts do not matter.
COARSE = 64
BRIGHT_PERCENTILE = 99.8
BORDER = 0.05
# Keeps logarithms finite; far below what any measure is.
LEAST = 1e-3


@validated(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Familiar:
    """What the measures of `scans` scans of a training were: mean and deviation, the inverse
    of their correlation, and the distance that `USUAL` percent of the scans stay below."""

    measures: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float
    scans: int

    @model_validator(mode="after")
    def _complete(self) -> Familiar:
        number = len(MEASURES)
        if self.measures != tuple(MEASURES):
            raise ValueError(f"measures must be {', '.join(MEASURES)}")
        shapes = (len(self.mean), len(self.deviation), *map(len, self.precision))
        if shapes != (number,) * (number + 2):
            raise ValueError(f"mean, deviation and precision must have {number} numbers each")
        if not (min(self.deviation) > 0 and self.limit > 0):
            raise ValueError("deviation and limit must be positive")
        return self

    def parts(self, measured: Measures) -> Measures:
        """What each measure adds to the square of the distance, times their number: (n,)."""
        away = (measured - np.array(self.mean)) / np.array(self.deviation)
        parts: Measures = away * (np.array(self.precision) @ away)
        return parts

    def distance(self, measured: Measures) -> float:
        """How many usual deviations away from the mean, in the mean of all directions."""
        return float(np.sqrt(max(self.parts(measured).mean(), 0.0)))

    def unusual(self, counts: Image) -> str | None:
        """Counts (rows, columns), not all 0 -> that the image is unlike, and in what most: the
        second half of a sentence. None where it is not."""
        measured = describe(counts)
        times = self.distance(measured) / self.limit
        if times <= 1:
            return None
        most = tuple(MEASURES.values())[int(np.argmax(self.parts(measured)))]
        return f"unlike those of the training: {most} ({times:.1f} times the limit)"


def describe(counts: NDArray[Any]) -> Measures:
    """The measures of an image (rows, columns) that is not all 0, in the order of `MEASURES`."""
    # The whole image in single precision: it may have 4096 x 4096 pixels.
    fine = counts.astype(np.float32, copy=False)
    total = float(fine.sum(dtype=np.float64))
    coarse = np.maximum(resample(counts, COARSE).astype(np.float64), 0.0)
    bright = max(float(np.percentile(coarse, BRIGHT_PERCENTILE)), LEAST)
    levels = np.percentile(coarse, LEVELS) / bright
    empty = float((fine <= 0).mean())
    return np.array(
        [
            np.log10(max(total, LEAST)),
            np.log10(max(total / fine.size, LEAST)),
            np.log((empty + 0.01) / (1.01 - empty)),
            *np.log10(noise_and_grain(fine) + LEAST),
            np.log10(max(float(fine.max()) / bright, LEAST)),
            *np.log10(levels + LEAST),
            *_places(coarse),
        ]
    )


def noise_and_grain(counts: Image) -> Measures:
    """Squared differences of neighbours over their sum, 1 for Poisson noise on an even ground; and
    those of next neighbours over these, more where noise was smoothed: (2,)."""
    near, far = (_squared(counts[:, step:] - counts[:, :-step]) for step in (1, 2))
    total = sum(float(side.sum(dtype=np.float64)) for side in (counts[:, 1:], counts[:, :-1]))
    return np.array([near / max(total, LEAST), far / max(near, LEAST)])


def _squared(differences: Image) -> float:
    """The sum of their squares, which single precision may not hold; without a copy in double."""
    return float(np.einsum("rc,rc->", differences, differences, dtype=np.float64))


def _places(coarse: Measures) -> Measures:
    """Where the counts are: part in the middle half, part within the border, spread in both
    directions over the longer side, centre in both directions: (6,)."""
    rows, columns = coarse.shape
    total = max(float(coarse.sum()), LEAST)
    middle = coarse[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    border = max(1, round(BORDER * max(rows, columns)))
    spreads, centres = [], []
    for axis in (1, 0):
        profile = coarse.sum(axis=axis) / total
        place = np.arange(len(profile)) + 0.5
        centre = float(profile @ place)
        spreads.append(np.sqrt(float(profile @ np.square(place - centre))) / max(rows, columns))
        centres.append(centre / len(profile))
    inside = coarse[border:-border, border:-border].sum() / total
    return np.array([middle.sum() / total, inside, *spreads, *centres])
