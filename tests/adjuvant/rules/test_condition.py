"""Conditions hold for what they say, whatever the header holds, and name what decided."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from adjuvant.header import quiet
from adjuvant.rules.attribute import MOST_CHARACTERS, MOST_VALUES
from adjuvant.rules.condition_syntax import Budget, read_condition
from adjuvant.rules.operators import number
from adjuvant.rules.syntax import read_rules
from tests.adjuvant.rules.rule_sets import (
    HEADERS,
    KNOWN,
    RULE_SETS,
    applies,
    header,
)
from tests.builder import code_item
from tests.fuzz import tried

DESCRIPTION = {"Tag": "StudyDescription"}


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ({"Equals": "Thyroid"}, "Thyroid ", True),
        ({"Equals": "Thyroid"}, "thyroid", False),
        ({"Equals": "Thyroid"}, "Thyroid scan", False),
        ({"OneOf": ["a", "b"]}, "b", True),
        ({"OneOf": ["a", "b"]}, "c", False),
        ({"Matches": "(?i)THYRO"}, "hyperthyroidism", True),
        ({"Matches": "^thyro"}, "hyperthyroidism", False),
        ({"Matches": "Schilddrüse"}, "Schilddrüsenszintigraphie", True),
        ({"Range": [1, 2]}, "1.5", True),
        ({"Range": [1, 2]}, "one", False),
        ({"Range": [1, 2]}, "1_1", False),
        ({"Exists": True}, "x", True),
        ({"Exists": False}, "x", False),
    ],
)
def test_operators(test: dict[str, Any], value: str, expected: bool) -> None:
    assert applies({**DESCRIPTION, **test}, header(StudyDescription=value)) is expected


@pytest.mark.parametrize(
    "test",
    [{"Equals": "x"}, {"OneOf": ["x", 0]}, {"Matches": ".*"}, {"Range": [None, 5]}],
)
@pytest.mark.parametrize("empty", [{}, {"StudyDescription": ""}, {"StudyDescription": None}])
def test_what_is_absent_or_empty_never_matches(test: dict[str, Any], empty: Any) -> None:
    assert not applies({**DESCRIPTION, **test}, header(**empty))
    assert applies({"Not": {**DESCRIPTION, **test}}, header(**empty))
    assert applies({**DESCRIPTION, "Exists": False}, header(**empty))


@pytest.mark.parametrize(
    ("tag", "test", "tags", "expected"),
    [
        ("NumberOfFrames", {"Equals": 1}, {"NumberOfFrames": 1}, True),
        ("NumberOfFrames", {"OneOf": [1.0]}, {"NumberOfFrames": 1}, True),
        ("PixelSpacing", {"Equals": 1.2}, {"PixelSpacing": ["1.20", "1.3"]}, True),
        ("PixelSpacing", {"Range": [1.25, 2]}, {"PixelSpacing": ["1.20", "1.3"]}, True),
        ("PixelSpacing", {"Range": [2, None]}, {"PixelSpacing": ["1.20", "1.3"]}, False),
        ("ImageType", {"Equals": "STATIC"}, {"ImageType": ["ORIGINAL", "STATIC"]}, True),
        ("ImageType", {"Equals": "ORIGINAL\\STATIC"}, {"ImageType": ["ORIGINAL", "STATIC"]}, False),
        ("PatientAge", {"Range": [18, None]}, {"PatientAge": "045Y"}, True),
        ("PatientAge", {"Range": [18, None]}, {"PatientAge": "100M"}, False),
        ("PatientAge", {"Range": [8, 9]}, {"PatientAge": "100M"}, True),
        ("PatientAge", {"Range": [None, 0.1]}, {"PatientAge": "003W"}, True),
        ("StudyDate", {"Range": [20260101, None]}, {"StudyDate": "20260902"}, True),
        ("PatientName", {"Equals": "A^B"}, {"PatientName": "A^B"}, True),
        ("(0008,1030)", {"Equals": "x"}, {"StudyDescription": "x"}, True),
        ("SOPClassUID", {"Equals": "1.2.840.10008.5.1.4.1.1.20"}, {}, True),
        ("FrameIncrementPointer", {"Exists": True}, {"FrameIncrementPointer": 0x00540010}, True),
    ],
)
def test_values_of_every_kind(
    tag: str, test: dict[str, Any], tags: dict[str, Any], expected: bool
) -> None:
    assert applies({"Tag": tag, **test}, header(**tags)) is expected


def test_an_age_is_years_also_without_the_zeros_that_the_standard_wants() -> None:
    ages = {"045Y": 45, "45Y": 45, "7D": 7 / 365.25, "18M": 1.5, "Y": None, "0045Y": None}
    assert {age: number(age) for age in ages} == ages


def test_any_item_of_nested_sequences_may_hold_the_value() -> None:
    request = Dataset()
    request.ScheduledProtocolCodeSequence = [code_item("1", "L", "a"), code_item("2", "L", "b")]
    ds = header(RequestAttributesSequence=[Dataset(), request])
    tag = "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeMeaning"
    assert applies({"Tag": tag, "Equals": "b"}, ds)
    assert not applies({"Tag": tag, "Equals": "c"}, ds)
    assert applies({"Tag": "RequestAttributesSequence", "Exists": True}, ds)
    assert not applies({"Tag": "RequestAttributesSequence", "Exists": True}, header())
    assert not applies({"Tag": tag, "Equals": "b"}, header(RequestAttributesSequence=[]))


def test_private_tags_and_the_file_meta_information_are_asked_too() -> None:
    ds = header()
    ds.private_block(0x0033, "SIEMENS MED NM", create=True).add_new(0x10, "LO", "STATIC")
    ds.add_new(0x00331011, "UN", b"DYNAMIC ")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    assert applies({"Tag": "(0033,1010)", "Equals": "STATIC"}, ds)
    assert applies({"Tag": "(0033,1011)", "Equals": "DYNAMIC"}, ds)
    assert applies({"Tag": "TransferSyntaxUID", "Equals": "1.2.840.10008.1.2.1"}, ds)
    assert not applies({"Tag": "TransferSyntaxUID", "Exists": True}, header())


YES, NO = {"Tag": "Modality", "Equals": "NM"}, {"Tag": "Modality", "Equals": "CT"}
ABSENT = {"Tag": "StudyDescription", "Equals": "x"}


@pytest.mark.parametrize(
    ("written", "expected", "condition", "reason"),
    [
        (YES, True, "When.Equals", "Modality has a value that is asked for"),
        (NO, False, "When.Equals", "Modality has another value"),
        (ABSENT, False, "When.Equals", "StudyDescription is absent"),
        ({"All": [YES, NO, ABSENT]}, False, "When.All[1].Equals", "Modality has another value"),
        ({"All": [YES, YES]}, True, "When.All", "all 2 conditions hold"),
        ({"All": [YES]}, True, "When.All[0].Equals", "Modality has a value that is asked for"),
        ({"Any": [NO, YES]}, True, "When.Any[1].Equals", "Modality has a value that is asked for"),
        ({"Any": [NO, ABSENT]}, False, "When.Any", "none of 2 conditions holds"),
        ({"Not": ABSENT}, True, "When.Not.Equals", "StudyDescription is absent"),
        (
            {"All": [YES, {"Not": {"Any": [NO, YES]}}]},
            False,
            "When.All[1].Not.Any[1].Equals",
            "Modality has a value that is asked for",
        ),
        (
            {"Thyroid": True},
            False,
            "When.Thyroid",
            "neither a description nor a code in the header names the thyroid",
        ),
        (
            {"Thyroid": False},
            True,
            "When.Thyroid",
            "neither a description nor a code in the header names the thyroid",
        ),
    ],
)
def test_the_condition_that_decided_is_named(
    written: object, expected: bool, condition: str, reason: str
) -> None:
    verdict = read_condition(written, "When", Budget()).judge(header())
    assert (verdict.applies, verdict.condition, verdict.reason) == (expected, condition, reason)


@tried(60)
@given(RULE_SETS, HEADERS)
def test_no_valid_rule_raises_for_any_header(written: list[dict[str, Any]], ds: Dataset) -> None:
    with quiet():
        found = read_rules(written, KNOWN)
        judgements = found.judge(ds)
        decision = found.decide(ds, "thyroid")
    deciding = [one.rule for one in judgements if one.decides]
    assert deciding == ([] if decision.rule is None else [decision.rule])


@tried(40)
@given(RULE_SETS)
def test_no_reason_repeats_a_value_of_the_header(written: list[dict[str, Any]]) -> None:
    secret = "Geheimnis"
    ds = header(
        PatientName=f"{secret}^thyroid", StudyDescription=f"{secret} thyroid", PatientAge="045Y"
    )
    for one in read_rules(written, KNOWN).judge(ds):
        assert secret not in one.verdict.reason + one.verdict.condition
        assert "045" not in one.verdict.reason + one.verdict.condition


CATASTROPHIC = {
    "nested repetition": "(a+)+$",
    "overlapping choice": "(a|aa)+$",
    "many stars": "(.*a){20}$",
    "optional chain": "(a?){50}a{50}$",
    "two classes": "^([a-z]|[^b])*$x",
    "large repetition": "a.{200}b",
    "nested counts": "(?:(?:.{0,10}a){0,9}b){0,2}c",
    "words": r"(\w+\s?)*x$",
}
TEXTS = {
    "one letter": "a" * MOST_CHARACTERS + "!",
    "two letters": "ab" * MOST_CHARACTERS,
    "words": "aa " * MOST_CHARACTERS,
    "accents": "é" * MOST_CHARACTERS,
}


@pytest.mark.parametrize("pattern", CATASTROPHIC.values(), ids=CATASTROPHIC)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_expression_takes_long_on_any_text(pattern: str, text: str) -> None:
    """Python's own engine does not end within days for most of these."""
    with quiet():
        ds = header(StudyDescription=text)
    condition = read_condition({**DESCRIPTION, "Matches": pattern}, "When", Budget())
    begin = time.thread_time()
    condition.judge(ds)
    assert time.thread_time() - begin < 2


def test_what_is_looked_at_is_bounded() -> None:
    with quiet():
        ds = header(StudyDescription="a" * MOST_CHARACTERS + "b", ImageType=["a"] * MOST_VALUES)
        ds.ImageType = [*ds.ImageType, "b"]
        ds.ProcedureCodeSequence = [code_item("1", "L", "a")] * MOST_VALUES
    assert not applies({**DESCRIPTION, "Matches": "b"}, ds)
    assert not applies({"Tag": "ImageType", "Equals": "b"}, ds)
    assert applies({"Tag": "ProcedureCodeSequence.CodeMeaning", "Equals": "a"}, ds)
