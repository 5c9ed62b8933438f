"""One outline, written in every format: the pentagon below on a matrix of 8 x 10, by hand.

Corner-based points (2, 1) (7, 1) (7, 4) (4.5, 6.2) (2, 4). Rows 1 to 3 hold the columns 2 to 6;
row 4 (y = 4.5) is cut by the lower sides, which fall by 2.2 over 2.5 columns: x from
2 + 0.5 * 2.5 / 2.2 = 2.57 to 6.43, the centres 3.5, 4.5, 5.5; row 5 (y = 5.5): 3.70 to 5.30, the
centre 4.5.
"""

from __future__ import annotations

import numpy as np

POINTS = [(2.0, 1.0), (7.0, 1.0), (7.0, 4.0), (4.5, 6.2), (2.0, 4.0)]
MATRIX = (8, 10)
PICTURE = [
    "..........",
    "..#####...",
    "..#####...",
    "..#####...",
    "...###....",
    "....#.....",
    "..........",
    "..........",
]
UID = "1.2.826.0.1.3680043.10.9.7"


def expected() -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in PICTURE])


def counts() -> np.ndarray:
    """An image on which the pentagon is bright: 20 inside, 2 around it."""
    return np.where(expected(), 20.0, 2.0).astype(np.float32)
