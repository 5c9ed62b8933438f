"""Paired differences: what is hard for both says nothing, and patients are what is resampled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.difference import Better, Difference, Pair, Verdict, difference, sentence, signed
from training.metrics import paired_bootstrap

DICE: tuple[str, str, Better] = ("Dice", "", "higher")


def known(low: float, high: float, better: Better = "higher") -> Difference:
    value = (low + high) / 2
    return Difference("Dice", "", better, 0.9 + value, 0.9, value, low, high, 9, 9, margin=0.01)


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [
        (-0.009, 0.02, "higher", "not worse"),
        (-0.009, -0.001, "higher", "not worse"),
        (-0.03, -0.02, "higher", "worse"),
        (-0.03, -0.001, "higher", "worse"),
        (-0.03, 0.02, "higher", "undecided"),
        (0.02, 0.03, "lower", "worse"),
        (-0.03, 0.009, "lower", "not worse"),
        (-0.03, 0.02, "lower", "undecided"),
    ],
)
def test_the_far_end_of_the_interval_decides(
    low: float, high: float, better: Better, verdict: Verdict
) -> None:
    assert known(low, high, better).verdict == verdict
    assert replace(known(low, high, better), margin=None).verdict == "not judged"


def test_a_sentence_says_by_how_much() -> None:
    assert sentence(known(-0.03, -0.02)) == (
        "Dice: 0.875, was 0.900 (difference -0.025, 95 % interval -0.030 to -0.020; "
        "0.010 worse is allowed)"
    )
    assert [signed(value, "%") for value in (0.021, -0.021, -0.0001, 0.0)] == [
        "+2.1 %", "-2.1 %", "0.0 %", "0.0 %",
    ]  # fmt: skip


def test_what_is_hard_for_both_cancels_out() -> None:
    hard = np.random.default_rng(1).uniform(0.2, 0.9, 60)
    pairs = [Pair(f"p{n}", value + 0.02, value) for n, value in enumerate(hard)]
    found = difference(DICE, pairs, 0.005)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.02), pytest.approx(0.02))


def test_scans_of_one_patient_do_not_promise_too_much() -> None:
    generator = np.random.default_rng(2)
    of_patient = generator.normal(0, 0.05, 12)
    pairs = [Pair(f"p{n % 12}", 0.5 + of_patient[n % 12], 0.5) for n in range(120)]
    apart = [replace(one, patient_id=f"p{n}") for n, one in enumerate(pairs)]
    together, alone = difference(DICE, pairs, None), difference(DICE, apart, None)
    assert together is not None
    assert alone is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.value == pytest.approx(alone.value)


def test_an_interval_holds_the_true_difference_nineteen_times_in_twenty() -> None:
    generator, held = np.random.default_rng(3), 0
    for _ in range(200):
        changes = generator.normal(0.01, 0.05, 50)
        low, high = paired_bootstrap(changes, [1.0] * 50, [str(n) for n in range(50)],
                                     resamples=400)  # fmt: skip
        held += low <= 0.01 <= high
    assert 0.90 <= held / 200 <= 0.98


def test_rates_of_nodules_are_over_nodules_and_not_over_scans() -> None:
    pairs = [Pair("a", 1, 0, 1), Pair("b", 1, 3, 4), Pair("c", 0, 0, 0)]
    found = difference(("found", "%", "higher"), pairs, None)
    assert found is not None
    assert (found.candidate, found.in_service, found.scans) == (2 / 5, 3 / 5, 2)


@pytest.mark.parametrize(
    ("patients", "high", "verdict"),
    [
        (10, 0.278, "too few patients"),
        (100, 0.037, "too few patients"),
        (1000, 0.0038, "not worse"),
    ],
)
def test_what_never_happened_to_a_few_patients_is_not_ruled_out(
    patients: int, high: float, verdict: Verdict
) -> None:
    pairs = [Pair(f"p{n // 2}", 0, 0) for n in range(2 * patients)]
    found = difference(("missed", "%", "lower"), pairs, 0.005)
    assert found is not None
    assert found.high == pytest.approx(high, rel=0.02)
    assert found.low == -found.high
    assert found.verdict == verdict
    assert ("too few to show it" in sentence(found)) is (verdict == "too few patients")


def test_few_patients_are_reported_and_not_judged() -> None:
    pairs = [Pair(f"p{n // 2}", 0.9, 0.8) for n in range(18)]
    judged, few = difference(DICE, pairs, 0.01, fewest=9), difference(DICE, pairs, 0.01, fewest=10)
    assert judged is not None
    assert few is not None
    assert (judged.verdict, few.verdict) == ("not worse", "not judged")
    assert difference(DICE, [], 0.01) is None
