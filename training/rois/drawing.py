"""What a person drew, as far as the file tells: a shape, its name, and the image it lies on.

Image coordinates are (x, y) = (column, row) in pixels, with the corner of the first pixel at
(0, 0) and its centre at (0.5, 0.5): those of Horos and OsiriX and of DICOM's SCOORD
(PS3.3 C.18.6.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rule = Literal["nonzero", "even-odd"]


class RoiError(Exception):
    """A file of outlines cannot be used; the text says why, without repeating what it holds."""


@dataclass(frozen=True)
class Outline:
    """Closed rings, each float64 (points, 2) as (x, y) in pixels; what is inside says `rule`."""

    rings: tuple[Points, ...]
    rule: Rule = "nonzero"


@dataclass(frozen=True)
class OutlineMm:
    """Closed rings in mm of the patient, each float64 (points, 3) (PS3.3 C.8.8.6)."""

    rings: tuple[Points, ...]
    rule: Rule = "nonzero"


@dataclass(frozen=True)
class Ellipse:
    """The ellipse that fits the box (left, top, right, bottom), in pixels."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Painted:
    """Pixels marked one by one, bool (rows, columns); `offset` is where its first pixel lies."""

    mask: Mask
    offset: tuple[int, int] = (0, 0)


Shape = Outline | OutlineMm | Ellipse | Painted


@dataclass(frozen=True)
class Reference:
    """The image that a drawing lies on: SOP Instance UID and frame (from 1), None where untold."""

    instance: str | None = None
    frame: int | None = None


@dataclass(frozen=True)
class Statistics:
    """What the program that saved the drawing measured under it, in counts a pixel."""

    mean: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Drawing:
    """One drawing. `name` is what the person called it: it is matched, never stored.

    `matrix` is the (rows, columns) that it was drawn on, where the file tells.
    """

    name: str
    shape: Shape
    reference: Reference = Reference()
    matrix: tuple[int, int] | None = None
    statistics: Statistics = Statistics()


@dataclass(frozen=True)
class Drawings:
    """What a file holds: the drawings that can be used, and a sentence for each that cannot.

    `reader` names the format, `tool` what drew it where that is known to be no person's name.
    """

    reader: str
    drawings: tuple[Drawing, ...]
    problems: tuple[str, ...] = field(default=())
