"""RT Structure Set on a planar image (PS3.3 C.8.8.6): closed contours in mm.

A planar image seldom has a place in the patient. Where its header gives none, its own plane is
meant: the centre of the first pixel at (0, 0), x along the rows, y down the columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset

from training.rois.drawing import Drawing, Drawings, OutlineMm, Reference, RoiError, Rule

READER = "rtstruct"
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
# CLOSEDPLANAR_XOR: contours of one ROI are combined by exclusive or, so that one cuts a hole.
RULES: dict[str, Rule] = {"CLOSED_PLANAR": "nonzero", "CLOSEDPLANAR_XOR": "even-odd"}


def read_rtstruct(header: Dataset) -> Drawings:
    """Every ROI, one drawing for each image that it lies on. Raises RoiError."""
    if header.get("SOPClassUID") != RTSTRUCT_CLASS:
        raise RoiError("not an RT Structure Set")
    names = {
        roi.get("ROINumber"): str(roi.get("ROIName", ""))
        for roi in header.get("StructureSetROISequence") or []
    }
    drawings: list[Drawing] = []
    problems: list[str] = []
    for item in header.get("ROIContourSequence") or []:
        number = item.get("ReferencedROINumber")
        contours = list(item.get("ContourSequence") or [])
        if not contours:
            problems.append(f"ROI {number}: it has no contour")
        for reference in dict.fromkeys(_reference(one) for one in contours):
            here = [one for one in contours if _reference(one) == reference]
            try:
                shape = _outline(here)
            except (ValueError, TypeError, AttributeError) as fault:
                problems.append(f"ROI {number}: {_told(fault)}")
                continue
            drawings.append(Drawing(names.get(number, ""), shape, reference))
    return Drawings(READER, tuple(drawings), tuple(problems))


class _Unusable(ValueError):
    pass


def _told(fault: Exception) -> str:
    return str(fault) if isinstance(fault, _Unusable) else "ContourData is damaged"


def _outline(contours: Sequence[Dataset]) -> OutlineMm:
    kinds = {str(one.get("ContourGeometricType", "")) for one in contours}
    if len(kinds) != 1 or next(iter(kinds)) not in RULES:
        raise _Unusable("ContourGeometricType is not CLOSED_PLANAR or CLOSEDPLANAR_XOR")
    rings = []
    for one in contours:
        numbers = np.array(one.get("ContourData") or [], np.float64)
        if numbers.size % 3 or numbers.size < 9:
            raise _Unusable(f"ContourData has {numbers.size} values, no three points or more")
        if not np.isfinite(numbers).all():
            raise _Unusable("ContourData: a value is not a number")
        rings.append(numbers.reshape(-1, 3))
    return OutlineMm(tuple(rings), RULES[next(iter(kinds))])


def _reference(contour: Dataset) -> Reference:
    for item in contour.get("ContourImageSequence") or []:
        frame = item.get("ReferencedFrameNumber")
        instance = str(item.get("ReferencedSOPInstanceUID") or "") or None
        return Reference(instance, None if frame is None else int(frame))
    return Reference()
