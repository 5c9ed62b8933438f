"""Figures of scores that are known, and how they read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_evaluate import MODEL

from training.figures import Evaluation, Score, Totals, summarise
from training.report import markdown, write_evaluation

TOTALS = Totals(refused=2, seeds=(8,), training_seeds=(7,), separation="seed")


def scores() -> tuple[Score, ...]:
    """Twenty scans of ten patients: one missed, one without distance, three without gland."""
    shown = [
        Score(f"c{n}", f"p{n // 2}", 0.90 + n / 200, 2.0 + n / 10, False, {"disease": "normal"})
        for n in range(14)
    ]
    shown.append(Score("c14", "p7", 0.0, None, True, {"disease": "thyroiditis"}))
    shown.append(Score("c15", "p7", 0.8, None, False, {"disease": "thyroiditis"}))
    shown.append(Score("c16", "p8", 0.9, 4.0, False, {"disease": "goitre"}))
    empty = [
        Score(f"c{n}", f"p{n // 2}", None, None, n != 18, {"disease": "no uptake"})
        for n in range(17, 20)
    ]
    return (*shown, *empty)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return summarise(scores(), MODEL, TOTALS)


def test_a_missed_gland_weighs_on_the_mean(evaluation: Evaluation) -> None:
    mean = evaluation.dice["mean"]
    assert mean.value == pytest.approx((sum(0.90 + n / 200 for n in range(14)) + 1.7) / 17)
    assert evaluation.dice["median"].value == pytest.approx(0.925)
    assert evaluation.dice["percentile_5"].value == pytest.approx(0.64)
    assert (mean.scans, evaluation.missed.part, evaluation.missed.whole) == (17, 1, 17)
    assert mean.low < mean.value < mean.high


def test_an_outline_of_something_else_is_told_from_a_missed_gland() -> None:
    shown = [replace(one, dice=0.05) if one.case_id == "c16" else one for one in scores()]
    evaluation = summarise(tuple(shown), MODEL, TOTALS)
    assert (evaluation.missed.part, evaluation.elsewhere.part) == (1, 1)
    lines = markdown(evaluation).splitlines()
    assert any(
        line.startswith("| gland visible, something else drawn instead | 1 of 17 (5.9 %) | ")
        for line in lines
    )


def test_distances_are_over_the_scans_that_have_one(evaluation: Evaluation) -> None:
    assert evaluation.hausdorff_95_mm["median"].scans == 15
    assert evaluation.hausdorff_95_mm["median"].value == pytest.approx(2.7)


def test_silence_is_a_part_of_the_scans_without_gland(evaluation: Evaluation) -> None:
    silent = evaluation.silent_without_gland
    assert silent is not None
    assert (silent.part, silent.whole) == (2, 3)
    assert 0 < silent.low < 2 / 3 < silent.high < 1


def test_small_groups_have_no_figure(evaluation: Evaluation) -> None:
    groups = evaluation.groups["disease"]
    assert list(groups) == ["goitre", "normal", "thyroiditis"]
    assert groups["goitre"].dice is None
    assert groups["thyroiditis"].missed == 1
    assert groups["normal"].dice is not None
    assert groups["normal"].dice.value == pytest.approx(0.9325)


def test_groups_are_in_the_order_of_their_numbers() -> None:
    levels = ("50-100k", "0-50k", "100-200k", "from 400k", "200-400k")
    shown = tuple(
        Score(f"c{n}", f"p{n}", 0.9, None, False, {"counts": level})
        for n, level in enumerate(levels)
    )
    groups = summarise(shown, MODEL, TOTALS).groups["counts"]
    assert list(groups) == ["0-50k", "50-100k", "100-200k", "200-400k", "from 400k"]


def test_without_pixel_sizes_and_empty_scans_their_figures_are_left_out() -> None:
    plain = tuple(
        Score(f"c{n}", f"p{n}", 0.9, None, False, {"disease": "normal"}) for n in range(6)
    )
    evaluation = summarise(plain, MODEL, TOTALS)
    assert evaluation.hausdorff_95_mm == {}
    assert evaluation.silent_without_gland is None
    assert "HD95, " not in markdown(evaluation)
    assert "no gland visible" not in markdown(evaluation)


def test_the_tables_read_as_they_should(evaluation: Evaluation) -> None:
    lines = markdown(evaluation).splitlines()
    assert lines[0].startswith("Measured on 20 simulated scans of 10 patients. Training never saw")
    assert "| no gland visible, none drawn | 2 of 3 (66.7 %) | 20.8 to 93.9 % | 3 |" in lines
    assert "| refused | 2 | | 20 |" in lines
    assert "| goitre | 1 | 0 | too few |  |  |" in lines
    assert any(line.startswith("| gland Dice, 5th percentile | 0.640 | ") for line in lines)
    assert any(line.startswith("| gland HD95, median | 2.7 mm | ") for line in lines)
    assert any(line.startswith("| normal | 14 | 0 | 0.932 | ") for line in lines)


def test_every_score_is_written(evaluation: Evaluation, tmp_path: Path) -> None:
    write_evaluation(evaluation, tmp_path / "new")
    content = json.loads((tmp_path / "new" / "evaluation.json").read_text("utf-8"))
    assert [one["dice"] for one in content["scores"]] == [one.dice for one in scores()]
    assert content["digest"] == MODEL.digest
    assert content["totals"]["separation"] == "seed"
    text = (tmp_path / "new" / "evaluation.md").read_text("utf-8")
    assert text == f"# thyroid 0.1.0: evaluation\n\n{markdown(evaluation)}"


def test_of_each_kind_of_outline_it_is_counted_how_many_are_called_uncertain() -> None:
    said = [(0.95, False), (0.95, True), (0.9, False), (0.84, True), (0.5, False), (None, True)]
    told = tuple(
        Score(f"c{n}", f"p{n}", dice, None, False, {}, doubted=doubted)
        for n, (dice, doubted) in enumerate(said)
    )
    unseen = Score("c9", "p9", 0.0, None, True, {})
    found = summarise((*told, unseen), MODEL, TOTALS)
    assert {kind: (one.part, one.whole) for kind, one in found.doubted.items()} == {
        "outline where no gland is visible": (1, 1),
        "outline with Dice below 0.85": (1, 2),
        "outline with Dice from 0.85": (1, 3),
    }
    row = "| outline with Dice below 0.85, called uncertain | 1 of 2 (50.0 %) | 9.5 to 90.5 % | 2 |"
    assert row in markdown(found)
