"""A person's segmentation is told from ours, from another program's and from a scan."""

from copy import deepcopy

import pytest
from pydicom import Dataset

from adjuvant.results.correction import is_human_correction, segmented_instances

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
CT = "1.2.840.10008.5.1.4.1.1.2"
NUCLEAR_MEDICINE = "1.2.840.10008.5.1.4.1.1.20"
SCAN = "2.25.1001"


def reference(uid: str, frame: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item


def holder(keyword: str, *items: Dataset) -> Dataset:
    dataset = Dataset()
    setattr(dataset, keyword, list(items))
    return dataset


def segment(number: int, algorithm_type: str, algorithm_name: str) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = f"Segment {number}"
    item.SegmentAlgorithmType = algorithm_type
    item.SegmentAlgorithmName = algorithm_name
    return item


def saved_by_ohif() -> Dataset:
    """What OHIF 3.13.2 stored of a corrected segmentation of one frame, as far as it matters."""
    header = Dataset()
    header.SOPClassUID = LABEL_MAP
    header.Modality = "SEG"
    header.Manufacturer = "Unspecified"
    header.SeriesDescription = "Research Derived series"
    header.SegmentationType = "LABELMAP"
    series = holder("ReferencedInstanceSequence", reference(SCAN), reference(SCAN))
    header.ReferencedSeriesSequence = [series]
    header.SourceImageSequence = [reference(SCAN, 1), reference(SCAN, 1)]
    source = holder("SourceImageSequence", reference(SCAN, 1))
    frame = holder("DerivationImageSequence", source)
    header.PerFrameFunctionalGroupsSequence = [frame, deepcopy(frame)]
    header.SegmentSequence = [segment(n, "MANUAL", "OHIF Brush") for n in (1, 2)]
    return header


def test_what_ohif_saves_is_a_human_correction():
    reason = is_human_correction(saved_by_ohif())
    assert reason == "SegmentAlgorithmType is MANUAL ('OHIF Brush') in 2 of 2 segments"


def test_the_scan_that_was_corrected_is_named_once():
    assert segmented_instances(saved_by_ohif()) == (SCAN,)


@pytest.mark.parametrize(("said", "kept"), [(NUCLEAR_MEDICINE, True), (None, True), (CT, False)])
def test_what_is_said_to_be_of_another_class_is_left_out(said: str | None, kept: bool):
    header = saved_by_ohif()
    header.SourceImageSequence[0].ReferencedSOPClassUID = said
    found = segmented_instances(header, {NUCLEAR_MEDICINE})
    assert found == ((SCAN,) if kept else ())


def test_a_tool_steered_by_a_person_counts_as_human():
    header = saved_by_ohif()
    header.SOPClassUID = SEGMENTATION
    header.SegmentSequence = [segment(1, "SEMIAUTOMATIC", "Grow from seeds")]
    assert is_human_correction(header) == "SegmentAlgorithmType is SEMIAUTOMATIC in 1 of 1 segments"


def test_one_segment_drawn_by_hand_is_enough():
    header = saved_by_ohif()
    header.SegmentSequence = [segment(1, "AUTOMATIC", "thyroid"), segment(2, "MANUAL", "Paint")]
    assert is_human_correction(header) == "SegmentAlgorithmType is MANUAL in 1 of 2 segments"


def test_the_name_of_an_unknown_tool_is_not_repeated_since_people_write_their_own_there():
    header = saved_by_ohif()
    header.SegmentSequence = [segment(1, "MANUAL", "Drawn by Dr Jones for Mrs Smith")]
    assert "Smith" not in (is_human_correction(header) or "Smith")


def test_segments_that_are_all_automatic_are_not_human():
    header = saved_by_ohif()
    header.SegmentSequence = [segment(1, "AUTOMATIC", "thyroid")]
    assert is_human_correction(header) is None


@pytest.mark.parametrize("keyword", ["SegmentSequence", "SOPClassUID"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_broken_header_is_not_human(keyword: str, empty: bool):
    header = saved_by_ohif()
    if empty:
        setattr(header, keyword, None)
    else:
        delattr(header, keyword)
    assert is_human_correction(header) is None


def test_a_scan_is_not_a_correction_even_if_it_derives_from_another():
    scan = saved_by_ohif()
    scan.SOPClassUID = NUCLEAR_MEDICINE
    assert is_human_correction(scan) is None


def test_a_segmentation_that_refers_to_no_image_corrects_nothing():
    header = Dataset()
    header.SOPClassUID = SEGMENTATION
    header.SegmentSequence = [segment(1, "MANUAL", "OHIF Brush")]
    assert is_human_correction(header) is None
