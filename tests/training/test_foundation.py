"""A training that begins with a released model goes on from what it has learnt, and says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_case, ellipse_data, finished_run

from adjuvant.model import read_model
from training.card import card
from training.errors import SeenError, TrainingError
from training.foundation import Foundation, read_foundation, take_over
from training.recipe import Recipe
from training.release import Request, release
from training.run_folder import BEST_FILE, read_run
from training.seen import origin, seen_by_model, seen_by_run
from training.train import build, train, with_weights

STILL = RECIPE.stages[1].model_copy(update={"epochs": 1, "learning_rate": 1e-9})
ONE_STAGE = RECIPE.model_copy(update={"stages": (STILL,)})


@pytest.fixture(scope="module")
def foundation(tmp_path_factory: pytest.TempPathFactory) -> Foundation:
    folder = tmp_path_factory.mktemp("foundation")
    run = finished_run(folder / "run")
    cases = [ellipse_case(number) for number in range(100, 112)]
    release(Request(run, folder / "0.0.1", "0.0.1"), cases, lambda *_: None)
    return read_foundation(folder / "0.0.1")


def test_the_first_stage_begins_with_what_the_model_has_learnt(
    foundation: Foundation, tmp_path: Path
) -> None:
    lent = build(ONE_STAGE)
    foundation.lend(lent)
    own = keras.models.load_model(foundation.weights, compile=False)
    for mine, theirs in zip(lent.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    state = train(ONE_STAGE, ellipse_data(), tmp_path, QUIET, foundation)
    plain = train(ONE_STAGE, ellipse_data(), tmp_path / "plain", QUIET)
    # A learning rate of next to nothing: all the difference comes from the foundation.
    assert state.log[0]["loss"] < plain.log[0]["loss"]


def test_the_contract_names_the_foundation_and_its_seeds(
    foundation: Foundation, tmp_path: Path
) -> None:
    model = foundation.model.model_copy(
        update={"training": foundation.model.training.model_copy(update={"seeds": (4,)})}
    )
    train(ONE_STAGE, ellipse_data(), tmp_path, QUIET, replace(foundation, model=model))
    about = read_run(tmp_path)
    assert about["foundation"]["digest"] == model.digest
    assert origin(about).foundation == "thyroid 0.0.1"
    assert origin(about).seeds == (4,)
    case = replace(ellipse_case(0), patient_id="s4-p000001")
    with pytest.raises(SeenError, match="simulated with seed 4, as the training data is"):
        seen_by_run(about).refuse(case)


def test_clinical_scans_on_a_simulated_foundation_are_mixed_training(
    foundation: Foundation, tmp_path: Path
) -> None:
    data = replace(ellipse_data(), simulated=False)
    train(ONE_STAGE, data, tmp_path, QUIET, foundation)
    assert origin(read_run(tmp_path)).data == "mixed"


def test_a_run_goes_on_only_with_its_own_foundation(foundation: Foundation, tmp_path: Path) -> None:
    train(ONE_STAGE, ellipse_data(), tmp_path, QUIET, foundation)
    with pytest.raises(TrainingError, match="holds a run with other foundation"):
        train(ONE_STAGE, ellipse_data(), tmp_path, QUIET)


def test_another_preprocessing_is_refused(foundation: Foundation, tmp_path: Path) -> None:
    plan = replace(RECIPE.preprocessing, log_ceiling=2.0)
    recipe = Recipe.model_validate(ONE_STAGE.model_dump() | {"preprocessing": plan})
    with pytest.raises(TrainingError, match=r"thyroid 0\.0\.1 was trained with preprocessing"):
        train(recipe, ellipse_data(), tmp_path, QUIET, foundation)
    assert not (tmp_path / "run.json").exists()


def test_a_network_without_a_common_layer_is_refused(foundation: Foundation) -> None:
    inputs = keras.Input((None, None, 2))
    other = keras.Model(inputs, keras.layers.Conv2D(1, 5, name="other")(inputs))
    assert take_over(other, build(ONE_STAGE)) == 0
    with pytest.raises(TrainingError, match="no layer of thyroid 0"):
        foundation.lend(other)


def test_a_model_without_foundation_keeps_its_digest(foundation: Foundation) -> None:
    text = (foundation.weights.parent / "model.json").read_text()
    assert "foundation" not in json.loads(text)["training"]
    assert read_model(foundation.weights.parent).digest == foundation.model.digest


def test_a_release_may_go_a_part_of_the_way_back(foundation: Foundation, tmp_path: Path) -> None:
    learning = ONE_STAGE.model_copy(
        update={"stages": (STILL.model_copy(update={"learning_rate": 1e-2}),)}
    )
    run = tmp_path / "run"
    train(learning, ellipse_data(), run, QUIET, foundation)
    request = Request(run, tmp_path / "0.0.2", "0.0.2", foundation_share=0.25)
    cases = [ellipse_case(number) for number in range(100, 104)]
    release(request, cases, lambda *_: None)
    began = keras.models.load_model(foundation.weights, compile=False).get_weights()
    learnt = with_weights(learning, run / BEST_FILE).get_weights()
    released = read_foundation(request.folder)
    went = keras.models.load_model(released.weights, compile=False).get_weights()
    assert any(abs(new - old).max() > 1e-3 for new, old in zip(learnt, began, strict=True))
    for between, new, old in zip(went, learnt, began, strict=True):
        np.testing.assert_allclose(between, 0.75 * new + 0.25 * old, atol=1e-6)
    assert released.model.training.foundation_share == 0.25
    assert "thyroid 0.0.1; the weights are 25% of the way back to it" in card(released.model, "")
    assert seen_by_model(released.model, run).patients is not None


def test_a_run_from_fresh_weights_has_nowhere_to_go_back_to(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    request = Request(run, tmp_path / "0.0.2", "0.0.2", foundation_share=0.25)
    with pytest.raises(TrainingError, match=r"has no foundation\.keras: it did not begin with"):
        release(request, [ellipse_case(100)], lambda *_: None)
    assert not request.folder.exists()
