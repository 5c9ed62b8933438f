"""A planar scan as the rest of the package sees it: what `image.py` reads out of a DICOM object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjuvant.preprocess import Image

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Frame:
    """One static view.

    `number` counts from 1 as ReferencedFrameNumber does; `counts` is float32 (rows, columns),
    >= 0, in counts per pixel; `view` is a plain word such as `"anterior"`, or None where the
    header does not tell; `duration_s` likewise. `window_kev` is its energy window, (lower, upper)
    limit, only where the frames of a scan differ in it.
    """

    number: int
    counts: Image
    view: str | None
    duration_s: float | None
    window_kev: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scan:
    """One source instance: its header without pixels, and every static view in it.

    `spacing_mm` is (between rows, between columns) or None where the header has none: then nothing
    is measured in cm². `pinhole` is True, False, or None where the header does not tell; pixels of
    a pinhole image have no one size. Frames all have the same matrix (PS3.3 C.7.6.3).
    """

    header: Dataset
    frames: tuple[Frame, ...]
    spacing_mm: tuple[float, float] | None
    pinhole: bool | None

    @property
    def shape(self) -> tuple[int, int]:
        """(Rows, Columns)."""
        rows, columns = self.frames[0].counts.shape
        return rows, columns
