"""A simulated physician who corrects our outlines in a viewer and saves them to the archive.

What is saved is what OHIF saves: a new series of an unnamed maker in the same study, every segment
marked as drawn by hand, though only the gland was changed. The gland is the simulator's truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from adjuvant.results.provenance import is_own
from adjuvant.results.seg import pack
from adjuvant.results.uids import named_uid
from training.collect.rest import Rest
from training.collect.source import SourceFault
from training.dataset import read_case, read_index
from training.deidentify import to_file
from training.phantom.case import Case
from training.phantom.dicom import to_dicom

SEGMENTATION = "SEG"


def correct(rest: Rest, data: Path, number: int) -> int:
    """Correct our results of the first `number` cases of a simulated data set that an Orthanc has
    results of; how many there were. Raises SourceFault, DatasetError."""
    corrected = 0
    for entry in read_index(data):
        case = read_case(data, entry)
        if corrected == number:
            break
        for seg in _ours(rest, str(to_dicom(case).SOPInstanceUID)):
            rest.store(to_file(_corrected(seg, case), seg.file_meta.TransferSyntaxUID))
            corrected += 1
            break
    return corrected


def _ours(rest: Rest, scan: str) -> Iterator[Dataset]:
    """Our segmentations of a scan, by its SOP Instance UID."""
    asked = {"Level": "Instance", "Query": {"SOPInstanceUID": scan}}
    for found in rest.json("/tools/find", said="POST /tools/find", json=asked):
        study = rest.json(f"/instances/{found}/study", said="study of an instance")["ID"]
        for series in rest.json(f"/studies/{study}/series", said="series of a study"):
            if series["MainDicomTags"].get("Modality") != SEGMENTATION:
                continue
            for instance in series["Instances"]:
                said = "GET /instances/…/file"
                data, _ = rest.data(f"/instances/{instance}/file", said=said)
                seg = dcmread(BytesIO(data))
                if is_own(seg) and _drawn_on(seg) == scan:
                    yield seg


def _drawn_on(seg: Dataset) -> str:
    (series,) = seg.ReferencedSeriesSequence
    return str(series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID)


def _corrected(seg: Dataset, case: Case) -> Dataset:
    """The first segment, the gland, as it is in truth; all others as they were."""
    masks = np.unpackbits(
        np.frombuffer(seg.PixelData, np.uint8), count=int(seg.NumberOfFrames) * case.gland.size,
        bitorder="little",
    ).astype(bool).reshape(-1, *case.gland.shape)  # fmt: skip
    if len(masks) != len(seg.SegmentSequence):
        raise SourceFault(f"{len(masks)} frames of {len(seg.SegmentSequence)} segments: one view")
    masks[0] = case.gland
    seg.PixelData = pack(masks)
    for segment in seg.SegmentSequence:
        segment.SegmentAlgorithmType = "MANUAL"
        segment.SegmentAlgorithmName = "OHIF Brush"
        segment.pop("SegmentationAlgorithmIdentificationSequence", None)
    seg.SeriesInstanceUID = named_uid("corrected series", seg.SOPInstanceUID)
    seg.SOPInstanceUID = named_uid("corrected", seg.SOPInstanceUID)
    seg.Manufacturer, seg.ManufacturerModelName = "Unspecified", "Simulated physician"
    seg.SeriesDescription = "Research Derived series"
    seg.pop("ContributingEquipmentSequence", None)
    return seg
