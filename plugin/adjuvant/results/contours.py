"""The outline of a mask as smooth closed curves: marching squares, then a light rounding.

Curves run through the middle of the pixel borders, so that no point is further than a pixel from
the mask's own edge; small structures never vanish, as they would in a blurred mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adjuvant.measure import window_around

Curve = NDArray[np.float32]

# Marching squares (Lorensen and Cline 1987, in two dimensions). A cell's case is a sum of bits, top
# left 1, top right 2, bottom right 4, bottom left 8; each edge is named by its middle in half
# pixels from the cell's top left corner (row, column). The mask lies to the right of the path.
TOP, RIGHT, BOTTOM, LEFT = (0, 1), (1, 2), (2, 1), (1, 0)
PATHS: dict[int, tuple[tuple[tuple[int, int], tuple[int, int]], ...]] = {
    1: ((TOP, LEFT),),
    2: ((RIGHT, TOP),),
    3: ((RIGHT, LEFT),),
    4: ((BOTTOM, RIGHT),),
    5: ((TOP, LEFT), (BOTTOM, RIGHT)),
    6: ((BOTTOM, TOP),),
    7: ((BOTTOM, LEFT),),
    8: ((LEFT, BOTTOM),),
    9: ((TOP, BOTTOM),),
    10: ((RIGHT, TOP), (LEFT, BOTTOM)),
    11: ((RIGHT, BOTTOM),),
    12: ((LEFT, RIGHT),),
    13: ((TOP, RIGHT),),
    14: ((LEFT, TOP),),
}

# A curve of fewer points is a structure of a pixel or two: rounding would shrink it to nothing.
FEWEST_TO_ROUND = 12
ROUNDS = 3


def outlines(mask: NDArray[np.bool_]) -> list[Curve]:
    """Closed curves around a bool mask (rows, columns), holes included.

    Each is float32 (points, 2) of (row, column) in pixels, where 0.5 is the centre of the first
    pixel; the last point joins the first.
    """
    if not mask.any():
        return []
    rows, columns = window_around(mask, 0)
    top, left = rows.start, columns.start
    part = np.pad(mask[rows, columns], 1)
    # Half pixels from the centre of the padded corner pixel, which lies at (top - 0.5, left - 0.5).
    origin = np.array([top - 0.5, left - 0.5], np.float32)
    half = np.float32(0.5)
    return [_round(np.array(loop, np.float32) * half + origin) for loop in _loops(_steps(part))]


def _steps(mask: NDArray[np.bool_]) -> dict[tuple[int, int], tuple[int, int]]:
    """From each point of the outline, in half pixels, to the next one."""
    bits = mask.astype(np.uint8)
    case = bits[:-1, :-1] + 2 * bits[:-1, 1:] + 4 * bits[1:, 1:] + 8 * bits[1:, :-1]
    steps = {}
    for row, column in np.argwhere((case > 0) & (case < 15)).tolist():
        for (r0, c0), (r1, c1) in PATHS[int(case[row, column])]:
            start = (2 * row + r0, 2 * column + c0)
            steps[start] = (2 * row + r1, 2 * column + c1)
    return steps


def _loops(steps: dict[tuple[int, int], tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Follow the steps until each loop closes; every point starts exactly one step."""
    loops = []
    while steps:
        start, point = steps.popitem()
        loop = [start]
        while point != start:
            loop.append(point)
            point = steps.pop(point)
        loops.append(loop)
    return loops


def _round(curve: Curve) -> Curve:
    """Take the staircase off: a few binomial averages along the closed curve."""
    if len(curve) < FEWEST_TO_ROUND:
        return curve
    rounded = curve
    for _ in range(ROUNDS):
        neighbours = np.roll(rounded, 1, axis=0) + np.roll(rounded, -1, axis=0)
        rounded = (neighbours + 2 * rounded) / np.float32(4)
    return rounded
