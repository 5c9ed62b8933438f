"""Shapes -> masks, by one rule: a pixel belongs to a shape when its centre lies inside.

Inside is what the outline winds around (the nonzero rule): where a hand-drawn line crosses itself,
or runs over its own start, the small loop stays filled; under the even-odd rule it would be a hole.
RTSTRUCT's CLOSEDPLANAR_XOR asks for even-odd, and gets it. A centre exactly on the line belongs
to a shape on its left or upper side, not on its right or lower one, so that two shapes that share
an edge share no pixel and leave none out. No pixel counts in part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.rois.drawing import Ellipse, Mask, Outline, Points


def rasterise_outline(outline: Outline, matrix: tuple[int, int]) -> Mask:
    """The pixels whose centre the rings enclose, bool (rows, columns); outside parts are cut off.

    A ring is closed from its last point to its first.
    """
    rows, columns = matrix
    steps = np.zeros((rows, columns + 1), np.int64)
    for ring in outline.rings:
        _add_ring(steps, ring)
    winding: NDArray[Any] = steps.cumsum(axis=1)[:, :columns]
    if outline.rule == "even-odd":
        return np.asarray(winding % 2 != 0)
    return np.asarray(winding != 0)


def _add_ring(steps: NDArray[np.int64], ring: Points) -> None:
    """Where the ring crosses a row of centres, the winding changes from there on to the right."""
    rows, columns = steps.shape[0], steps.shape[1] - 1
    centres = np.arange(rows) + 0.5
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        crossed = np.flatnonzero((low <= centres) & (centres < high))
        at = x0 + (centres[crossed] - y0) * (x1 - x0) / (y1 - y0)
        first = np.clip(np.ceil(at - 0.5), 0, columns).astype(np.int64)
        np.add.at(steps, (crossed, first), 1 if y1 > y0 else -1)


def rasterise_ellipse(ellipse: Ellipse, matrix: tuple[int, int]) -> Mask:
    """The pixels whose centre lies inside the ellipse or on it, bool (rows, columns)."""
    rows, columns = matrix
    y, x = np.mgrid[:rows, :columns] + 0.5
    across, down = ellipse.right - ellipse.left, ellipse.bottom - ellipse.top
    if across <= 0 or down <= 0:
        return np.zeros(matrix, np.bool_)
    middle_x, middle_y = (ellipse.left + ellipse.right) / 2, (ellipse.top + ellipse.bottom) / 2
    return np.asarray(
        ((x - middle_x) / (across / 2)) ** 2 + ((y - middle_y) / (down / 2)) ** 2 <= 1
    )
