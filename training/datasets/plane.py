"""How the mm of an RT Structure Set lie on a planar image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adjuvant.header import items, numbers
from adjuvant.scan import Frame, Scan
from training.rois.placing import Plane


def plane_of(scan: Scan, frame: Frame) -> Plane:
    """The image's own plane, or its place in the patient where its detector's item tells one.

    Position and orientation of a planar NM image stand in DetectorInformationSequence
    (PS3.3 C.8.4.11), most often empty.
    """
    detectors = items(scan.header, "DetectorInformationSequence")
    vector = numbers(scan.header, "DetectorVector")
    index = 0
    if len(vector) >= frame.number:
        index = int(vector[frame.number - 1]) - 1
    if 0 <= index < len(detectors):
        position = numbers(detectors[index], "ImagePositionPatient")
        axes = numbers(detectors[index], "ImageOrientationPatient")
        if len(position) == 3 and _are_directions(axes):
            row, column = axes[:3], axes[3:]
            return Plane(
                frame.counts,
                scan.spacing_mm,
                (position[0], position[1], position[2]),
                (row[0], row[1], row[2]),
                (column[0], column[1], column[2]),
            )
    return Plane(frame.counts, scan.spacing_mm)


def _are_directions(axes: Sequence[float]) -> bool:
    """Two of length 1 (PS3.3 C.7.6.2.1.1): some headers hold zeros where nobody knew them."""
    lengths = [math.hypot(*axes[:3]), math.hypot(*axes[3:])]
    return len(axes) == 6 and all(abs(length - 1) < 0.01 for length in lengths)
