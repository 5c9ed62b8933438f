"""Nothing leaves that is not the source's patient, well referenced, and on its matrix."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.errors import Fault, Refusal
from adjuvant.results.capture import build_capture
from adjuvant.results.gate import check_refusal, check_results
from adjuvant.results.report import build_refusal_report, build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.adjuvant.results.examples import findings, model, views


def results(scan: Scan) -> list[Dataset]:
    found = findings(scan)
    return [
        build_segmentation(scan, found, model()),
        build_capture(scan, found, model()),
        build_report(scan, found, model()),
    ]


def check(scan: Scan, objects: list[Dataset]) -> None:
    check_results(scan, findings(scan), objects)


def test_what_we_build_passes():
    scan = views("anterior", "posterior")
    check(scan, results(scan))


def source_of(result: Dataset) -> Dataset:
    groups = result.PerFrameFunctionalGroupsSequence[-1]
    return groups.DerivationImageSequence[0].SourceImageSequence[0]


def set_tag(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda result: setattr(result, keyword, value)


BROKEN: dict[str, tuple[Callable[[Dataset], None], str]] = {
    "patient": (set_tag("PatientID", "X-SECRET"), "not the source's PatientID"),
    "study": (set_tag("StudyInstanceUID", "1.2"), "not the source's StudyInstanceUID"),
    "accession": (set_tag("AccessionNumber", ""), "not the source's AccessionNumber"),
    "character set": (
        set_tag("SpecificCharacterSet", "ISO_IR 100"),
        "not the source's SpecificCharacterSet",
    ),
    "uid": (set_tag("SOPInstanceUID", ""), "no SOPInstanceUID"),
    "file meta": (
        lambda result: setattr(result.file_meta, "MediaStorageSOPInstanceUID", "1.2"),
        "MediaStorageSOPInstanceUID is not SOPInstanceUID",
    ),
    "matrix": (set_tag("Rows", 128), "masks of 128 x 256 on a source of 256 x 256"),
    "frames": (set_tag("NumberOfFrames", 3), "3 frames, 4 described"),
    "pixels": (set_tag("PixelData", b"\0\0"), "2 bytes of pixels instead of 32768"),
    "frame number": (
        lambda result: setattr(source_of(result), "ReferencedFrameNumber", 9),
        "ReferencedFrameNumber 9, which is not a view of the source",
    ),
    "reference": (
        lambda result: setattr(source_of(result), "ReferencedSOPInstanceUID", "1.2.9"),
        "a reference to 1.2.9, which is not the source",
    ),
    "class": (
        lambda result: setattr(source_of(result), "ReferencedSOPClassUID", "1.2.8"),
        "a reference to class 1.2.8, not the source's",
    ),
    "series": (
        lambda result: setattr(result.ReferencedSeriesSequence[0], "SeriesInstanceUID", "1.2"),
        "a referenced series that is not the source's",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_segmentation_is_stopped_with_its_reason(name: str):
    scan = views("anterior", "posterior")
    objects = results(scan)
    spoil, reason = BROKEN[name]
    spoil(objects[0])
    with pytest.raises(Fault, match=f"result 1 of 3 .* is not stored: {reason}") as fault:
        check(scan, objects)
    assert "SECRET" not in str(fault.value)


def test_a_picture_without_a_reference_is_stopped():
    scan = views("anterior")
    objects = results(scan)
    del objects[1].SourceImageSequence
    with pytest.raises(Fault, match=r"result 2 of 3 \(OT\) .* no reference to the source"):
        check(scan, objects)


def test_an_anonymous_maker_is_stopped():
    scan = views("anterior")
    objects = results(scan)
    del objects[1].ContributingEquipmentSequence
    objects[1].Manufacturer = "Nobody"
    with pytest.raises(Fault, match="the equipment does not say what made it"):
        check(scan, objects)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID"])
def test_the_sources_own_uid_is_stopped(keyword: str):
    scan = views("anterior")
    objects = results(scan)
    setattr(objects[0], keyword, scan.header.get(keyword))
    with pytest.raises(Fault, match=f"{keyword} is the source's own"):
        check(scan, objects)


def test_the_same_result_twice_is_stopped():
    scan = views("anterior")
    objects = results(scan)
    with pytest.raises(Fault, match=r"SOPInstanceUID 2\.25\.\d+ is there twice"):
        check(scan, [objects[0], objects[0]])


def test_a_frame_that_was_not_read_cannot_be_referred_to():
    scan = views("anterior", "posterior")
    objects = results(scan)
    with pytest.raises(Fault, match="ReferencedFrameNumber 2, which is not a view"):
        check(replace(scan, frames=scan.frames[:1]), objects)


def test_a_report_that_refers_to_a_result_of_another_set_is_stopped():
    scan = views("anterior")
    objects = results(scan)
    objects[2] = build_report(scan, findings(scan), model(version="0.2.0"))
    with pytest.raises(Fault, match=r"\(SR\) .* evidence .* neither the source nor a result"):
        check(scan, objects)


def test_a_report_without_the_results_that_it_refers_to_is_stopped():
    scan = views("anterior")
    with pytest.raises(Fault, match="neither the source nor a result"):
        check(scan, results(scan)[2:])


def spoiled(mask_of_second_segment: Callable[[np.ndarray], np.ndarray]) -> str:
    """What the gate says of a segmentation whose second segment was changed on frame 2."""
    scan = views("anterior", "posterior")
    objects = results(scan)
    bits = np.unpackbits(np.frombuffer(objects[0].PixelData, np.uint8), bitorder="little")
    masks = bits.reshape(4, *scan.shape)
    masks[3] = mask_of_second_segment(masks[3])
    objects[0].PixelData = np.packbits(masks, bitorder="little").tobytes()
    with pytest.raises(Fault, match="the segmentation is not stored") as fault:
        check(scan, objects)
    return str(fault.value)


def test_a_mask_that_is_stored_elsewhere_than_it_was_found_is_stopped():
    said = spoiled(lambda mask: np.roll(mask, 30, axis=0))
    rows = re.findall(r"row (\d+\.\d)", said)
    assert float(rows[0]) == pytest.approx(float(rows[1]) + 30)
    assert "segment 2 lies about row" in said
    assert "on frame 2" in said


def test_a_mask_that_is_lost_is_stopped():
    assert "segment 2 lies nowhere on frame 2" in spoiled(np.zeros_like)


def test_the_report_of_a_refusal_passes_alone():
    header = views("anterior").header
    refusal = Refusal("pixel-data", "the pixels end too early")
    report = build_refusal_report(header, refusal, model(), "thyroid")
    check_refusal(header, report)
    report.PatientID = "X-SECRET"
    with pytest.raises(Fault, match=r"result 1 of 1 \(SR\) is not stored: not the source's"):
        check_refusal(header, report)
