"""DICOM SEG of a planar nuclear medicine scan (PS3.3 A.51), all frames of it in one instance.

highdicom refuses NM as it is: more than one frame without a Frame of Reference, or no functional
groups. So this module writes what highdicom would: a test compares the two over a plain image of
the same matrix, and highdicom reads the masks back.

Two attributes exist because viewers need them, and say nothing of the patient:
PlaneOrientationSequence (1,0,0,0,1,0) is the image plane's own, the same for every view (OHIF
fails without it), which is why no Frame of Reference UID is given; SliceThickness 1 is what
highdicom needs to read the file back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from functools import lru_cache

import numpy as np
from highdicom.color import CIELabColor
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage
from pydicom.valuerep import DS

from adjuvant.chain import Algorithm
from adjuvant.findings import Findings, Segment
from adjuvant.model import Model
from adjuvant.results import provenance, uids
from adjuvant.results.anatomy import ORGANS, concept, is_anatomy
from adjuvant.results.colours import RGB, segment_colour
from adjuvant.results.datasets import coded, dataset, file_meta_of, padded, plain
from adjuvant.results.identity import copy_identity, require_uids
from adjuvant.results.report_codes import coding_scheme
from adjuvant.scan import Frame, Scan
from adjuvant.structures import LOBES, NODULES

FRAME_CONTENT = Tag("FrameContentSequence")
FRAME_LABEL = Tag("FrameLabel")


def build_segmentation(scan: Scan, findings: Findings, made_by: Algorithm) -> Dataset:
    """One SEG with every structure on every frame, empty ones too, so that "not seen" is said.

    A nodule has its own view only: on the others nobody looked for this one. Frames are ordered by
    segment, then by source frame. Raises Refusal where the source has no UIDs to refer to.
    """
    require_uids(scan.header)
    result = _describe(scan, findings, made_by)
    _write_frames(result, scan, findings.segments)
    _write_geometry(result, scan)
    result.file_meta = file_meta_of(result)
    copy_identity(scan.header, result)
    provenance.describe_equipment(result, scan.header, made_by)
    provenance.set_moment(result, scan.header)
    return result


def _describe(scan: Scan, findings: Findings, made_by: Algorithm) -> Dataset:
    """Everything but the frames (PS3.3 C.8.20.2), and whose they are."""
    names = (scan.header.SOPInstanceUID, findings.interpretation, made_by.digest)
    sop_instance_uid = uids.result_uid(*names, "seg")
    rows, columns = scan.shape
    title = provenance.series_description(f"{findings.interpretation} outline", made_by)
    result = dataset(
        SOPClassUID=SegmentationStorage,
        SOPInstanceUID=sop_instance_uid,
        SeriesInstanceUID=uids.series_uid(*names, "seg"),
        SeriesNumber=provenance.series_number(scan.header, "seg"),
        SeriesDescription=title,
        Modality="SEG",
        InstanceNumber=1,
        ImageType=["DERIVED", "PRIMARY"],
        ContentLabel=_content_label(findings.interpretation),
        ContentDescription=provenance.warning(made_by) or provenance.ADJUVANT_ONLY,
        ContentCreatorName="",  # a program, but it must be there (PS3.3 Table 10-12)
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=rows,
        Columns=columns,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelRepresentation=0,
        LossyImageCompression="00",
        PresentationLUTShape="IDENTITY",
        SegmentationType="BINARY",
        SegmentSequence=list(_segments(findings, made_by, sop_instance_uid)),
        ReferencedSeriesSequence=[_source_series(scan.header)],
    )
    if any(segment.modifier for segment in findings.segments):
        result.CodingSchemeIdentificationSequence = [coding_scheme()]
    return result


def _content_label(interpretation: str) -> str:
    """A code string (CS): capitals, digits, underscore, at most 16 characters."""
    letters = (letter if letter.isalnum() else "_" for letter in interpretation.upper())
    return "".join(letters)[:16]


def _segments(findings: Findings, made_by: Algorithm, sop_instance_uid: str) -> Iterator[Dataset]:
    """PS3.3 C.8.20.4: what each segment is, where it lies, and which algorithm drew it."""
    algorithms = [_algorithm(model) for model in made_by.models]
    for number, segment in enumerate(findings.segments, 1):
        algorithm = algorithms[segment.drawn_by]
        label = plain(segment.label)
        item = dataset(
            SegmentNumber=number,
            SegmentLabel=label,
            SegmentAlgorithmType="AUTOMATIC",
            SegmentAlgorithmName=algorithm.AlgorithmName,
            SegmentationAlgorithmIdentificationSequence=[algorithm],
            SegmentedPropertyCategoryCodeSequence=[coded(concept(segment.category))],
            SegmentedPropertyTypeCodeSequence=[_type(segment)],
            RecommendedDisplayCIELabValue=list(_cielab(segment_colour(segment))),
            TrackingID=label,
            TrackingUID=uids.tracking_uid(sop_instance_uid, segment.label),
        )
        organ = None if is_anatomy(segment) else ORGANS.get(findings.interpretation)
        if organ is not None:  # where it lies that is no place of the body itself
            item.AnatomicRegionSequence = [coded(organ)]
        if segment.modifier is not None:
            item.SegmentDescription = plain(segment.modifier.meaning)
        yield item


def _type(segment: Segment) -> Dataset:
    """What it is; more of it by a code of our own, which is identified as such."""
    type_ = concept(segment.type)
    if segment.modifier is None:
        return coded(type_)
    modifier = provenance.code_item(*astuple(segment.modifier))
    return dataset(
        CodeValue=type_.value,
        CodingSchemeDesignator=type_.scheme_designator,
        CodeMeaning=type_.meaning,
        SegmentedPropertyTypeModifierCodeSequence=[modifier],
    )


def _algorithm(model: Model) -> Dataset:
    """PS3.3 Table 10-19."""
    return dataset(
        AlgorithmName=f"{provenance.MODEL_NAME} {model.name}",
        AlgorithmFamilyCodeSequence=[coded(codes.DCM.ArtificialIntelligence)],
        AlgorithmVersion=model.version,
        AlgorithmSource=provenance.MANUFACTURER,
        AlgorithmParameters=f"threshold={model.output.threshold:g},digest={model.digest}",
    )


@lru_cache(maxsize=32)
def _cielab(colour: RGB) -> tuple[int, ...]:
    return tuple(CIELabColor.from_rgb(*colour).value)


def _source_series(source: Dataset) -> Dataset:
    """The scan; OHIF drops a SEG without it."""
    instance = dataset(
        ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID
    )
    return dataset(
        SeriesInstanceUID=source.SeriesInstanceUID, ReferencedInstanceSequence=[instance]
    )


def _write_frames(result: Dataset, scan: Scan, segments: tuple[Segment, ...]) -> None:
    """Frames of all segments, bits packed across frame borders (PS3.5 section 8.2)."""
    organization = uids.named_uid("dimensions", result.SOPInstanceUID)
    result.DimensionOrganizationSequence = [dataset(DimensionOrganizationUID=organization)]
    result.DimensionIndexSequence = list(_dimensions(organization))
    written = [
        (number, place)
        for number, segment in enumerate(segments)
        for place in range(len(scan.frames))
        if _is_written(segment, place, segments)
    ]
    derivations = [_derivation(scan.header, frame.number) for frame in scan.frames]
    result.PerFrameFunctionalGroupsSequence = [
        _functional_groups(scan.frames[place], derivations[place], (number + 1, place + 1))
        for number, place in written
    ]
    result.NumberOfFrames = len(written)
    result.SegmentsOverlap = "YES" if _overlap(segments) else "NO"
    masks = np.stack([segments[number].masks[place] for number, place in written])
    result.add_new("PixelData", "OB", pack(masks))


def _is_written(segment: Segment, place: int, segments: tuple[Segment, ...]) -> bool:
    """Whether this view has a frame of the segment: an empty one says that it was sought there.

    Lobes are sought together, and not on every view; nodules lie on one.
    """
    if segment.type.value in NODULES:
        return bool(segment.masks[place].any())
    if segment.type.value in LOBES:
        return any(one.masks[place].any() for one in segments if one.type.value in LOBES)
    return True


def _overlap(segments: tuple[Segment, ...]) -> bool:
    """True where any pixel belongs to more than one segment."""
    seen = np.zeros_like(segments[0].masks)
    for segment in segments:
        if (seen & segment.masks).any():
            return True
        seen |= segment.masks
    return False


def pack(masks: NDArray[np.bool_]) -> bytes:
    """Bits of bool masks of any shape, first pixel in the lowest bit, padded to an even length."""
    return padded(np.packbits(masks.ravel(), bitorder="little").tobytes())


def _dimensions(organization: str) -> Iterator[Dataset]:
    """Frames differ by segment and by the view that they lie on (PS3.3 C.7.6.17)."""
    pointers = (
        (Tag("SegmentIdentificationSequence"), Tag("ReferencedSegmentNumber"), "Segment"),
        (FRAME_CONTENT, FRAME_LABEL, "Source frame"),
    )
    for group, attribute, label in pointers:
        yield dataset(
            DimensionOrganizationUID=organization,
            FunctionalGroupPointer=group,
            DimensionIndexPointer=attribute,
            DimensionDescriptionLabel=label,
        )


def _functional_groups(frame: Frame, derivation: Dataset, index: tuple[int, int]) -> Dataset:
    """One item of PerFrameFunctionalGroupsSequence; `index` is (segment number, place of frame)."""
    content = dataset(DimensionIndexValues=list(index), FrameLabel=f"Frame {frame.number}")
    return dataset(
        FrameContentSequence=[content],
        DerivationImageSequence=[derivation],
        SegmentIdentificationSequence=[dataset(ReferencedSegmentNumber=index[0])],
    )


def _derivation(source: Dataset, frame_number: int) -> Dataset:
    """PS3.3 C.7.6.16.2.6: the frame of the source that this one was drawn on."""
    image = dataset(
        ReferencedSOPClassUID=source.SOPClassUID,
        ReferencedSOPInstanceUID=source.SOPInstanceUID,
        ReferencedFrameNumber=frame_number,
        PurposeOfReferenceCodeSequence=[
            provenance.code_item("121322", "DCM", "Source image for image processing operation")
        ],
        SpatialLocationsPreserved="YES",
    )
    return dataset(
        SourceImageSequence=[image],
        DerivationCodeSequence=[provenance.code_item("113076", "DCM", "Segmentation")],
    )


def _write_geometry(result: Dataset, scan: Scan) -> None:
    orientation = dataset(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared = dataset(PlaneOrientationSequence=[orientation])
    if scan.spacing_mm is not None:
        measures = Dataset()
        measures.PixelSpacing = [DS(mm, auto_format=True) for mm in scan.spacing_mm]
        measures.SliceThickness = 1
        shared.PixelMeasuresSequence = [measures]
    result.SharedFunctionalGroupsSequence = [shared]
