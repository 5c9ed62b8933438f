"""The card answers both checklists, and claims of patients nothing that was simulated."""

from __future__ import annotations

import re

import pytest
from test_evaluate import MODEL

from adjuvant.close_up import CloseUp
from training.card import card
from training.checklists import CLASSES, claim, relaince

FIGURES = {"dice_mean": 0.9512, "dice_mean_interval_95": [0.9453, 0.9561]}


def test_every_item_of_claim_is_answered_once() -> None:
    for data in ("simulated", "clinical", "mixed"):
        training = MODEL.training.model_copy(update={"data": data})
        table = claim(MODEL.model_copy(update={"training": training}))
        cells = [line.split("|")[1:-1] for line in table.splitlines()[2:]]
        assert all(len(one) == 3 and all(cell.strip() for cell in one) for one in cells)
        items = [int(number) for one in cells for number in re.findall(r"\d+", one[0])]
        assert sorted(items) == list(range(1, 43))


def test_of_mixed_data_both_kinds_are_told() -> None:
    training = MODEL.training.model_copy(update={"data": "mixed"})
    mixed = MODEL.model_copy(update={"training": training})
    table = claim(mixed)
    assert "| simulated scans: no patients; others: pseudonyms under a key of the site" in table
    assert "nobody, known from the simulation; others: the readers of the data set |" in table
    assert "| simulated scans: neither; others: retrospective |" in table
    assert "| patients | simulated adults" in relaince(mixed)
    assert "; and the patients of the data set that was collected" in relaince(mixed)


def test_an_ensemble_says_of_how_many() -> None:
    assert "| 27 | ensembling | none |" in claim(MODEL)
    assert "| 27 | ensembling | mean of 5 networks |" in card(MODEL, "no figures\n", 5)


@pytest.mark.parametrize("data", sorted(CLASSES))
def test_the_class_of_evaluation_follows_the_data(data: str) -> None:
    training = MODEL.training.model_copy(update={"data": data})
    told = relaince(MODEL.model_copy(update={"training": training}))
    assert f"| class of evaluation | {CLASSES[data]} |" in told
    assert ("simulated adults" in told) is (data != "clinical")


def test_the_figure_of_merit_is_the_one_that_was_measured() -> None:
    told = relaince(MODEL.model_copy(update={"figures": FIGURES}))
    assert "mean Dice of the gland 0.951 (95 % interval 0.945 to 0.956)" in told
    assert "| figure of merit | not measured yet |" in relaince(MODEL)
    found = {"sensitivity_10_mm": 0.8, "sensitivity_10_mm_interval_95": [0.7, 0.9]}
    nodules = MODEL.model_copy(update={"figures": found, "preprocessing": CloseUp(margin=1.3)})
    assert "nodules from 10 mm that are marked 0.800" in relaince(nodules)
    assert "may be cold nodules" in relaince(nodules)


def test_both_are_in_the_card() -> None:
    told = card(MODEL, "no figures\n")
    assert relaince(MODEL) in told
    assert claim(MODEL) in told
