"""A finished run becomes a model that the plugin loads, with figures that were measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ellipses import RECIPE, SIDE, ellipse_case, finished_run

from adjuvant.errors import ModelFault
from adjuvant.model import read_model
from adjuvant.network import load_network
from adjuvant.sample import check_sample, read_sample
from training.errors import ReleaseError, SeenError
from training.figures import Evaluation
from training.in_service import newest_beside
from training.release import REPORT, Request, release
from training.run_folder import BEST_FILE, State, read_state, write_state
from training.train import build, compile_for


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def released(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    folder = tmp_path_factory.mktemp("models") / "thyroid" / "0.0.1"
    cases = [ellipse_case(number) for number in range(100, 112)]
    return folder, release(Request(run, folder, "0.0.1"), cases, lambda *_: None)


def test_the_plugin_loads_the_release_and_its_figures(released: tuple[Path, Evaluation]) -> None:
    folder, measured = released
    model = read_model(folder)
    assert model.figures["dice_mean"] == pytest.approx(measured.dice["mean"].value, abs=1e-4)
    assert model.simulated
    assert model.figures["data"] == "12 simulated scans of 6 unseen patients"
    inputs = np.zeros((3, SIDE, SIDE, 2), np.float32)
    network = load_network(folder, device="cpu")
    assert network(inputs).shape == (3, SIDE, SIDE, 1)
    sample = read_sample(folder, model)
    assert sample is not None
    assert check_sample(network, sample).dice == 1


def test_a_release_may_read_the_mirror_image_too(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "thyroid" / "0.0.1"
    release(Request(run, folder, "0.0.1", mirrored=True), CASES, lambda *_: None)
    network = load_network(folder, device="cpu")
    inputs = np.random.default_rng(1).random((1, SIDE, SIDE, 2), np.float32)
    np.testing.assert_allclose(network(inputs), network(inputs[:, :, ::-1])[:, :, ::-1], atol=1e-6)
    assert "and read together with its mirror image" in (folder / "card.md").read_text("utf-8")


def test_the_card_says_where_the_figures_come_from(released: tuple[Path, Evaluation]) -> None:
    folder, measured = released
    card = (folder / "card.md").read_text("utf-8")
    assert "Trained on simulated scans – not for clinical use" in card  # noqa: RUF001
    assert f"{measured.dice['mean'].value:.3f}" in card
    assert (
        "12 simulated scans of 6 patients. Training never saw any of them (checked patient" in card
    )
    assert "| truth | the visible edge by the written rule in `docs/truth.md`, known from" in card
    assert (folder / "worst.png").read_bytes().startswith(b"\x89PNG")
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert len(evaluation["scores"]) == 12
    # The digest of the model as it is released, figures and all.
    assert evaluation["digest"] == measured.digest == read_model(folder).digest


def test_a_released_version_is_never_overwritten(
    run: Path, released: tuple[Path, Evaluation]
) -> None:
    with pytest.raises(ReleaseError, match="a released version never changes"):
        release(Request(run, released[0], "0.0.1"), [], lambda *_: None)


def test_scans_of_the_training_patients_cannot_measure_a_release(run: Path, tmp_path: Path) -> None:
    request = Request(run, tmp_path / "0.0.2", "0.0.2")
    with pytest.raises(SeenError, match="case0 is of a patient of the training data"):
        release(request, [ellipse_case(0)], lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_not_released(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_bytes((run / "run.json").read_bytes())
    with pytest.raises(ReleaseError, match="stage 1 of 2, epoch 0"):
        release(Request(tmp_path / "run", tmp_path / "0.0.1", "0.0.1"), [], lambda *_: None)
    assert RECIPE.stages[1].epochs == 2


def test_a_run_that_was_killed_in_its_last_stage_is_not_released(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    state = read_state(run)
    write_state(tmp_path / "run", replace(state, epoch=1, best_epoch=1, log=state.log[:-1]))
    with pytest.raises(ReleaseError, match="stage 2 of 2, epoch 1 of 2: train on"):
        release(Request(tmp_path / "run", tmp_path / "0.0.1", "0.0.1"), CASES, lambda *_: None)


@pytest.mark.parametrize(("epoch", "best", "over"), [(2, 1, False), (5, 2, True), (18, 18, True)])
def test_a_stage_is_over_after_its_epochs_or_its_patience(
    epoch: int, best: int, *, over: bool
) -> None:
    stage = RECIPE.stages[1].model_copy(update={"epochs": 18, "patience": 3})
    assert State(stage=1, epoch=epoch, best_epoch=best).is_over(stage) is over


def test_altered_weights_are_refused(released: tuple[Path, Evaluation], tmp_path: Path) -> None:
    folder = released[0]
    (tmp_path / "model.json").write_bytes((folder / "model.json").read_bytes())
    weights = (folder / "thyroid.keras").read_bytes()
    (tmp_path / "thyroid.keras").write_bytes(weights + b"\x00")
    with pytest.raises(ModelFault, match=r"has SHA-256 .* but model.json says"):
        load_network(tmp_path)


@pytest.mark.parametrize("version", ["latest", "0.1", "v0.1.0"])
def test_a_version_is_three_numbers(run: Path, tmp_path: Path, version: str) -> None:
    with pytest.raises(ReleaseError, match=f"three numbers such as 0.1.0, got '{version}'"):
        release(Request(run, tmp_path / version, version), [], lambda *_: None)


CASES = [ellipse_case(number) for number in range(100, 124)]


def test_what_is_no_worse_than_the_version_in_service_is_released(
    run: Path, released: tuple[Path, Evaluation], tmp_path: Path
) -> None:
    folder = tmp_path / "thyroid" / "0.0.2"
    release(Request(run, folder, "0.0.2", released[0]), CASES, lambda *_: None)
    comparison = json.loads((folder / "comparison.json").read_text("utf-8"))
    assert (comparison["version"], comparison["verdict"]) == ("0.0.1", "not worse")
    assert [one["value"] for one in comparison["differences"]] == [0, 0, 0]
    card = (folder / "card.md").read_text("utf-8")
    assert "Compared with thyroid 0.0.1, then in service" in card
    report = (folder / REPORT).read_text("utf-8")
    assert "Not worse than thyroid 0.0.1, in service" in report
    assert "How it learnt" in report
    assert report == (run / REPORT).read_text("utf-8")


def test_what_is_worse_is_not_released_and_it_is_said_by_how_much(
    run: Path, released: tuple[Path, Evaluation], tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "run")
    unlearnt = build(RECIPE)
    compile_for(unlearnt, RECIPE)
    unlearnt.optimizer.build(unlearnt.trainable_variables)
    unlearnt.save_weights(tmp_path / "run" / BEST_FILE)
    request = Request(tmp_path / "run", tmp_path / "models" / "0.0.2", "0.0.2", released[0])
    said = r"is worse than thyroid 0\.0\.1: gland Dice, mean: 0\.\d+, was 0\.\d+ .*Nothing released"
    with pytest.raises(ReleaseError, match=said):
        release(request, CASES, lambda *_: None)
    assert list((tmp_path / "models").iterdir()) == []
    report = (tmp_path / "run" / REPORT).read_text("utf-8")
    assert "Worse than thyroid 0.0.1, in service" in report


def test_only_the_frozen_test_set_measures_a_release(run: Path, tmp_path: Path) -> None:
    request = Request(run, tmp_path / "0.0.2", "0.0.2", test_set="0" * 64)
    with pytest.raises(
        ReleaseError, match=r"the test set has changed: its SHA-256 is [0-9a-f]{64}"
    ):
        release(request, CASES[:4], lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_the_newest_sound_version_is_taken_for_the_one_in_service(
    released: tuple[Path, Evaluation], tmp_path: Path
) -> None:
    models = tmp_path / "thyroid"
    assert newest_beside(models / "0.0.9") is None
    for version in ("0.0.2", "0.0.10", "0.0.11"):
        shutil.copytree(released[0], models / version)
        about = json.loads((models / version / "model.json").read_text("utf-8"))
        (models / version / "model.json").write_text(json.dumps(about | {"version": version}))
    (models / "0.0.11" / "thyroid.keras").write_bytes(b"cut")
    assert newest_beside(models / "0.0.12") == models / "0.0.10"
    for version in ("0.0.2", "0.0.10"):
        (models / version / "thyroid.keras").unlink()
    with pytest.raises(ReleaseError, match=r"no version in .* can be used: "):
        newest_beside(models / "0.0.12")
