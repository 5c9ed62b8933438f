"""Several networks answer one question: what scans are worth, and how good a recipe is."""

from __future__ import annotations

import json
import shutil
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from ellipses import QUIET, RECIPE, SIDE, ellipse_case, ellipse_data, finished_run
from test_evaluate import MODEL
from typer.testing import CliRunner

from adjuvant.model import read_model
from adjuvant.network import load_network
from training.__main__ import app
from training.cross_validation import Fold, Trained, content, cross_validate, divide
from training.cross_validation import Question as Folds
from training.cross_validation import markdown as folds_markdown
from training.dataset import Entry, read_index, write_case, write_index
from training.datasets.split import TEST, extend, freeze, write_split
from training.ensemble import combine
from training.errors import SeenError, TrainingError
from training.figures import Figure, Score
from training.finished_run import exported
from training.foundation import Foundation
from training.learning_curve import Point, Question, in_order, learning_curve, markdown
from training.learning_curve import content as curve_content
from training.run_folder import State, read_run, read_state
from training.seen import Seen, Separation
from training.train import train

SHORT = RECIPE.model_copy(
    update={"split": 0.8, "images_per_epoch": 16, "stages": RECIPE.stages[1:]}
)
TOML = """
name = "short"
model = "thyroid"
split = 0.8
images_per_epoch = 16
minimum_area_pixels = 3
network = { filters = 4, depth = 1 }
preprocessing = { size = 32 }
stages = [{ size = 32, epochs = 1, batch = 8, learning_rate = 0.01 }]
"""


def stored(folder: Path, numbers: range) -> Path:
    """A data set of small scans, two of each patient."""
    folder.mkdir()
    write_index(folder, [write_case(folder, ellipse_case(number)) for number in numbers])
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("studies") / "data", range(30))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("others") / "data", range(100, 112))


def test_the_order_of_patients_stays_when_others_are_added() -> None:
    entries = [Entry(f"c{n}", f"p{n // 2}", {}) for n in range(40)]
    order = [one.case_id for one in in_order(entries[:20])]
    among = [one.case_id for one in in_order(entries) if int(one.case_id[1:]) < 20]
    assert order == among != [one.case_id for one in entries[:20]]
    patients = [one.patient_id for one in in_order(entries)]
    assert sum(a != b for a, b in pairwise(patients)) == 19


def test_larger_sets_hold_the_smaller_ones_and_all_are_measured_alike(
    scans: Path, others: Path, tmp_path: Path
) -> None:
    question = Question(SHORT, scans, others, tmp_path, sizes=(12, 4))
    points = learning_curve(question, QUIET)
    assert [one.scans for one in points] == [4, 12]
    assert [one.patients for one in points] == [2, 6]
    assert [one.mean.scans for one in points] == [12, 12]
    few, many = (set(read_run(tmp_path / f"{n}-scans")["patient_ids"]) for n in (4, 12))
    assert few < many
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    assert learning_curve(question, QUIET) == points
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == weights


def test_more_scans_than_there_are_cannot_be_learnt_from(
    scans: Path, others: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"has 24 scans to learn from, 94 are asked for"):
        learning_curve(Question(SHORT, scans, others, tmp_path, sizes=(4, 94)), QUIET)
    assert list(tmp_path.iterdir()) == []


def test_every_patient_is_in_one_fold() -> None:
    entries = [Entry(f"c{n}", f"p{n // 2}", {}) for n in range(46)]
    folds = divide(entries, 5, seed=3)
    assert sorted(len(one) for one in folds) == [4, 4, 5, 5, 5]
    assert set().union(*folds) == {f"p{n}" for n in range(23)}
    assert not any(one & other for one, other in combinations(folds, 2))
    assert divide(entries, 5, seed=3) == folds != divide(entries, 5, seed=4)
    with pytest.raises(TrainingError, match="2 patients cannot be divided into 5 folds"):
        divide(entries[:4], 5, seed=3)


def test_every_scan_is_measured_by_a_network_that_did_not_learn_from_its_patient(
    scans: Path, tmp_path: Path
) -> None:
    folds = cross_validate(Folds(SHORT, scans, tmp_path, folds=3), QUIET)
    measured = [score for fold in folds for score in fold.scores]
    assert sorted(one.case_id for one in measured) == sorted(
        one.case_id for one in read_index(scans)
    )
    for fold in folds:
        learnt = set(read_run(tmp_path / f"fold-{fold.number}-of-3")["patient_ids"])
        assert not learnt & {one.patient_id for one in fold.scores}
        assert fold.learnt_from == 16
    table = folds_markdown(folds, simulated=False)
    assert "Each of 30 scans with a visible gland was measured by the one of 3 networks" in table
    assert json.loads(json.dumps(content(folds)))["dice"]["scans"] == 30


FIGURE = Figure(0.9, 0.8, 1.0, 1)


@pytest.mark.parametrize(("separation", "said"), [("patient", False), ("unchecked", True)])
def test_a_foundation_of_patients_whom_nobody_can_name_is_told(
    separation: Separation, *, said: bool
) -> None:
    """It may have learnt from those who were held back."""
    score = Score("c", "p", 0.9, None, False, {})
    fold = Fold(1, 8, (score,), separation)
    point = Point(8, 4, FIGURE, FIGURE, 0, separation)
    for table in (folds_markdown([fold], simulated=False), markdown([point], simulated=False)):
        told = "Not checked: whether the model that they began with learnt from these" in table
        assert told is said
    assert content([fold])["folds"][0]["separation"] == separation
    assert curve_content([point])["points"][0]["separation"] == separation


def test_a_fold_without_a_gland_says_so_and_the_total_counts() -> None:
    shown = Score("c", "p", 0.9, None, False, {})
    empty = Score("d", "q", None, None, True, {})
    table = folds_markdown([Fold(1, 8, (shown,)), Fold(2, 8, (empty,))], simulated=False)
    assert "| 2 | 8 | 0 | none to measure |" in table
    assert "| all |  | 1 | 0.900 |" in table


@pytest.mark.parametrize(
    ("data", "seeds", "found"),
    [("simulated", [7], "patient"), ("simulated", [], "unchecked"), ("clinical", [], "unchecked")],
)
def test_what_a_fold_began_with_is_asked_for(
    scans: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    seeds: list[int],
    found: str,
) -> None:
    run = shutil.copytree(finished, tmp_path / "fold-1-of-2")
    trained = Trained(1, run, 8, [], read_index(scans)[:4])
    monkeypatch.setattr("training.cross_validation.train_folds", lambda *_: iter([trained]))
    about = read_run(run) | {"patient_ids": ["other"]}
    about["foundation"] = {"model": "thyroid 0.1.0", "seeds": seeds, "data": data}
    (run / "run.json").write_text(json.dumps(about))
    (fold,) = cross_validate(Folds(RECIPE, scans, tmp_path, folds=2), QUIET)
    assert fold.separation == found


def test_a_foundation_that_knows_a_patient_is_refused_before_any_training(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Seen((), frozenset({read_index(scans)[-1].patient_id}))
    monkeypatch.setattr("training.cross_validation.seen_by_model", lambda _: known)
    foundation = Foundation(MODEL, tmp_path / "none.keras")
    with pytest.raises(SeenError):
        cross_validate(Folds(SHORT, scans, tmp_path / "out", 2, foundation), QUIET)
    assert not (tmp_path / "out").exists()


def test_a_frozen_test_set_is_left_alone(tmp_path: Path) -> None:
    data = stored(tmp_path / "data", range(24))
    entries = read_index(data)
    sides = {"training": 0.5, "validation": 0.25, "test": 0.25}
    split = freeze(data, extend(None, entries, sides, 0), entries)
    write_split(data, split)
    folds = cross_validate(Folds(SHORT, data, tmp_path / "out", folds=2), QUIET)
    measured = {score.patient_id for fold in folds for score in fold.scores}
    tested = {patient for patient, side in split.patients.items() if side == TEST}
    assert tested
    assert not measured & tested
    assert measured | tested == set(split.patients)


def test_both_as_commands(scans: Path, others: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text(TOML)
    curve = ["learning-curve", "--recipe", recipe, "--data", scans, "--test", others]
    told = run([*curve, "--size", "4", "--size", "12", "--out", tmp_path / "curve"])
    assert "| 4 scans | 2 |" in told
    assert "Measured on 12 simulated scans with a visible gland" in told
    assert (tmp_path / "curve" / "learning-curve.md").read_text() in told
    assert "simulated scans to learn from" in (tmp_path / "curve/learning-curve.svg").read_text()
    points = json.loads((tmp_path / "curve" / "learning-curve.json").read_text())["points"]
    assert [one["scans"] for one in points] == [4, 12]

    folds = ["cross-validate", "--recipe", recipe, "--data", scans, "--folds", "2", "--ensemble"]
    told = run([*folds, "--out", tmp_path / "folds"])
    assert "| all |  | 30 |" in told
    assert (tmp_path / "folds" / "cross-validation.json").exists()

    model = tmp_path / "thyroid" / "0.0.1"
    released = ["release", "--run", tmp_path / "folds" / "ensemble", "--data", others]
    assert "Measured on 12 simulated scans" in run([*released, "--to", model])
    assert read_model(model).training.images == 30
    assert read_model(model).training.patients == 15
    inputs = np.random.default_rng(1).random((1, SIDE, SIDE, 2), np.float32)
    one, other = (tmp_path / "folds" / f"fold-{number}-of-2" for number in (1, 2))
    with exported(one) as (first, _), exported(other) as (second, _):
        mean = (first(inputs) + second(inputs)) / 2
    np.testing.assert_allclose(load_network(model)(inputs), mean, atol=1e-5)


def test_an_ensemble_that_was_interrupted_is_not_one_to_release(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    question = Folds(SHORT, scans, tmp_path, folds=2)
    folds = cross_validate(question, QUIET)
    monkeypatch.setattr("training.ensemble.write_fingerprint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        combine(question, folds, QUIET)
    assert read_state(tmp_path / "ensemble") == State()


def test_an_ensemble_is_not_trained_as_a_whole(tmp_path: Path) -> None:
    network = SHORT.network.model_copy(update={"members": 3})
    with pytest.raises(TrainingError, match=r"network\.members is 3: an ensemble is not trained"):
        train(SHORT.model_copy(update={"network": network}), ellipse_data(), tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


def run(arguments: list[object]) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output
