"""The simulated annotator: fair to both strategies, and its figure says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.small_cases import QUIET, small_case
from training.dataset import write_case, write_index
from training.propose.annotator import BY_CHANCE, PROPOSED, Plan, Round, Study, simulate_annotator
from training.propose.annotator import read_study as again
from training.propose.curves import draw_study, repeats, table, values

PLAN = Plan(
    drawn=(2, 4), repeats=1, test=0.3, size=32, filters=2, depth=1, epochs=1, images_per_epoch=16
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    folder = tmp_path_factory.mktemp("annotator")
    write_index(folder, [write_case(folder, small_case(number)) for number in range(20)])
    return simulate_annotator(folder, folder / "out", PLAN, QUIET), folder


def test_both_strategies_begin_alike_and_draw_as_much(study: tuple[Study, Path]) -> None:
    found, folder = study
    assert [(one.strategy, one.drawn) for one in found.rounds] == [
        (strategy, drawn) for strategy in (PROPOSED, BY_CHANCE) for drawn in (2, 4)
    ]
    first = [one for one in found.rounds if one.drawn == 2]
    assert first[0].dice == first[1].dice
    assert found.pool + found.test == 20
    assert json.loads((folder / "out" / "study.json").read_text())["plan"]["drawn"] == [2, 4]
    assert again(folder / "out") == found


def test_more_scans_than_there_are_cannot_be_drawn(study: tuple[Study, Path]) -> None:
    with pytest.raises(ValueError, match="scans to draw, the plan needs 400"):
        simulate_annotator(study[1], study[1] / "no", Plan(drawn=(2, 400), size=32), QUIET)


def test_figure_and_table_show_ended_repeats_only(tmp_path: Path) -> None:
    rounds = [
        Round(strategy, repeat, drawn, 0.5 + 0.1 * repeat + 0.01 * drawn, 0.25, None)
        for repeat in range(2)
        for strategy in (PROPOSED, BY_CHANCE)
        for drawn in (2, 4)
    ]
    found = Study(PLAN, 14, 6, [*rounds, Round(PROPOSED, 2, 2, 0.0, 0.0, None)])
    assert repeats(found) == [0, 1]
    np.testing.assert_allclose(values(found, PROPOSED, "dice"), [[0.52, 0.54], [0.62, 0.64]])
    assert "| 4 | 0.590 (0.540-0.640) | 0.590 (0.540-0.640) |" in table(found)
    draw_study(found, tmp_path / "study.png")
    with Image.open(tmp_path / "study.png") as picture:
        assert picture.size == (770, 462)
