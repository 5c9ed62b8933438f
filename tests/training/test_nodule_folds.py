"""Cross-validation of what looks for nodules: each patient by a network that never saw him."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ellipses import QUIET, RECIPE
from tiny_nodules import NODULE_RECIPE, gland_model, stored
from typer.testing import CliRunner

from adjuvant.model import read_model
from training.__main__ import app
from training.cross_validation import Question, cross_validate
from training.dataset import read_case, read_index
from training.errors import SeenError, TrainingError
from training.learning_curve import Question as Curve
from training.learning_curve import learning_curve
from training.lesions import LesionScore, NoduleScore
from training.nodule_folds import NoduleFold, content, cross_validate_nodules, markdown
from training.operating_point import OperatingPoint
from training.run_folder import read_run
from training.seen import Seen

TOML = """
name = "short-nodules"
model = "cold-nodules"
labels = ["cold nodule"]
split = 0.5
images_per_epoch = 16
minimum_area_pixels = 3
network = { filters = 4, depth = 1 }
preprocessing = { margin = 1.25, size = 32 }
stages = [{ size = 32, epochs = 1, batch = 8, learning_rate = 0.01 }]
"""


@pytest.fixture(scope="module")
def gland(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gland_model(tmp_path_factory.mktemp("gland"))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("nodules") / "data", range(32))


def test_every_scan_is_searched_by_a_network_that_did_not_learn_from_its_patient(
    scans: Path, gland: Path, tmp_path: Path
) -> None:
    question = Question(NODULE_RECIPE, scans, tmp_path, folds=2, gland=gland)
    folds = cross_validate_nodules(question, gland, QUIET)
    measured = [one.case_id for fold in folds for one in fold.scores]
    shown = [e.case_id for e in read_index(scans) if read_case(scans, e).gland.any()]
    assert sorted(measured) == sorted(shown)
    for fold in folds:
        about = read_run(tmp_path / f"fold-{fold.number}-of-2")
        assert about["glands"] == "thyroid 0.0.1"
        assert not set(about["patient_ids"]) & {one.patient_id for one in fold.scores}
        assert "No scan is of a patient that" in fold.separation
    table = markdown(folds, simulated=True)
    assert f"Each of {len(shown)} simulated scans with a visible gland was measured" in table
    assert f"| all |  |  | {len(shown)} |" in table
    assert json.loads(json.dumps(content(folds)))["found"]["whole"] == len(shown)


def test_the_operating_point_is_chosen_on_patients_that_are_not_measured(
    scans: Path, gland: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen_on = []

    wanted = OperatingPoint(sensitivity=0.8)

    def choose(readings: list, by: OperatingPoint) -> float:
        chosen_on.append({one.case.patient_id for one in readings})
        assert by is wanted
        return 0.4

    monkeypatch.setattr("training.nodule_folds.choose_threshold", choose)
    recipe = NODULE_RECIPE.model_copy(update={"operating_point": wanted})
    question = Question(recipe, scans, tmp_path, folds=2, gland=gland)
    folds = cross_validate_nodules(question, gland, QUIET)
    for fold, patients in zip(folds, chosen_on, strict=True):
        assert patients
        assert not patients & {one.patient_id for one in fold.scores}
        assert fold.threshold == 0.4


def test_what_would_end_it_after_hours_is_said_before_the_first_training(
    scans: Path, gland: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_training(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("training.cross_validation.train", no_training)
    monkeypatch.setattr("training.nodule_folds._tells", lambda case: case.case_id == "case0")
    question = Question(NODULE_RECIPE, scans, tmp_path / "out", folds=2, gland=gland)
    said = r"none has a detectable nodule of 10 mm: .*smaller split than 0\.5 .*\(--folds\)"
    with pytest.raises(TrainingError, match=said):
        cross_validate_nodules(question, gland, QUIET)
    known = Seen((), frozenset({read_index(scans)[-1].patient_id}))
    monkeypatch.setattr("training.nodule_folds.seen_by_model", lambda _: known)
    with pytest.raises(SeenError):
        cross_validate_nodules(question, gland, QUIET)
    assert not (tmp_path / "out").exists()


FOUND, MISSED = NoduleScore(12.0, True, 0.7), NoduleScore(12.0, True, None)


def fold(number: int, *nodules: NoduleScore, known: str = "Not checked.") -> NoduleFold:
    return NoduleFold(number, 8, 0.3, (LesionScore("c", f"p{number}", nodules, 1, {}),), known)


def test_a_fold_without_nodules_says_none_and_the_total_counts() -> None:
    folds = [fold(1, FOUND, MISSED), fold(2), NoduleFold(3, 8, 0.3, ())]
    table = markdown(folds, simulated=False)
    assert "| 2 | 8 | 0.3 | 1 | none to find |  | 1.00 |" in table
    assert "| 3 | 8 | 0.3 | 0 | none to find |  |  |  |" in table
    assert "| all |  |  | 2 | 1 of 2 |" in table
    assert json.loads(json.dumps(content(folds)))["found"]["whole"] == 2
    unknown = NoduleScore(0.0, True, 0.7)
    assert "detectable nodules of unknown size: found" in markdown(
        [fold(1, unknown)], simulated=False
    )


def test_what_is_not_known_of_the_other_networks_stands_above_the_table() -> None:
    folds = [fold(1, FOUND), fold(2, FOUND)]
    assert "chosen on others. Not checked. 95 %" in markdown(folds, simulated=False)
    assert content(folds)["folds"][0]["separation"] == "Not checked."


def test_who_is_asked_for_what_it_cannot_do_is_told_what_to_do(
    scans: Path, gland: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"looks for nodules .*--gland models/thyroid/VERSION"):
        cross_validate(Question(NODULE_RECIPE, scans, tmp_path / "a", folds=2), QUIET)
    question = Question(RECIPE, scans, tmp_path / "b", folds=2, gland=gland)
    with pytest.raises(ValueError, match="it takes no --gland"):
        cross_validate_nodules(question, gland, QUIET)
    with pytest.raises(TrainingError, match="only recipes for glands are measured so"):
        learning_curve(Curve(NODULE_RECIPE, scans, scans, tmp_path / "c"), QUIET)


def test_an_ensemble_of_the_folds_is_a_run_to_release(
    scans: Path, gland: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(TOML)
    folds = ["cross-validate", "--recipe", recipe, "--data", scans, "--folds", "2", "--ensemble"]
    told = run([*folds, "--gland", gland, "--out", tmp_path / "folds"])
    assert "detectable nodules from 10 mm: found" in told
    assert (tmp_path / "folds" / "cross-validation.json").exists()
    others = [stored(tmp_path / name, numbers)
              for name, numbers in (("v", range(200, 210)), ("t", range(300, 310)))]  # fmt: skip
    model = tmp_path / "cold-nodules" / "0.0.1"
    ensemble = ["release", "--run", tmp_path / "folds" / "ensemble", "--gland", gland]
    run([*ensemble, "--validation", others[0], "--data", others[1], "--to", model])
    assert read_model(model).training.glands == "thyroid 0.0.1"
    assert read_model(model).training.patients == 16


def run(arguments: list[object]) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output
