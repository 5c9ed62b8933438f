"""A result belongs to the same patient and study as its scan, whatever the header holds."""

from __future__ import annotations

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.tag import Tag

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_scan
from adjuvant.results import encode
from adjuvant.results.capture import build_capture
from adjuvant.results.gate import check_results
from adjuvant.results.identity import (
    KEPT,
    REQUIRED_MAYBE_EMPTY,
    copy_identity,
    differing_identity,
    require_uids,
)
from adjuvant.results.report import build_report
from adjuvant.results.seg import build_segmentation
from tests.adjuvant.results.examples import findings, model, scan_of, views
from tests.builder import code_item, nm_dataset, thyroid_counts, to_bytes
from tests.headers import STYLES


def stored(source: Dataset) -> Dataset:
    scan = scan_of(source)
    data = encode(build_segmentation(scan, findings(scan), model()))
    return dcmread(DicomBytesIO(data))


@pytest.mark.parametrize("style", STYLES)
def test_patient_and_study_survive_writing_and_reading(style: str):
    source = STYLES[style]()
    assert differing_identity(source, stored(source)) == []


@pytest.mark.parametrize("keyword", REQUIRED_MAYBE_EMPTY)
def test_what_the_source_lacks_is_present_and_empty(keyword: str):
    result = stored(nm_dataset(thyroid_counts(), **{keyword: None}))
    assert keyword in result
    assert not result[keyword].value


def test_issuer_and_other_identifiers_are_kept():
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "7", "Elsewhere"
    source = nm_dataset(
        thyroid_counts(),
        IssuerOfPatientID="Hospital",
        OtherPatientIDsSequence=[other],
        PatientAge="056Y",
        ProcedureCodeSequence=[code_item("1", "99X", "Scan")],
    )
    result = stored(source)
    assert result.IssuerOfPatientID == "Hospital"
    assert result.OtherPatientIDsSequence[0].IssuerOfPatientID == "Elsewhere"
    assert result.PatientAge == "056Y"
    assert result.ProcedureCodeSequence[0].CodeValue == "1"


def test_the_same_ideographic_name_is_written_in_the_same_character_set():
    result = stored(STYLES["japanese"]())
    assert list(result.SpecificCharacterSet) == ["", "ISO 2022 IR 87"]
    assert result.PatientName.ideographic == "山田^太郎"


def test_a_source_without_a_character_set_gives_none():
    assert "SpecificCharacterSet" not in stored(
        nm_dataset(thyroid_counts(), SpecificCharacterSet=None)
    )


@pytest.mark.parametrize(
    ("keyword", "valid", "hostile"),
    [
        ("PatientWeight", b"DS\x02\x0070", b"DS\x02\x00x!"),
        ("PatientSex", b"CS\x02\x00F ", b"CS\x02\x00??"),
        ("StudyDate", b"DA\x08\x0020260902", b"DA\x08\x002026.9.2"),
        ("PatientName", b"PN\x10\x00Phantom^Thyroid ", b"PN\x10\x00a^b^c^d^e^f^g=hi"),
    ],
)
def test_values_that_break_the_standard_are_kept_as_they_are(
    keyword: str, valid: bytes, hostile: bytes
):
    data = to_bytes(nm_dataset(thyroid_counts(), PatientWeight="70"))
    assert valid in data
    scan = read_scan(data.replace(valid, hostile), Limits())
    result = build_segmentation(scan, findings(scan), model())
    assert str(result[keyword].value).strip() == hostile[4:].decode().strip()
    others = (build(scan, findings(scan), model()) for build in (build_capture, build_report))
    check_results(scan, findings(scan), [result, *others])


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 192", b"M\xfcller^\xc4nneli^Z."),
        ("ISO_IR 144", b"\xbb\xee\xda\xe1\xd5\xdc\xd1\xe3\xe0\xd3^\xff\xfe^ab"),
        (["", "ISO 2022 IR 87"], b"Ya=\x1b$B;3\x1b(B^\x1b$B\xff"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], b"\xd4\xcf\xc0\xde^=\x1b$B;3ED\x1b(J"),
    ],
)
def test_a_name_keeps_its_bytes_in_all_results_whatever_its_declared_character_set(
    character_set: str | list[str], name: bytes
):
    ascii_only = nm_dataset(
        thyroid_counts(), SpecificCharacterSet=character_set, PatientID="x" * len(name)
    )
    data = to_bytes(ascii_only).replace(b"Phantom^Thyroid ", name).replace(b"x" * len(name), name)
    scan = read_scan(data, Limits())
    found = findings(scan)
    results = [
        build(scan, found, model()) for build in (build_segmentation, build_capture, build_report)
    ]
    check_results(scan, found, results)
    for result in results:
        written = encode(result)
        assert b"\x10\0\x10\0PN\x10\0" + name in written
        assert b"\x10\0\x20\0LO\x10\0" + name in written


def test_what_the_result_had_before_does_not_stay():
    result = Dataset()
    result.PatientComments = "of another patient"
    copy_identity(views("anterior").header, result)
    assert "PatientComments" not in result


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "AccessionNumber"])
def test_a_difference_is_named_by_its_keyword(keyword: str):
    source, result = views("anterior").header, Dataset()
    copy_identity(source, result)
    setattr(result, keyword, "1.2.3")
    assert differing_identity(source, result) == [keyword]


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_missing_uid_is_a_refusal(keyword: str):
    header = views("anterior").header
    delattr(header, keyword)
    with pytest.raises(Refusal, match=f"the header has no {keyword}"):
        require_uids(header)


@pytest.mark.parametrize(
    "value", [b"1.2.3\\1.2.4 ", "1.2.3.é.".encode("latin-1"), b"1." * 33, b"1.2 .3", b"unknown "]
)
@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI", "ignore:The value length")
def test_what_is_no_uid_is_a_refusal_too(keyword: str, value: bytes):
    source = STYLES["plain"]()
    tag = Tag(keyword)
    source[tag] = RawDataElement(tag, "UI", len(value), value, 0, False, True)
    with pytest.raises(Refusal, match=f"the header's {keyword} is not one UID") as refused:
        require_uids(source)
    assert refused.value.code == "bad-uid"


def test_no_attribute_is_listed_twice():
    assert len(KEPT) == len(set(KEPT))
