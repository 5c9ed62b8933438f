"""dicom-validator, which reads the DICOM standard itself, finds nothing wrong in any result.

By the edition 2020b, of which tests/dicom_standard keeps what concerns us; `make validate`
downloads a newer one.
"""

from __future__ import annotations

import io
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_validator.spec_reader.edition_reader import EditionReader
from dicom_validator.validator.dicom_info import DicomInfo
from dicom_validator.validator.error_handler import NullValidationResultHandler
from dicom_validator.validator.iod_validator import IODValidator
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from adjuvant.errors import Refusal
from adjuvant.findings import Findings
from adjuvant.results import encode
from adjuvant.results.capture import build_capture
from adjuvant.results.report import build_refusal_report, build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.adjuvant.results.examples import findings, model, scan_of
from tests.headers import STYLES

KEPT = Path(__file__).parents[2] / "dicom_standard" / "2020b.json.xz"


def build_refusal(scan: Scan, _found: Findings, made_by: object) -> Dataset:
    refusal = Refusal("pixel-data", "the pixels end too early")
    return build_refusal_report(scan.header, refusal, model(), "thyroid")


BUILDERS: dict[str, Callable[..., Dataset]] = {
    "SEG": build_segmentation,
    "SC": build_capture,
    "SR": build_report,
    "refusal": build_refusal,
}


@pytest.fixture(scope="module")
def standard() -> DicomInfo:
    edition = os.environ.get("ADJUVANT_DICOM_EDITION")
    if edition:
        reader = EditionReader(os.environ["ADJUVANT_DICOM_STANDARD"])
        return reader.dicom_info_for_edition(edition)
    return DicomInfo(*json.loads(lzma.decompress(KEPT.read_bytes())))


def validate(result: Dataset, standard: DicomInfo) -> list[str]:
    """What it says of the file: module, tags from the outermost sequence inwards, and error."""
    read = dcmread(io.BytesIO(encode(result)))
    assert read.SOPClassUID in standard.iods
    said = IODValidator(read, standard, error_handler=NullValidationResultHandler()).validate()
    return [
        f"{module}: {tag} {error.code.name} {error.context or ''}".rstrip()
        for module, errors in said.module_errors.items()
        for tag, error in errors.items()
    ]


def example(kind: str, style: str = "plain", *, seen: bool = True) -> Dataset:
    scan = scan_of(STYLES[style]())
    return BUILDERS[kind](scan, findings(scan, seen=seen), model())


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize("style", STYLES)
def test_it_finds_no_error(kind: str, style: str, standard: DicomInfo) -> None:
    assert validate(example(kind, style), standard) == []


@pytest.mark.parametrize("kind", BUILDERS)
def test_it_finds_no_error_where_no_gland_is_seen(kind: str, standard: DicomInfo) -> None:
    assert validate(example(kind, seen=False), standard) == []


def without_conversion_type(result: Dataset) -> None:
    del result.ConversionType


def with_another_kind_of_mask(result: Dataset) -> None:
    result.SegmentationType = "SOLID"


def without_the_segment_of_a_frame(result: Dataset) -> None:
    for groups in result.PerFrameFunctionalGroupsSequence:
        del groups.SegmentIdentificationSequence


def without_the_unit_of_a_measurement(result: Dataset) -> None:
    del next(measurements(result)).MeasuredValueSequence[0].MeasurementUnitsCodeSequence


def with_a_measurement_in_a_text(result: Dataset) -> None:
    measured = next(measurements(result)).MeasuredValueSequence
    for item in result.ContentSequence:
        if item.ValueType == "CODE":
            item.MeasuredValueSequence = Sequence(measured)


def measurements(item: Dataset):  # type: ignore[no-untyped-def]
    for content in item.get("ContentSequence", []):
        if content.ValueType == "NUM":
            yield content
        yield from measurements(content)


@pytest.mark.parametrize(
    ("kind", "spoil", "found"),
    [
        ("SC", without_conversion_type, "(0008,0064) TagMissing"),
        ("SEG", with_another_kind_of_mask, "(0062,0001) EnumValueNotAllowed"),
        ("SEG", without_the_segment_of_a_frame, "(0062,000A) TagMissing"),
        ("SR", without_the_unit_of_a_measurement, "(0040,08EA) TagMissing"),
        ("SR", with_a_measurement_in_a_text, "(0040,A300) TagUnexpected"),
    ],
)
def test_it_finds_what_is_wrong(
    kind: str, spoil: Callable[[Dataset], None], found: str, standard: DicomInfo
) -> None:
    result = example(kind)
    spoil(result)
    assert any(found in one for one in validate(result, standard))
