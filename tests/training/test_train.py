"""Training learns, resumes where it was killed, and refuses a folder of another run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_data

import training.run_folder
import training.train
from tests.disks import fill, small_disk
from training.batches import example
from training.errors import ReleaseError, TrainingError
from training.recipe import Recipe
from training.room import weights_bytes
from training.run_folder import (
    BEST_FILE,
    RUN_FILE,
    SCANS,
    State,
    keep_epoch,
    read_run,
    read_state,
    write_run,
)
from training.train import Data, build, compile_for, learning_rate, train

__all__ = ["small_disk"]  # the fixture


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

    def keep_and_die(network, recipe, run, state, row):  # type: ignore[no-untyped-def]
        kept = keep_epoch(network, recipe, run, state, row)
        if row["stage"] == 1 and row["epoch"] == 0:
            raise Killed
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(training.train, "keep_epoch", keep_and_die)
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


def test_a_full_disk_ends_a_run_with_its_last_whole_epoch(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = ellipse_data(), small_disk / "run"

    def keep_and_fill(network, recipe, run, state, row):  # type: ignore[no-untyped-def]
        kept = keep_epoch(network, recipe, run, state, row)
        # The room that HDF5 would need, not that of a line in a log.
        (small_disk / "everything").unlink(missing_ok=True)
        filler = fill(small_disk)
        os.truncate(filler, filler.stat().st_size - (1 << 16))
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(training.train, "keep_epoch", keep_and_fill)
        with pytest.raises(OSError, match=r"No space left on device: 0\.\d MB are needed.*run"):
            train(RECIPE, data, run, QUIET)
    weights = sorted(path.name for path in run.glob("*.h5"))
    assert weights == ["best.weights.h5", read_state(run).weights]
    assert not [path for path in run.iterdir() if path.suffix in (".part", ".new")]
    (small_disk / "everything").unlink()
    assert len(train(RECIPE, data, run, QUIET).log) == 3


def test_weights_are_on_the_disk_before_the_state_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def see(handle: int) -> None:
        kept.append(Path(f"/proc/self/fd/{handle}").readlink().name)

    class Weightless:
        def save_weights(self, path: Path) -> None:
            path.write_bytes(b"weights")

    monkeypatch.setattr(os, "fsync", see)
    monkeypatch.setattr(training.run_folder, "weights_bytes", lambda _: 1)
    state = State()
    for epoch in range(2):
        state = keep_epoch(
            Weightless(), RECIPE, tmp_path, state, {"stage": 0, "epoch": epoch, "dice": 0.5}
        )
    assert [path.name for path in tmp_path.glob("stage*")] == [state.weights]
    named = [name.startswith("state.json") for name in kept].index(True)
    assert {"stage0-epoch0000.weights.h5", tmp_path.name} <= set(kept[:named])
    assert tmp_path.name in kept[named:]


def test_the_last_epoch_is_kept_where_the_recipe_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = iter((0.9, 0.5, 0.4))
    monkeypatch.setattr(
        training.train, "validate", lambda *_: {"dice": next(worse), "silent": None}
    )
    recipe = RECIPE.model_copy(update={"keep": "last", "stages": RECIPE.stages[-1:]})
    state = train(recipe, ellipse_data(), tmp_path, QUIET)
    assert (len(state.log), state.best_epoch) == (2, 1)
    assert (tmp_path / BEST_FILE).read_bytes() == (tmp_path / str(state.weights)).read_bytes()


def test_the_room_for_weights_is_enough_and_not_much_too_large(tmp_path: Path) -> None:
    network = build(RECIPE)
    compile_for(network, RECIPE)
    network.optimizer.build(network.trainable_variables)
    network.save_weights(tmp_path / "x.weights.h5")
    size = (tmp_path / "x.weights.h5").stat().st_size
    assert size <= weights_bytes(network) <= 4 * size


def test_a_stage_grows_from_what_the_one_before_has_learnt(tmp_path: Path) -> None:
    stages = [
        {"architecture": "unet", "size": 16, "epochs": 1, "batch": 8, "learning_rate": 0.01},
        {"size": 32, "epochs": 1, "batch": 8, "learning_rate": 1e-9},
    ]
    content = RECIPE.model_dump() | {"stages": stages}
    content["network"]["architecture"] = "coarse-unet"
    recipe = Recipe.model_validate(content)
    half = Recipe.model_validate(
        content
        | {
            "network": content["network"] | {"architecture": "unet"},
            "preprocessing": content["preprocessing"] | {"size": 16},
            "stages": [stages[0] | {"architecture": None}],
        }
    )
    data = ellipse_data()
    learnt = weights_of(half, data, tmp_path / "half")
    grown = weights_of(recipe, data, tmp_path / "grown")
    # A learning rate of next to nothing leaves what was taken over as it was.
    np.testing.assert_allclose(grown["down0a_convolution"], learnt["down0a_convolution"], atol=1e-5)
    np.testing.assert_allclose(grown["up0b_convolution"], learnt["up0b_convolution"], atol=1e-5)
    assert "edgea_convolution" in grown
    assert "edgea_convolution" not in learnt


def weights_of(recipe: Recipe, data: Data, run: Path) -> dict[str, np.ndarray]:
    """Train; the kernels of the convolutions by the names of their layers."""
    state = train(recipe, data, run, QUIET)
    network = build(recipe)
    compile_for(network, recipe)
    network.optimizer.build(network.trainable_variables)
    assert state.weights is not None
    network.load_weights(run / state.weights)
    return {one.name: one.get_weights()[0] for one in network.layers if one.get_weights()}


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    data = ellipse_data(8)
    short = RECIPE.model_copy(update={"stages": RECIPE.stages[1:], "images_per_epoch": 8})
    train(short, data, tmp_path, QUIET)
    other = short.model_copy(update={"seed": 7})
    with pytest.raises(TrainingError, match="holds a run with other recipe"):
        train(other, data, tmp_path, QUIET)


def test_a_run_does_not_go_on_with_redrawn_outlines(tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"stages": RECIPE.stages[1:], "images_per_epoch": 8})
    data = replace(ellipse_data(8), scans="0" * 64)
    train(short, data, tmp_path, QUIET)
    with pytest.raises(TrainingError, match="holds a run with other scans and outlines"):
        train(short, replace(data, scans="1" * 64), tmp_path, QUIET)
    about = read_run(tmp_path)
    del about[SCANS]
    write_run(tmp_path, about)
    # Of an earlier version's run nobody knows.
    assert train(short, data, tmp_path, QUIET) == read_state(tmp_path)


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text("{")
    with pytest.raises(ReleaseError, match=r"run\.json is damaged"):
        train(RECIPE, ellipse_data(), tmp_path, QUIET)


def test_the_learning_rate_rises_then_falls_along_a_cosine() -> None:
    stage = RECIPE.stages[1].model_copy(update={"warm_up": 0.1})
    rates = [learning_rate(stage, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == pytest.approx(stage.learning_rate)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.02 * stage.learning_rate


def test_scans_with_and_without_other_readings_are_learnt_from_together(tmp_path: Path) -> None:
    data = ellipse_data()
    masks = tuple(
        mask if number % 4 else np.stack([mask, np.zeros_like(mask), mask], axis=-1)
        for number, mask in enumerate(data.training.masks)
    )
    data = replace(data, training=replace(data.training, masks=masks))
    state = train(RECIPE, data, tmp_path / "run", QUIET)
    assert state.epoch == RECIPE.stages[-1].epochs
