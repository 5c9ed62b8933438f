"""The first rule that applies decides, and what is alike for all is known without a header."""

from __future__ import annotations

import pytest

from adjuvant.rules.ruleset import MOST_REASONS
from adjuvant.rules.syntax import default_rules
from tests.adjuvant.rules.rule_sets import header, rule, rules

THYROID = {"Thyroid": True}
NEVER = {"Tag": "PatientComments", "Equals": "x"}


def test_the_first_rule_that_applies_decides() -> None:
    found = rules(rule(NEVER, "a"), rule(THYROID, "b"), rule(THYROID, "c"))
    ds = header(StudyDescription="Thyroid")
    judged = [(one.rule.name, one.verdict.applies, one.decides) for one in found.judge(ds)]
    assert judged == [("a", False, False), ("b", True, True), ("c", True, False)]
    decision = found.decide(ds, "thyroid")
    assert decision.rule is not None
    assert decision.rule.name == "b"


def test_where_none_applies_every_reason_is_given() -> None:
    found = rules(rule(NEVER, "a"), rule({"Not": NEVER}, "b"))
    ds = header(PatientComments="x")
    assert found.decide(ds, "thyroid").rule is not None
    none = rules(rule(NEVER, "a"), rule(THYROID, "b")).decide(header(), "thyroid")
    assert none.rule is None
    assert none.reason.startswith("a: PatientComments is absent; b: neither a description")
    many = rules(*(rule(NEVER, f"r{number}") for number in range(20)))
    reason = many.decide(header(), "thyroid").reason
    assert reason.count("PatientComments") == MOST_REASONS
    assert reason.endswith("; and 15 rules more")


def test_an_interpretation_without_rules_reads_nothing() -> None:
    decision = default_rules().decide(header(StudyDescription="Thyroid"), "bone")
    assert (decision.rule, decision.reason) == (None, "no rule is about bone")


@pytest.mark.parametrize("when", [{"Not": NEVER}, {"Tag": "Modality", "Exists": True}])
def test_no_rule_reads_what_can_be_no_scan(when: object) -> None:
    found = rules(rule(when))
    assert found.decide(header(), "thyroid").rule is not None
    own = header(Manufacturer="Adjuvant open-source project")
    for ds, reason in [
        (own, "it is a result of Adjuvant itself"),
        (header(Modality="CT"), "Modality is 'CT', not 'NM'"),
    ]:
        assert found.decide(ds, "thyroid").reason == reason
        (judged,) = found.judge(ds)
        assert (judged.verdict.reason, judged.verdict.condition) == (reason, "")
        assert not judged.decides


def test_the_priority_is_known_unseen_where_all_scans_are_alike() -> None:
    assert default_rules().unseen_priority("thyroid") == 0
    assert rules(rule(THYROID, Priority=7)).unseen_priority("thyroid") == 7
    assert rules(rule(THYROID, Level="series")).unseen_priority("thyroid") is None
    different = rules(rule(NEVER, "a", Priority=7), rule(THYROID, "b"))
    assert different.unseen_priority("thyroid") is None
    assert rules(rule(NEVER, "a"), rule(THYROID, "b")).unseen_priority("thyroid") == 0
