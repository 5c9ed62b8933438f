"""THE definition of what a network sees, shared by training and inference.

A planar scan of any matrix becomes a square of the network's size: the image is fitted into the
square with its aspect kept and centred on zeros, by averaging when it shrinks and linear
interpolation when it grows (both in one separable matrix product). Counts are then brought to a
scale that does not depend on acquisition time, by two views of the same counts:

- channel 0, the square root of counts over the robust maximum of the smoothed image. The square
  root makes Poisson noise equally strong everywhere (Anscombe, Biometrika 1948);
- channel 1, the logarithm of counts over the mean of the image, which keeps a faint gland
  readable beside a hot nodule or a contamination that takes the whole scale of channel 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as validated
from scipy.ndimage import uniform_filter

from adjuvant.errors import Refusal

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

CHANNELS = 2
# Of the highest pixel. Below it, all but a few pixels are empty: there is no scale to find.
SMALLEST = 1e-6


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class Preprocessing:
    """The numbers of the definition above; they are part of a model's contract."""

    size: int = 256
    scale_percentile: float = 99.8
    sqrt_ceiling: float = 4.0
    log_gain: float = 0.5
    log_ceiling: float = 4.0


@dataclass(frozen=True)
class Fit:
    """Where an image of `shape` lies in the square of `size`: `rows` x `columns` at `top, left`."""

    shape: tuple[int, int]
    size: int
    top: int
    left: int
    rows: int
    columns: int


def fit(shape: tuple[int, int], size: int) -> Fit:
    """Place an image of shape (rows, columns) in the network's square, aspect kept, centred."""
    longest = max(shape)
    rows, columns = (max(1, round(side * size / longest)) for side in shape)
    return Fit(shape, size, (size - rows) // 2, (size - columns) // 2, rows, columns)


@lru_cache(maxsize=64)
def resampling(source: int, target: int) -> Image:
    """Matrix (target, source), float32, whose product resamples one axis; every row sums to 1.

    A target pixel takes the source pixels below its own footprint (a box of one target pixel)
    convolved with a triangle of one source pixel, so that shrinking averages and growing
    interpolates linearly. Pixel centres are at half-integers: no shift between the two grids.
    """
    step = source / target
    centres = (np.arange(target) + 0.5) * step - 0.5
    half = max(step, 1.0)
    distance = np.abs(np.arange(source)[None, :] - centres[:, None])
    weights = np.clip(1.0 - distance / half, 0.0, None)
    # Beyond the border the image continues with its last pixel.
    for side, outside in (
        (0, np.arange(-int(half) - 1, 0)),
        (-1, source + np.arange(int(half) + 1)),
    ):
        beyond = np.clip(1.0 - np.abs(outside[None, :] - centres[:, None]) / half, 0.0, None)
        weights[:, side] += beyond.sum(axis=1)
    matrix: Image = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def resample(image: NDArray[Any], size: int) -> Image:
    """Resample (rows, columns) to its part of a square of `size`, aspect kept; means are kept."""
    where = fit((image.shape[0], image.shape[1]), size)
    rows = resampling(image.shape[0], where.rows) @ image.astype(np.float32, copy=False)
    resampled: Image = rows @ resampling(image.shape[1], where.columns).T
    return resampled


def to_square(image: NDArray[Any], size: int) -> Image:
    """Resample (rows, columns) into (size, size), float32, zeros around."""
    return pad(resample(image, size), fit((image.shape[0], image.shape[1]), size))


def pad(inner: Image, where: Fit) -> Image:
    """Put (where.rows, where.columns, ...) at its place in a square of zeros."""
    square = np.zeros((where.size, where.size, *inner.shape[2:]), np.float32)
    square[where.top : where.top + where.rows, where.left : where.left + where.columns] = inner
    return square


def from_square(square: Image, shape: tuple[int, int]) -> Image:
    """The way back: (size, size) onto the source's own matrix of `shape`, pixel for pixel."""
    where = fit(shape, square.shape[0])
    inner = square[where.top : where.top + where.rows, where.left : where.left + where.columns]
    rows: Image = resampling(where.rows, shape[0]) @ inner
    restored: Image = rows @ resampling(where.columns, shape[1]).T
    return restored


def on_source_matrix(probabilities: Image, shape: tuple[int, int]) -> Image:
    """(frames, size, size, labels) -> (frames, rows, columns, labels), pixel for pixel."""
    frames, _, _, labels = probabilities.shape
    restored = np.empty((frames, *shape, labels), np.float32)
    for frame in range(frames):
        for one in range(labels):
            restored[frame, :, :, one] = from_square(probabilities[frame, :, :, one], shape)
    return restored


def prepare(counts: Image, plan: Preprocessing) -> Image:
    """Counts (rows, columns) -> the network's input (size, size, 2), float32.

    Raises Refusal on what no network can read: an image without any structure.
    """
    low, high = float(counts.min()), float(counts.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise Refusal("pixel-values", "the pixels hold values that are not numbers")
    if high <= 0 or low == high:
        raise Refusal("flat-image", f"the image is flat: every pixel holds {high:g} counts")
    where = fit((counts.shape[0], counts.shape[1]), plan.size)
    return pad(normalise(resample(np.maximum(counts, 0), plan.size), plan), where)


def normalise(image: Image, plan: Preprocessing) -> Image:
    """Counts on the network's grid (rows, columns) -> both channels (rows, columns, 2), float32."""
    # Relative to the highest pixel: counts may come as anything from 1e-30 to 1e30 (rescaled).
    highest = float(image.max())
    relative: Image = (image / (highest or 1.0)).astype(np.float32, copy=False)
    smooth = uniform_filter(relative, 3, mode="nearest")
    robust_maximum = max(float(np.percentile(smooth, plan.scale_percentile)), SMALLEST)
    mean = max(float(relative.mean(dtype=np.float64)), SMALLEST)
    root = np.minimum(np.sqrt(relative / robust_maximum), plan.sqrt_ceiling)
    log = np.minimum(np.log1p(relative / mean) * plan.log_gain, plan.log_ceiling)
    return np.stack([root, log], axis=-1).astype(np.float32, copy=False)
