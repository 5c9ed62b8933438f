"""A candidate takes over only where it is not worse in anything that is judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from test_evaluate import MODEL

from training.comparison import Comparison, compare_glands, compare_nodules
from training.errors import ReleaseError
from training.figures import Score
from training.lesions import LesionScore, NoduleScore
from training.margins import Margins

GROUPS = {"isotope": "Tc-99m"}
IN_SERVICE = [Score(f"c{n}", f"p{n // 2}", 0.9 + n / 1000, 3.0, False, GROUPS) for n in range(40)]
IN_SERVICE += [Score(f"c{n}", f"p{n}", None, None, n % 2 == 0, GROUPS) for n in range(40, 60)]


def against(change: Callable[[Score], Score], margins: Margins | None = None) -> Comparison:
    scores = [change(one) for one in IN_SERVICE]
    return compare_glands(scores, IN_SERVICE, MODEL, "seed", margins or Margins())


def worse_dice(one: Score) -> Score:
    return one if one.dice is None else replace(one, dice=one.dice - 0.02)


def test_the_same_network_is_not_worse() -> None:
    found = against(lambda one: one)
    found.require_not_worse()
    assert found.verdict == "not worse"
    assert [one.value for one in found.differences] == [0, 0, 0, 0]
    assert [one.scans for one in found.differences] == [40, 40, 40, 20]
    # No gland was missed by either, but of 20 patients that says little: no obstacle.
    assert [one.verdict for one in found.differences] == [
        "not worse", "not worse", "too few patients", "not worse",
    ]  # fmt: skip


def test_a_worse_one_is_refused_and_told_by_how_much() -> None:
    found = against(worse_dice)
    with pytest.raises(ReleaseError, match=r"worse than thyroid 0\.1\.0: gland Dice, mean: 0\.899, "
                       r"was 0\.919 \(difference -0\.020, 95 % interval -0\.020 to -0\.020; "
                       r"0\.005 worse is allowed\)"):  # fmt: skip
        found.require_not_worse()
    assert json.loads(json.dumps(found.content()))["differences"][0]["verdict"] == "worse"


def test_the_margins_are_the_recipes() -> None:
    assert against(worse_dice, Margins(dice=0.03)).verdict == "not worse"


def test_missed_glands_weigh_more_than_their_dice() -> None:
    found = against(
        lambda one: replace(one, dice=0.0, silent=True) if one.case_id in ("c0", "c9") else one,
        Margins(dice=0.5),
    )
    with pytest.raises(ReleaseError, match=r"not shown .* not found: 5\.0 %, was 0\.0 %"):
        found.require_not_worse()


def test_something_else_drawn_is_no_better_than_nothing() -> None:
    drawn_elsewhere = [
        replace(one, dice=0.05) if one.case_id == "c9" else one for one in IN_SERVICE
    ]
    silent = [
        replace(one, dice=0.0, silent=True) if one.case_id == "c9" else one for one in IN_SERVICE
    ]
    found = compare_glands(silent, drawn_elsewhere, MODEL, "seed", Margins())
    (one,) = (one for one in found.differences if one.name == "gland visible, not found")
    assert (one.candidate, one.in_service) == (0.025, 0.025)


def test_too_small_a_test_set_shows_nothing() -> None:
    few = [replace(one, patient_id=f"p{n % 4}") for n, one in enumerate(IN_SERVICE)]
    found = compare_glands(few, few, MODEL, "seed", Margins())
    with pytest.raises(ReleaseError, match=r"has 4 patients .*fewest_patients is 10"):
        found.require_not_worse()


def test_other_scans_are_not_compared() -> None:
    with pytest.raises(ValueError, match="the same scans in the same order"):
        compare_glands(IN_SERVICE[1:], IN_SERVICE[:-1], MODEL, "seed", Margins())


def nodule_scores(found: int, marks: int) -> list[LesionScore]:
    """Twenty scans with a nodule of 12 mm each, so many of them found."""
    nodules = [(NoduleScore(12.0, True, 0.7 if n < found else None),) for n in range(20)]
    return [LesionScore(f"c{n}", f"p{n}", nodules[n], marks, GROUPS) for n in range(20)]


@pytest.mark.parametrize(
    ("found", "marks", "verdict"),
    [(20, 1, "not worse"), (20, 0, "not worse"), (9, 1, "worse"), (20, 3, "worse"),
     (19, 1, "undecided")],
)  # fmt: skip
def test_nodules_are_compared_by_those_found_and_false_marks(
    found: int, marks: int, verdict: str
) -> None:
    one, other = nodule_scores(found, marks), nodule_scores(20, 1)
    assert compare_nodules(one, other, MODEL, "seed", Margins()).verdict == verdict


def test_nodules_of_unknown_size_are_compared_where_there_are_no_others() -> None:
    unknown = [
        replace(one, nodules=tuple(replace(nodule, size_mm=0.0) for nodule in one.nodules))
        for one in nodule_scores(9, 1)
    ]
    better = [
        replace(one, nodules=tuple(replace(nodule, dice=0.7) for nodule in one.nodules))
        for one in unknown
    ]
    found = compare_nodules(unknown, better, MODEL, "seed", Margins())
    assert found.verdict == "worse"
    assert found.differences[0].name == "detectable nodules of unknown size, found"


def test_without_nodules_nothing_is_compared() -> None:
    empty = [replace(one, nodules=()) for one in nodule_scores(0, 0)]
    with pytest.raises(ValueError, match="no scan has a detectable nodule of 10 mm"):
        compare_nodules(empty, empty, MODEL, "seed", Margins())
