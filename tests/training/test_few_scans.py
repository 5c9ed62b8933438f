"""Twenty scans are enough to learn from where a network has learnt before: scans of the second
simulator, whose images and outlines the released network does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ellipses import QUIET

from benchmarks.flat_simulator import flat_case
from deploy.serve import ROOT
from tests.integration.tiny import IN_SERVICE
from training.architectures import ENCODER
from training.batches import Images
from training.errors import TrainingError
from training.foundation import Foundation, read_foundation
from training.phantom.case import Case
from training.recipe import Recipe, read_recipe
from training.run_folder import BEST_FILE, State
from training.train import Data, build, train, with_weights

SCANS = 20


@pytest.fixture(scope="module")
def foundation() -> Foundation:
    return read_foundation(ROOT / "models" / "thyroid" / IN_SERVICE)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """That of the project for few scans, for one epoch of each stage."""
    whole = read_recipe(ROOT / "training" / "recipes" / "fine-tune.toml")
    stages = tuple(stage.model_copy(update={"epochs": 1}) for stage in whole.stages)
    return whole.model_copy(update={"images_per_epoch": 80, "stages": stages})


@pytest.fixture(scope="module")
def data() -> Data:
    cases = [flat_case(21, number) for number in range(2 * SCANS)]
    patients = tuple(case.patient_id for case in cases)
    return Data(images(cases[:SCANS]), images(cases[SCANS:]), SCANS, patients)


def images(cases: list[Case]) -> Images:
    return Images(tuple(case.counts for case in cases), tuple(case.gland for case in cases))


def unfrozen(recipe: Recipe) -> Recipe:
    stages = [stage.model_copy(update={"frozen_encoder": False}) for stage in recipe.stages]
    return recipe.model_copy(update={"stages": tuple(stages)})


def test_twenty_scans_teach_a_released_network_more_than_a_fresh_one(
    recipe: Recipe, data: Data, foundation: Foundation, tmp_path: Path
) -> None:
    tuned = train(recipe, data, tmp_path / "tuned", QUIET, foundation)
    fresh = train(unfrozen(recipe), data, tmp_path / "fresh", QUIET)
    assert dice_of(tuned) > 0.8
    assert dice_of(tuned) > dice_of(fresh) + 0.1


def dice_of(state: State) -> float:
    """On the scans of other patients, after the last epoch."""
    return float(state.log[-1]["dice"])


def test_a_frozen_encoder_learns_nothing_and_the_rest_does(
    recipe: Recipe, data: Data, foundation: Foundation, tmp_path: Path
) -> None:
    frozen = recipe.model_copy(update={"stages": (recipe.stages[0],)})
    train(frozen, data, tmp_path, QUIET, foundation)
    before, after = foundation.network(), with_weights(frozen, tmp_path / BEST_FILE)
    assert not any(layer.trainable for layer in after.layers if layer.name.startswith(ENCODER))
    for layer in after.layers:
        same = [
            np.array_equal(old, new)
            for old, new in zip(
                before.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            )
        ]
        assert all(same) if layer.name.startswith(ENCODER) else not any(same), layer.name


def test_what_knows_nothing_yet_is_not_frozen(recipe: Recipe, data: Data, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"stages\.0\.frozen_encoder .* \(--from\)"):
        train(recipe, data, tmp_path, QUIET)


def test_only_the_stage_that_says_so_freezes(recipe: Recipe) -> None:
    first, last = (
        [layer.trainable for layer in build(recipe, stage=number).layers if layer.get_weights()]
        for number in (0, 1)
    )
    assert not all(first)
    assert any(first)
    assert all(last)
