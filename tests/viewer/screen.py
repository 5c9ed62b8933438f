"""Compares what the screen shows with what a mask says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]

# A fill of low opacity over black still moves one colour channel by more than this.
VISIBLE = 12


def changed(shown: Path, hidden: Path) -> Mask:
    """Where two screenshots differ: the region that a segment colours, bool (height, width)."""
    first, second = (np.asarray(Image.open(path).convert("RGB"), int) for path in (shown, hidden))
    difference: Mask = np.abs(first - second).max(axis=2) > VISIBLE
    return difference


def expected(mask: Mask, canvas: tuple[int, int]) -> Mask:
    """`mask` (rows, columns) as a viewer shows it: fitted into the canvas (height, width)."""
    rows, columns = mask.shape
    height, width = canvas
    scale = min(height / rows, width / columns)
    y = (np.arange(height) + 0.5 - height / 2) / scale + rows / 2
    x = (np.arange(width) + 0.5 - width / 2) / scale + columns / 2
    inside = ((y >= 0) & (y < rows))[:, None] & ((x >= 0) & (x < columns))[None, :]
    row = np.clip(y.astype(int), 0, rows - 1)
    column = np.clip(x.astype(int), 0, columns - 1)
    fitted: Mask = mask[np.ix_(row, column)] & inside
    return fitted


def overlap(first: Mask, second: Mask) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
