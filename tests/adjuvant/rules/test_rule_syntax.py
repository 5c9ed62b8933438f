"""A rule set is obeyed to the letter, or refused in one line that names rule, key and value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjuvant.errors import RuleFault
from adjuvant.image import read_header
from adjuvant.rules.condition_syntax import DEEPEST, MOST_CONDITIONS
from adjuvant.rules.syntax import DEFAULT_RULES, MOST_RULES, default_rules, read_rules
from tests.adjuvant.rules.rule_sets import KNOWN, RULE_SETS, header, rule
from tests.fuzz import tried
from tests.headers import STYLES, to_bytes

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rules.md"
THYROID = {"Thyroid": True}


def test_the_default_is_every_scan_of_the_thyroid_as_it_comes() -> None:
    (one,) = default_rules().rules
    assert (one.name, one.interpretation, one.level) == ("thyroid", "thyroid", "instance")
    assert (one.results, one.routing, one.priority) == (("SEG", "SC", "SR"), (), 0)
    for style in ("siemens e.soft", "anatomic code only"):
        ds = read_header(to_bytes(STYLES[style]()))
        assert default_rules().decide(ds, "thyroid").rule == one


def test_what_is_left_out_is_the_default() -> None:
    found = read_rules([rule(THYROID, "thyroid")], KNOWN)
    assert found.document == DEFAULT_RULES
    assert found.digest == default_rules().digest


def nested(depth: int) -> object:
    condition: object = THYROID
    for _ in range(depth - 1):
        condition = {"Not": condition}
    return condition


def tag(written: object, **test: object) -> dict[str, Any]:
    return rule({"Tag": written, **(test or {"Exists": True})})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([], r"^Rules: has to be a list of 1 to 100 rules, got \[\]$"),
        ({}, r"^Rules: has to be a list .* got \{\}$"),
        ([3], r"^Rules\[0\]: has to be an object, got 3$"),
        ([{}], r"^Rules\[0\] Name: has to be there, got None$"),
        ([rule(THYROID, "")], r"^Rules\[0\] Name: has to be a name .* got ''$"),
        ([rule(THYROID, "a\nb")], r"^Rules\[0\] Name: has to be a name .* got 'a\\nb'$"),
        ([rule(THYROID, "-a")], r"^Rules\[0\] Name: .* begins with a letter or digit, got '-a'$"),
        ([rule(THYROID)] * 2, r"^Rules\[1\] 'test' Name: has to be another .* got 'test'$"),
        ([rule(THYROID, Levle=1)], r"^Rules\[0\] 'test' Levle: unknown key \(known .*, got 1$"),
        ([rule(THYROID, Level="patient")], r"'test' Level: .* instance, series, study, got 'pat"),
        (
            [{**rule(THYROID), "Interpretation": "bone"}],
            r"'test' Interpretation: has to be one of thyroid \(.* in Models\), got 'bone'$",
        ),
        ([rule(THYROID, Priority=1001)], r"'test' Priority: .* -1000 to 1000, got 1001$"),
        ([rule(THYROID, Priority=True)], r"'test' Priority: .* got True$"),
        ([rule(THYROID, Priority=1.0)], r"'test' Priority: .* got 1\.0$"),
        ([rule(THYROID, Results=[])], r"'test' Results: .* SEG, SC, SR, got \[\]$"),
        ([rule(THYROID, Results=["PDF"])], r"'test' Results: .* got \['PDF'\]$"),
        ([rule(THYROID, Results=["SC", "SC"])], r"'test' Results: .* only once, got "),
        ([rule(THYROID, Results=["SR"])], r"'test' Results: has to hold SEG and SC with SR"),
        ([rule(THYROID, Routing="pacs")], r"'test' Routing: .* names, got 'pacs'$"),
        ([rule(THYROID, Routing=["a", "../b"])], r"'test' Routing\[1\]: .* got '\.\./b'$"),
        ([rule(THYROID, Routing=["b"])], r"'test' Routing\[0\]: .*Routes \(a, pacs\), got 'b'$"),
        ([rule(THYROID, Routing=["a", "a"])], r"'test' Routing: .* only once, got "),
        ([rule(3)], r"'test' When: has to be an object, got 3$"),
        ([rule({})], r"'test' When: has to have one of the keys Tag, All, Any, Not, Thyroid"),
        ([rule({"Bone": True})], r"'test' When: has to have one of the keys .* \{'Bone': True\}$"),
        ([rule({"Thyroid": True, "Not": 1})], r"'test' When: has to have one of the keys"),
        ([rule({"Thyroid": 1})], r"'test' When\.Thyroid: has to be true or false, got 1$"),
        ([rule({"All": []})], r"'test' When\.All: has to be a list of conditions, got \[\]$"),
        ([rule({"Any": [THYROID, 1]})], r"'test' When\.Any\[1\]: has to be an object, got 1$"),
        ([rule(nested(DEEPEST + 1))], rf"has to be at most {DEEPEST} deep, got "),
        ([tag(8)], r"'test' When\.Tag: has to be a text, got 8$"),
        ([tag("StudyDescripton")], r"'test' When\.Tag: has to be a keyword .* 'StudyDescripton'$"),
        ([tag("StudyDescription.CodeValue")], r"When\.Tag: StudyDescription is no sequence"),
        ([tag("PixelData")], r"When\.Tag: has to be in the header: pixels are not read"),
        ([tag("(7FE0,0010)")], r"When\.Tag: has to be in the header: pixels are not read"),
        ([tag("(0008,103)")], r"When\.Tag: has to be a keyword of DICOM or a tag as \(gggg"),
        ([tag("")], r"When\.Tag: has to be a keyword"),
        ([tag(".".join(["(0033,1010)"] * 9))], r"When\.Tag: has to lie in at most 7 sequences"),
        ([tag("ProcedureCodeSequence", Equals="x")], r"When\.Tag: a sequence has no value: Equals"),
        ([tag("Modality", Equals="x", Exists=True)], r"When: has to have, beside Tag, one of"),
        ([tag("Modality", Is="NM")], r"'test' When: has to have, beside Tag, one of Equals"),
        ([tag("Modality", Equals="")], r"When\.Equals: has to be a text or a number, got ''$"),
        ([tag("Modality", Equals=True)], r"When\.Equals: has to be a text or a number, got True$"),
        ([tag("Modality", OneOf=[])], r"When\.OneOf: has to be a list .* got \[\]$"),
        ([tag("Modality", OneOf=["a", None])], r"When\.OneOf: .* got None$"),
        ([tag("Modality", Exists="yes")], r"When\.Exists: has to be true or false, got 'yes'$"),
        ([tag("Modality", Range=[2, 1])], r"When\.Range: has to begin with the lower number"),
        ([tag("Modality", Range=[None, None])], r"When\.Range: has to be \[lowest, highest\]"),
        ([tag("Modality", Range=[1])], r"When\.Range: has to be \[lowest, highest\]"),
        ([tag("Modality", Range=["a", 2])], r"When\.Range: has to be \[lowest, highest\]"),
        ([tag("Modality", Range=[float("nan"), 2])], r"When\.Range: has to be \[lowest, highest\]"),
        ([tag("Modality", Matches="(a")], r"When\.Matches: .*RE2 \(missing \): \(a\), got '\(a'$"),
        ([tag("Modality", Matches="(?=a)")], r"When\.Matches: .* of RE2 \(invalid perl operator"),
        ([tag("Modality", Matches="\ud800")], r"When\.Matches: .*UTF-8, got '\\ud800'$"),
        ([tag("Modality", Matches="a" * 1001)], r"When\.Matches: .* at most 1000 characters"),
        ([tag("Modality", Matches="(.{999}){9}")], r"When\.Matches: .*(too large|invalid rep)"),
        ([tag("Modality", Matches=".{900}x{900}")], r"When\.Matches: has to be a smaller regular"),
        ([tag("Modality", Matches="")], r"When\.Matches: has to be a regular expression, got ''$"),
    ],
)
def test_what_cannot_be_obeyed_is_one_line(written: object, message: str) -> None:
    with pytest.raises(RuleFault, match=message) as caught:
        read_rules(written, KNOWN)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_too_many_rules_and_conditions_are_refused() -> None:
    many = [rule(THYROID, f"rule {number}") for number in range(MOST_RULES + 1)]
    with pytest.raises(RuleFault, match="a list of 1 to 100 rules"):
        read_rules(many, KNOWN)
    read_rules(many[:-1], KNOWN)
    wide = rule({"All": [THYROID] * (MOST_CONDITIONS - 1)}, "a")
    with pytest.raises(RuleFault, match=r"\[1\] 'b' When: a rule set has at most 1000 conditions"):
        read_rules([wide, rule(THYROID, "b")], KNOWN)


KEYS = (
    *("Name", "When", "Interpretation", "Level", "Results", "Routing", "Priority"),
    *("Tag", "All", "Any", "Not", "Thyroid", "Equals", "OneOf", "Matches", "Range", "Exists"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@tried(40)
@given(JSON | st.lists(st.builds(rule, JSON), min_size=1, max_size=2))
def test_any_json_is_a_rule_set_or_one_line(written: object) -> None:
    said = ""
    try:
        read_rules(written, KNOWN)
    except RuleFault as fault:
        said = str(fault)
    assert "\n" not in said


@tried(20)
@given(RULE_SETS)
def test_a_set_that_is_written_out_and_read_again_is_the_same(written: Any) -> None:
    first = read_rules(written, KNOWN)
    again = read_rules(json.loads(json.dumps(first.document)), KNOWN)
    assert again.digest == first.digest


# The cookbook

LISTS = re.findall(r"^```json\n(\[.*?^\])\n```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
COOKBOOK = [read_rules(json.loads(text), KNOWN) for text in LISTS]
BY_NAME = {found.rules[0].name: found for found in COOKBOOK}
FORMS = re.findall(r"^\| `(\{.*?\})` \|", PAGE.read_text(), re.MULTILINE)


def test_every_list_of_the_page_is_tried_below() -> None:
    assert len(LISTS) == len(BY_NAME) == 6
    assert LISTS[0] == json.dumps(DEFAULT_RULES, indent=2) or json.loads(LISTS[0]) == DEFAULT_RULES


@pytest.mark.parametrize("form", [form for form in FORMS if "…" not in form])
def test_every_form_in_the_table_is_a_condition(form: str) -> None:
    read_rules([rule(json.loads(form))], KNOWN)
    assert len(FORMS) == 9


def decided(name: str, **tags: object) -> str | None:
    found = BY_NAME[name].decide(header(**tags), "thyroid").rule
    return None if found is None else found.name


def test_emergencies_go_first() -> None:
    thyroid = {"StudyDescription": "Thyroid"}
    assert decided("emergency", **thyroid, RequestingService="EMERGENCY ROOM") == "emergency"
    assert decided("emergency", **thyroid, RequestingService="Ward 3") == "thyroid"
    assert decided("emergency", RequestingService="EMERGENCY ROOM") is None
    first, second = BY_NAME["emergency"].rules
    assert first.priority > second.priority


def test_only_the_checked_cameras_are_read() -> None:
    scan = {"StudyDescription": "Thyroid", "DeviceSerialNumber": "10234", "PatientAge": "045Y"}
    assert decided("checked cameras", **scan) == "checked cameras"
    assert decided("checked cameras", **{**scan, "DeviceSerialNumber": "1"}) is None
    assert decided("checked cameras", **{**scan, "PatientAge": "017Y"}) is None
    assert decided("checked cameras", **scan, SeriesDescription="I131 post-therapy") is None


def test_a_whole_study_is_waited_for() -> None:
    assert decided("whole study", StudyDescription="Thyroid") == "whole study"
    assert BY_NAME["whole study"].rules[0].level == "study"


def test_codes_choose_and_only_the_picture_is_stored() -> None:
    from tests.builder import code_item

    assert decided("by code", ProcedureCodeSequence=[code_item("TSZ2", "99X", "")]) == "by code"
    assert decided("by code", ProcedureCodeSequence=[code_item("TSZ3", "99X", "")]) is None
    assert BY_NAME["by code"].rules[0].results == ("SC",)


def test_a_site_without_words_is_read_by_its_energy_window() -> None:
    ds = read_header(to_bytes(STYLES["anatomic code only"]()))
    found = BY_NAME["technetium of the neck"]
    assert found.decide(ds, "thyroid").rule is not None
    ds.add_new(0x00091040, "LO", "x")
    assert found.decide(ds, "thyroid").rule is None
