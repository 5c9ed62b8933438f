"""DICOM SEG of a planar nuclear medicine scan (PS3.3 A.51), all frames of it in one instance.

highdicom refuses NM as it is: more than one frame without a Frame of Reference, or no functional
groups. So highdicom builds the object over a stand-in for one frame, a plain image of the same
matrix, and this module writes what differs: the frames, their references, and the patient.

Two attributes exist because viewers need them, and say nothing of the patient:
PlaneOrientationSequence (1,0,0,0,1,0) is the image plane's own, the same for every view (OHIF
fails without it), which is why no Frame of Reference UID is given; SliceThickness 1 is what
highdicom needs to read the file back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as ConceptCode
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pydicom.valuerep import DS

from adjuvant.chain import Algorithm
from adjuvant.findings import Findings, Segment
from adjuvant.results import provenance, uids
from adjuvant.results.anatomy import ORGANS, concept, is_anatomy
from adjuvant.results.colours import segment_colour
from adjuvant.results.identity import copy_identity, require_uids
from adjuvant.results.report_codes import coding_scheme
from adjuvant.scan import Frame, Scan
from adjuvant.structures import NODULES

FRAME_CONTENT = Tag("FrameContentSequence")
FRAME_LABEL = Tag("FrameLabel")


def build_segmentation(scan: Scan, findings: Findings, made_by: Algorithm) -> Dataset:
    """One SEG with every structure on every frame, empty ones too, so that "not seen" is said.

    A nodule has its own view only: on the others nobody looked for this one. Frames are ordered by
    segment, then by source frame. Raises Refusal where the source has no UIDs to refer to.
    """
    require_uids(scan.header)
    result = _build_over_stand_in(scan, findings, made_by)
    result.ContentCreatorName = ""  # a program, but the element must be there: PS3.3 Table 10-12
    _restore_references(result, scan)
    _modify_types(result, findings.segments)
    _write_frames(result, scan, findings.segments)
    _write_geometry(result, scan)
    copy_identity(scan.header, result)
    provenance.describe_equipment(result, scan.header, made_by)
    provenance.set_moment(result, scan.header)
    return result


def stand_in(scan: Scan) -> Dataset:
    """One frame of the scan as an anonymous image of a class that highdicom accepts.

    Names, dates and sexes that real headers hold, and highdicom refuses, never reach it.
    """
    image = Dataset()
    image.SOPClassUID = SecondaryCaptureImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(image, keyword, scan.header.get(keyword))
    image.Modality = "NM"
    image.Rows, image.Columns = scan.shape
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(image, keyword, None)
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(image, keyword, None)
    return image


def _build_over_stand_in(scan: Scan, findings: Findings, made_by: Algorithm) -> Dataset:
    names = (scan.header.SOPInstanceUID, findings.interpretation, made_by.digest)
    sop_instance_uid = uids.result_uid(*names, "seg")
    return hd.seg.Segmentation(
        source_images=[stand_in(scan)],
        pixel_array=np.zeros((1, *scan.shape, len(findings.segments)), np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=_describe(findings, made_by, sop_instance_uid),
        series_instance_uid=uids.series_uid(*names, "seg"),
        series_number=provenance.series_number(scan.header, "seg"),
        sop_instance_uid=sop_instance_uid,
        instance_number=1,
        manufacturer=provenance.MANUFACTURER,
        manufacturer_model_name=provenance.MODEL_NAME,
        software_versions=made_by.title,
        device_serial_number=made_by.digest,
        omit_empty_frames=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label=_content_label(findings.interpretation),
        content_description=provenance.warning(made_by) or provenance.ADJUVANT_ONLY,
        series_description=provenance.series_description(
            f"{findings.interpretation} outline", made_by
        ),
        # A stand-in has no character set; the source's own comes with its patient.
        specific_character_set=None,
        content_date="19000101",
        content_time="000000",
    )


def _content_label(interpretation: str) -> str:
    """A code string (CS): capitals, digits, underscore, at most 16 characters."""
    letters = (letter if letter.isalnum() else "_" for letter in interpretation.upper())
    return "".join(letters)[:16]


def _describe(
    findings: Findings, made_by: Algorithm, sop_instance_uid: str
) -> list[hd.seg.SegmentDescription]:
    """PS3.3 C.8.20.4: what each segment is, where it lies, and which algorithm drew it."""
    algorithms = [
        hd.AlgorithmIdentificationSequence(
            name=f"{provenance.MODEL_NAME} {model.name}",
            family=codes.DCM.ArtificialIntelligence,
            version=model.version,
            source=provenance.MANUFACTURER,
            parameters={"threshold": f"{model.output.threshold:g}", "digest": model.digest},
        )
        for model in made_by.models
    ]
    return [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=segment.label,
            segmented_property_category=concept(segment.category),
            segmented_property_type=concept(segment.type),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithms[segment.drawn_by],
            tracking_id=segment.label,
            tracking_uid=uids.tracking_uid(sop_instance_uid, segment.label),
            anatomic_regions=_organ(segment, findings.interpretation) or None,
            display_color=hd.color.CIELabColor.from_rgb(*segment_colour(segment)),
        )
        for number, segment in enumerate(findings.segments, 1)
    ]


def _organ(segment: Segment, interpretation: str) -> list[ConceptCode]:
    """Where a segment lies that is no place of the body itself."""
    organ = None if is_anatomy(segment) else ORGANS.get(interpretation)
    return [] if organ is None else [organ]


def _modify_types(result: Dataset, segments: tuple[Segment, ...]) -> None:
    """More of a segment's type, by our own codes, which are identified as such."""
    for item, segment in zip(result.SegmentSequence, segments, strict=True):
        if segment.modifier is not None:
            type_ = item.SegmentedPropertyTypeCodeSequence[0]
            modifier = provenance.code_item(*astuple(segment.modifier))
            type_.SegmentedPropertyTypeModifierCodeSequence = [modifier]
            item.SegmentDescription = segment.modifier.meaning
    if any(segment.modifier for segment in segments):
        result.CodingSchemeIdentificationSequence = [coding_scheme()]


def _restore_references(result: Dataset, scan: Scan) -> None:
    """Name the source by its own class; OHIF drops a SEG without ReferencedSeriesSequence."""
    instance = Dataset()
    instance.ReferencedSOPClassUID = scan.header.SOPClassUID
    instance.ReferencedSOPInstanceUID = scan.header.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID = scan.header.SeriesInstanceUID
    series.ReferencedInstanceSequence = [instance]
    result.ReferencedSeriesSequence = [series]
    result.pop("SourceImageSequence", None)


def _write_frames(result: Dataset, scan: Scan, segments: tuple[Segment, ...]) -> None:
    """Frames of all segments, bits packed across frame borders (PS3.5 section 8.2)."""
    organization = uids.named_uid("dimensions", result.SOPInstanceUID)
    result.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    result.DimensionIndexSequence = list(_dimensions(organization))
    written = [
        (number, place)
        for number, segment in enumerate(segments)
        for place in range(len(scan.frames))
        if segment.type.value not in NODULES or segment.masks[place].any()
    ]
    derivations = [_derivation(scan.header, frame.number) for frame in scan.frames]
    result.PerFrameFunctionalGroupsSequence = [
        _functional_groups(scan.frames[place], derivations[place], (number + 1, place + 1))
        for number, place in written
    ]
    result.NumberOfFrames = len(written)
    result.SegmentsOverlap = "YES" if _overlap(segments) else "NO"
    result.PixelData = pack(np.stack([segments[number].masks[place] for number, place in written]))
    result["PixelData"].VR = "OB"


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
    packed = np.packbits(masks.ravel(), bitorder="little").tobytes()
    return packed + b"\0" * (len(packed) % 2)


def _dimensions(organization: str) -> Iterator[Dataset]:
    """Frames differ by segment and by the view that they lie on (PS3.3 C.7.6.17)."""
    pointers = (
        (Tag("SegmentIdentificationSequence"), Tag("ReferencedSegmentNumber"), "Segment"),
        (FRAME_CONTENT, FRAME_LABEL, "Source frame"),
    )
    for group, attribute, label in pointers:
        item = Dataset()
        item.DimensionOrganizationUID = organization
        item.FunctionalGroupPointer = group
        item.DimensionIndexPointer = attribute
        item.DimensionDescriptionLabel = label
        yield item


def _functional_groups(frame: Frame, derivation: Dataset, index: tuple[int, int]) -> Dataset:
    """One item of PerFrameFunctionalGroupsSequence; `index` is (segment number, place of frame)."""
    content = Dataset()
    content.DimensionIndexValues = list(index)
    content.FrameLabel = f"Frame {frame.number}"
    segment = Dataset()
    segment.ReferencedSegmentNumber = index[0]
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.DerivationImageSequence = [derivation]
    groups.SegmentIdentificationSequence = [segment]
    return groups


def _derivation(source: Dataset, frame_number: int) -> Dataset:
    """PS3.3 C.7.6.16.2.6: the frame of the source that this one was drawn on."""
    image = Dataset()
    image.ReferencedSOPClassUID = source.SOPClassUID
    image.ReferencedSOPInstanceUID = source.SOPInstanceUID
    image.ReferencedFrameNumber = frame_number
    image.PurposeOfReferenceCodeSequence = [
        provenance.code_item("121322", "DCM", "Source image for image processing operation")
    ]
    image.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.SourceImageSequence = [image]
    derivation.DerivationCodeSequence = [provenance.code_item("113076", "DCM", "Segmentation")]
    return derivation


def _write_geometry(result: Dataset, scan: Scan) -> None:
    shared = Dataset()
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [orientation]
    if scan.spacing_mm is not None:
        measures = Dataset()
        measures.PixelSpacing = [DS(mm, auto_format=True) for mm in scan.spacing_mm]
        measures.SliceThickness = 1
        shared.PixelMeasuresSequence = [measures]
    result.SharedFunctionalGroupsSequence = [shared]
