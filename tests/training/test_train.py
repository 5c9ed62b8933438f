"""Training learns, resumes where it was killed, and refuses a folder of another run."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_data

import training.train
from training.batches import example
from training.errors import TrainingError
from training.train import build, compile_for, learning_rate, train


def test_a_small_network_learns_a_few_scans_by_heart() -> None:
    keras.utils.set_random_seed(1)
    images = ellipse_data(8).training
    pairs = [
        example(c.astype(np.float32), m.astype(np.float32), RECIPE.preprocessing)
        for c, m in zip(images.counts, images.masks, strict=True)
    ]
    inputs, truth = (np.stack(side) for side in zip(*pairs, strict=True))
    network = build(RECIPE)
    compile_for(network, RECIPE)
    network.optimizer.learning_rate = 0.01
    losses = []
    for _ in range(150):
        losses.append(float(network.train_on_batch(inputs, truth)))
    assert losses[-1] < 0.2 < losses[0]


class Killed(Exception):
    """Stands for a power cut."""


def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ellipse_data()
    train(RECIPE, data, tmp_path / "whole", QUIET)
    keep = training.train._keep

    def keep_and_die(network, run, state, row):  # type: ignore[no-untyped-def]
        kept = keep(network, run, state, row)
        if row["stage"] == 1 and row["epoch"] == 0:
            raise Killed
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(training.train, "_keep", keep_and_die)
        with pytest.raises(Killed):
            train(RECIPE, data, tmp_path / "cut", QUIET)
    resumed = train(RECIPE, data, tmp_path / "cut", QUIET)
    assert [row["epoch"] for row in resumed.log] == [0, 0, 1]
    one, other = build(RECIPE), build(RECIPE)
    for network, run in ((one, "whole"), (other, "cut")):
        compile_for(network, RECIPE)
        network.optimizer.build(network.trainable_variables)
        network.load_weights(tmp_path / run / resumed.weights)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    # Nothing is left to do: a third call trains no further.
    assert train(RECIPE, data, tmp_path / "cut", QUIET) == resumed


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    data = ellipse_data(8)
    short = RECIPE.model_copy(update={"stages": RECIPE.stages[1:], "images_per_epoch": 8})
    train(short, data, tmp_path, QUIET)
    other = short.model_copy(update={"seed": 7})
    with pytest.raises(TrainingError, match="holds a run with other recipe"):
        train(other, data, tmp_path, QUIET)


def test_the_learning_rate_rises_then_falls_along_a_cosine() -> None:
    stage = RECIPE.stages[1].model_copy(update={"warm_up": 0.1})
    rates = [learning_rate(stage, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == pytest.approx(stage.learning_rate)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.02 * stage.learning_rate
