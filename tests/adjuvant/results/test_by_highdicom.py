"""What we write is what highdicom writes, where it takes the scan: over a plain image instead.

Left out is what it cannot know (the frames of the scan, their patient) or writes of itself.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from adjuvant.chain import Algorithm
from adjuvant.findings import Findings, Segment
from adjuvant.results.anatomy import ORGANS, concept, is_anatomy
from adjuvant.results.capture import build_capture, render
from adjuvant.results.colours import segment_colour
from adjuvant.results.identity import KEPT
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from benchmarks.building import stand_in
from tests.adjuvant.results.examples import findings, model, views

# Our own words, dates and equipment, which other tests look at.
WRITTEN_BY_US = {
    *KEPT,
    *("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"),
    *("ContributingEquipmentSequence", "DeviceSerialNumber", "SoftwareVersions"),
    *("DateOfSecondaryCapture", "TimeOfSecondaryCapture", "PatientOrientation"),
}
# Of the scan, which it was not given.
OF_THE_SCAN = {
    *("DimensionOrganizationSequence", "DimensionIndexSequence", "NumberOfFrames"),
    *("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "PixelData"),
    *("ReferencedSeriesSequence", "SourceImageSequence", "SegmentsOverlap"),
}


def different(ours: Dataset, theirs: Dataset, but: set[str]) -> list[str]:
    """Keywords of what only one of the two wrote, or both otherwise."""
    tags = {element.tag for one in (ours, theirs) for element in one}
    return sorted(
        keyword
        for tag, keyword in ((tag, keyword_for_tag(tag)) for tag in tags)
        if keyword not in but and ours.get(tag) != theirs.get(tag)
    )


def described(
    number: int, segment: Segment, tracking_uid: str, made_by: Algorithm
) -> hd.seg.SegmentDescription:
    (drawn_by,) = made_by.models
    organ = None if is_anatomy(segment) else [ORGANS["thyroid"]]
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=concept(segment.category),
        segmented_property_type=concept(segment.type),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=f"Adjuvant {drawn_by.name}",
            family=codes.DCM.ArtificialIntelligence,
            version=drawn_by.version,
            source="Adjuvant open-source project",
            parameters={"threshold": f"{drawn_by.output.threshold:g}", "digest": drawn_by.digest},
        ),
        tracking_id=segment.label,
        tracking_uid=tracking_uid,
        anatomic_regions=organ,
        display_color=hd.color.CIELabColor.from_rgb(*segment_colour(segment)),
    )


def segmentation_by_highdicom(scan: Scan, found: Findings, ours: Dataset) -> Dataset:
    """Over one frame, with the UIDs of ours."""
    return hd.seg.Segmentation(
        source_images=[stand_in(scan)],
        pixel_array=np.zeros((1, *scan.shape, len(found.segments)), np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            described(number, segment, item.TrackingUID, model())
            for number, (segment, item) in enumerate(
                zip(found.segments, ours.SegmentSequence, strict=True), 1
            )
        ],
        series_instance_uid=ours.SeriesInstanceUID,
        series_number=ours.SeriesNumber,
        sop_instance_uid=ours.SOPInstanceUID,
        instance_number=1,
        manufacturer=ours.Manufacturer,
        manufacturer_model_name=ours.ManufacturerModelName,
        software_versions="any",
        device_serial_number="any",
        omit_empty_frames=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label=ours.ContentLabel,
        content_description=ours.ContentDescription,
        series_description=ours.SeriesDescription,
    )


def test_the_segmentation() -> None:
    scan = views("anterior", "posterior")
    found = findings(scan)
    ours = build_segmentation(scan, found, model())
    theirs = segmentation_by_highdicom(scan, found, ours)
    required = {"ContentCreatorName"}  # PS3.3 Table 10-12, and highdicom leaves it out
    assert different(ours, theirs, WRITTEN_BY_US | OF_THE_SCAN | required) == []


def test_the_picture() -> None:
    scan = views("anterior", "posterior")
    found = findings(scan)
    ours = build_capture(scan, found, model())
    theirs = hd.sc.SCImage(
        study_instance_uid=scan.header.StudyInstanceUID,
        pixel_array=render(scan, found, model()),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        series_instance_uid=ours.SeriesInstanceUID,
        series_number=ours.SeriesNumber,
        sop_instance_uid=ours.SOPInstanceUID,
        instance_number=1,
        manufacturer=ours.Manufacturer,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=ours.SeriesDescription,
    )
    # Made on a workstation and described; words (OW) are padded to an even length.
    described_by_us = {
        *("BodyPartExamined", "BurnedInAnnotation", "ConversionType", "DerivationDescription"),
        *("ImageComments", "ManufacturerModelName", "PixelData", "SourceImageSequence"),
    }
    assert different(ours, theirs, WRITTEN_BY_US | described_by_us) == []
    assert ours.PixelData.rstrip(b"\0") == theirs.PixelData.rstrip(b"\0")
