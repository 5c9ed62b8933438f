"""DICOM Segmentation (PS3.3 A.51): ours, highdicom's, and what OHIF saves.

BINARY and LABELMAP are read; FRACTIONAL has no outline until somebody chooses a threshold. Frames
are decoded by pydicom and placed by their own functional groups: OHIF and we write layouts that
strict readers refuse, yet say for every frame which segment and which image it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array

from adjuvant.header import UNREADABLE, quiet
from adjuvant.results.correction import BY_HAND, SEGMENTATION_CLASSES, is_human_correction
from training.rois.drawing import Drawing, Drawings, Mask, Painted, Reference, RoiError

READER = "dicom-seg"


def read_segmentation(source: Dataset) -> Drawings:
    """One drawing for each segment and each source frame that it marks. Raises RoiError.

    Segments that no person drew are left out: a network's own outline must never become its truth.
    """
    if source.get("SOPClassUID") not in SEGMENTATION_CLASSES:
        raise RoiError("not a DICOM Segmentation")
    if is_human_correction(source) is None:
        raise RoiError("no person drew this segmentation: every segment is AUTOMATIC")
    kind = str(source.get("SegmentationType", ""))
    if kind not in ("BINARY", "LABELMAP"):
        raise RoiError("SegmentationType is not BINARY or LABELMAP")
    try:
        frames = _frames(source)
        labels = {
            int(one.SegmentNumber): _label(one)
            for one in source.SegmentSequence
            if one.get("SegmentAlgorithmType") in BY_HAND
        }
        marks = _marks(source, frames, labels, binary=kind == "BINARY")
    except (*UNREADABLE, KeyError) as fault:
        raise RoiError(f"the segmentation cannot be read ({type(fault).__name__})") from fault
    drawn = (
        Drawing(label, Painted(mask), reference, (mask.shape[0], mask.shape[1]))
        for (label, reference), mask in marks.items()
    )
    return Drawings(READER, tuple(drawn))


def _frames(source: Dataset) -> NDArray[Any]:
    """Pixel values (frames, rows, columns)."""
    with quiet():
        pixels = pixel_array(source)
    return pixels if pixels.ndim == 3 else pixels[None]


def _label(segment: Dataset) -> str:
    """The words of the label, and what its code says: OHIF's own label may be "Segment 1"."""
    codes = segment.get("SegmentedPropertyTypeCodeSequence") or []
    meanings = " ".join(str(code.get("CodeMeaning", "")) for code in codes)
    return f"{segment.get('SegmentLabel', '')} {meanings}".strip()


def _marks(
    source: Dataset, frames: NDArray[Any], labels: dict[int, str], *, binary: bool
) -> dict[tuple[str, Reference], Mask]:
    """Pixels by label and image: OHIF writes one frame per label value, others one per segment."""
    groups = source.PerFrameFunctionalGroupsSequence
    shared = (source.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    marks: dict[tuple[str, Reference], Mask] = {}
    for frame, group in zip(frames, groups, strict=True):
        reference = _reference(group, shared)
        if binary:
            named = group if "SegmentIdentificationSequence" in group else shared
            number = int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            present = {number: frame != 0}
        else:
            present = {int(one): frame == one for one in np.unique(frame) if one}
        for number, mask in present.items():
            if number in labels and mask.any():
                key = (labels[number], reference)
                marks[key] = mask | marks[key] if key in marks else mask
    return marks


def _reference(group: Dataset, shared: Dataset) -> Reference:
    for holder in (group, shared):
        for derivation in holder.get("DerivationImageSequence") or []:
            for image in derivation.get("SourceImageSequence") or []:
                frame = image.get("ReferencedFrameNumber")
                return Reference(
                    str(image.ReferencedSOPInstanceUID), None if frame is None else int(frame)
                )
    return Reference()
