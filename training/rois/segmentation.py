"""DICOM Segmentation (PS3.3 A.51): ours, highdicom's, and what OHIF saves, as drawings."""

from __future__ import annotations

from pydicom import Dataset

from adjuvant.errors import Refusal
from adjuvant.results.correction import BY_HAND, SEGMENTATION_CLASSES, is_human_correction
from adjuvant.results.marks import parts_beside_a_whole, read_marks, segment_name
from training.rois.drawing import Drawing, Drawings, Painted, Reference, RoiError

READER = "dicom-seg"


def read_segmentation(source: Dataset) -> Drawings:
    """One drawing for each segment and each source frame that it marks. Raises RoiError.

    Segments that no person drew are left out: a network's own outline must never become its truth.
    So are lobes beside an outline of the whole gland.
    """
    if source.get("SOPClassUID") not in SEGMENTATION_CLASSES:
        raise RoiError("not a DICOM Segmentation")
    if is_human_correction(source) is None:
        raise RoiError("no person drew this segmentation: every segment is AUTOMATIC")
    try:
        marks = read_marks(source)
    except Refusal as refusal:
        raise RoiError(refusal.reason) from refusal
    names = {
        int(one.SegmentNumber): segment_name(one)
        for one in source.SegmentSequence
        if one.get("SegmentAlgorithmType") in BY_HAND
    }
    parts = parts_beside_a_whole(names)
    drawn = (
        Drawing(
            names[number],
            Painted(mask),
            Reference(place.instance, place.frame),
            (mask.shape[0], mask.shape[1]),
        )
        for number in names
        if number not in parts
        for place, mask in marks[number].items()
    )
    return Drawings(READER, tuple(drawn))
