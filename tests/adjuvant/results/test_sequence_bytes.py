"""Our encoding of the long sequences of a result is pydicom's, byte by byte, only sooner."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from adjuvant.errors import Refusal
from adjuvant.results import encode
from adjuvant.results.datasets import dataset
from adjuvant.results.report import build_refusal_report, build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.results.sequence_bytes import encoded_items
from tests.adjuvant.results.examples import findings, model, scan_of, views
from tests.builder import to_bytes
from tests.headers import STYLES


def by_pydicom(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("style", STYLES)
def test_the_report_of_every_style_is_encoded_as_pydicom_does(style: str):
    scan = scan_of(STYLES[style]())
    report = build_report(scan, findings(scan), model())
    assert encode(report) == by_pydicom(report)


@pytest.mark.parametrize("style", STYLES)
def test_the_segmentation_of_every_style_too(style: str):
    scan = scan_of(STYLES[style]())
    segmentation = build_segmentation(scan, findings(scan), model())
    assert encode(segmentation) == by_pydicom(segmentation)


@pytest.mark.parametrize(
    ("strange", "vr"),
    [
        (dataset(RealWorldValueSlope=1.5), "FD"),
        (dataset(LongCodeValue="a code that is too long"), "UC"),  # as bytes already
    ],
)
def test_what_it_does_not_know_is_named(strange: Dataset, vr: str):
    with pytest.raises(ValueError, match=f"no result of ours holds VR {vr} in a sequence"):
        encoded_items([strange])


def test_nothing_is_written_as_nothing_whoever_looked_before():
    item = dataset(NumericValue="", TextValue=None)
    before = encoded_items([item])
    assert item.NumericValue is None
    assert encoded_items([item]) == before
    assert b"None" not in before


def test_a_report_without_structures_and_one_of_a_refusal_too():
    scan = views("anterior", "posterior")
    refusal = Refusal("pixel-data", "the pixels end too early")
    for report in (
        build_report(
            scan, findings(scan, seen=False, remarks=("Nothing \u2013 at all.",)), model()
        ),
        build_refusal_report(scan.header, refusal, model(), "thyroid"),
    ):
        assert encode(report) == by_pydicom(report)


def test_encoding_leaves_the_report_as_it_is():
    scan = views("anterior")
    report = build_report(scan, findings(scan), model())
    before = by_pydicom(report)
    first = encode(report)
    assert encode(report) == first
    assert by_pydicom(report) == before
    assert dcmread(BytesIO(first)).ContentSequence == report.ContentSequence


def test_an_object_without_content_is_encoded_as_before():
    source = STYLES["three views"]()
    assert encode(source) == to_bytes(source)
