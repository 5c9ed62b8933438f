"""What an interpretation concludes from one scan: plain data, input of everything in `results/`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Code:
    """A coded concept (PS3.3 section 8): value, scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Segment:
    """One labelled structure, on every frame of the scan.

    `masks` is bool (frames, rows, columns) on the source's own matrix, in the order of
    `Scan.frames`; all False on a frame where the structure is not seen. `modifier` says more of the
    type. `drawn_by` is the place in the chain of the model that drew it, `output` the highest
    answer of that network in it, 0 to 1, which is no calibrated probability.
    """

    label: str
    category: Code
    type: Code
    masks: NDArray[np.bool_]
    modifier: Code | None = None
    drawn_by: int = 0
    output: float | None = None


@dataclass(frozen=True)
class FrameMeasures:
    """Measured on one frame; None means "not measured", for want of a pixel size, for example."""

    frame_number: int
    view: str | None
    total_counts: float
    gland_pixels: int
    gland_area_cm2: float | None
    gland_counts: float
    background_counts_per_pixel: float | None
    gland_to_background: float | None
    gland_volume_ml: float | None = None
    uptake_percent: float | None = None


@dataclass(frozen=True)
class Findings:
    """One interpretation of one scan. `remarks` are sentences for the reader, most severe first."""

    interpretation: str
    segments: tuple[Segment, ...]
    measures: tuple[FrameMeasures, ...]
    remarks: tuple[str, ...]

    @property
    def gland_area_cm2(self) -> float | None:
        """On the first frame that shows a gland and has an area; None where there is no such."""
        areas = (one.gland_area_cm2 for one in self.measures if one.gland_pixels)
        return next((area for area in areas if area is not None), None)

    @property
    def gland_seen(self) -> bool:
        """True where any frame shows any segment."""
        return any(bool(segment.masks.any()) for segment in self.segments)
