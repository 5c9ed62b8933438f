"""What the second network sees, shared by training and inference: the gland, and nothing else.

A square around the gland's outline becomes a square of the network's size, so that a lobe is as
large in a 64 x 64 scan of the whole neck as in a pinhole image of 512 x 512. Counts are brought to
the gland's own scale:

- channel 0, the square root of counts over the gland's own bright level, which makes Poisson noise
  equally strong everywhere (Anscombe, Biometrika 1948);
- channel 1, the outline itself (0 to 1), because a cold nodule at the margin is known only by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as validated
from scipy.ndimage import uniform_filter

from adjuvant.measure import window_around
from adjuvant.preprocess import Image, Mask, resampling

Pixel = TypeVar("Pixel", np.float32, np.uint16, np.bool_)

# Of the gland's brightest pixel. Below it, there is no scale to find.
SMALLEST = 1e-6


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class CloseUp:
    """The numbers of the definition above; they are part of a model's contract.

    `margin` is the square's side over the longer side of the gland's bounding box.
    """

    margin: float
    size: int = 128
    bright_percentile: float = 95.0
    ceiling: float = 2.0


@dataclass(frozen=True)
class Square:
    """`side` x `side` pixels of an image from `top` and `left` on, which may lie outside of it."""

    top: int
    left: int
    side: int

    def cut(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """The square of `image` (rows, columns); zeros where it is beyond the border."""
        cut: NDArray[Pixel] = np.zeros((self.side, self.side), image.dtype)
        inner, outer = self._overlap((image.shape[0], image.shape[1]))
        cut[inner] = image[outer]
        return cut

    def put(self, square: Image, shape: tuple[int, int]) -> Image:
        """The way back: (side, side) to its place in zeros of `shape` (rows, columns)."""
        image = np.zeros(shape, square.dtype)
        inner, outer = self._overlap(shape)
        image[outer] = square[inner]
        return image

    def _overlap(self, shape: tuple[int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """What lies on the image: in the square's own pixels, and in the image's."""
        inner, outer = [], []
        for first, length in zip((self.top, self.left), shape, strict=True):
            low, high = max(first, 0), min(first + self.side, length)
            inner.append(slice(low - first, max(high - first, low - first)))
            outer.append(slice(low, max(high, low)))
        return tuple(inner), tuple(outer)


def longest_side(mask: Mask) -> int:
    """Of the bounding box of a mask that is not empty, in pixels."""
    return _longest(window_around(mask, 0))


def _longest(box: tuple[slice, slice]) -> int:
    return max(int(span.stop - span.start) for span in box)


def square_around(gland: Mask, margin: float) -> Square:
    """The square around a mask (rows, columns). Raises ValueError for an empty one."""
    if not gland.any():
        raise ValueError("there is no gland to look at")
    box = window_around(gland, 0)
    side = max(4, round(_longest(box) * margin))
    top, left = (round((span.start + span.stop - side) / 2) for span in box)
    return Square(top, left, side)


def look_closer(counts: Image, gland: Mask, plan: CloseUp) -> tuple[Image, Square]:
    """Counts and outline (rows, columns) -> the network's input (size, size, 2), float32, and
    where it was cut. Raises ValueError where the outline is empty."""
    square = square_around(gland, plan.margin)
    return close_up_of(square.cut(counts), square.cut(gland), plan), square


def close_up_of(counts: Image, gland: Mask, plan: CloseUp) -> Image:
    """The same of what was cut already: counts and outline (side, side)."""
    positive = np.maximum(counts, 0)
    highest = float(positive[gland].max(initial=0)) or 1.0
    relative = (positive / highest).astype(np.float32)
    # The mean of the 3 x 3 neighbours that belong to the gland: what is hot beside it stays out.
    share = uniform_filter(gland.astype(np.float32), 3, mode="constant")
    smooth = uniform_filter(relative * gland, 3, mode="constant")[gland] / share[gland]
    bright = float(np.percentile(smooth, plan.bright_percentile)) if smooth.size else 1.0
    matrix = resampling(counts.shape[0], plan.size)
    resampled = matrix @ relative @ matrix.T / max(bright, SMALLEST)
    root = np.minimum(np.sqrt(resampled), plan.ceiling)
    outline = matrix @ gland.astype(np.float32) @ matrix.T
    return np.stack([root, outline], axis=-1).astype(np.float32, copy=False)


def on_source_matrix(probability: Image, square: Square, shape: tuple[int, int]) -> Image:
    """The network's answer (size, size) -> the scan's own matrix of `shape`, zeros elsewhere."""
    matrix = resampling(probability.shape[0], square.side)
    return square.put((matrix @ probability @ matrix.T).astype(np.float32), shape)
