"""A group is left out of the training, and both networks read the same test scans."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from small_cases import QUIET, SIDE, small_case
from test_pages import Parser

from training.dataset import read_index, write_case, write_index
from training.datasets.split import TEST, extend, freeze, on_side, write_split
from training.errors import ReleaseError
from training.leaving_out import Question, groups, leave_out
from training.loading import load_data
from training.pages.leaving_out import content, leaving_out_report, markdown
from training.phantom.case import Case
from training.recipe import Recipe
from training.run_folder import read_run
from training.train import train

RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "model": "thyroid",
        "images_per_epoch": 16,
        "minimum_area_pixels": 3,
        "network": {"filters": 4, "depth": 1},
        "preprocessing": {"size": SIDE},
        "stages": [{"size": SIDE, "epochs": 1, "batch": 8, "learning_rate": 0.01}],
    }
)
CAMERAS = ("Symbia", "Discovery <NM>", "seldom")


def case_of(number: int) -> Case:
    """Two cameras in turn, by patient, and a third that one patient in sixteen was scanned on."""
    patient = number // 2
    camera = CAMERAS[2] if patient % 16 == 7 else CAMERAS[patient % 2]
    case = small_case(number)
    return replace(case, properties=case.properties | {"camera": camera, "simulated": False})


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """A divided data set of 32 patients, a run on it, and what is to be left out."""
    place = tmp_path_factory.mktemp("leaving-out")
    data = place / "data"
    write_index(data, [write_case(data, case_of(number)) for number in range(64)])
    sides = {"training": 0.5, "validation": 0.1, "test": 0.4}
    entries = read_index(data)
    write_split(data, freeze(data, extend(None, entries, sides, 0), entries))
    train(RECIPE, load_data(data, RECIPE, QUIET), place / "run", QUIET)
    return Question(place / "run", data, place / "out", "camera", (CAMERAS[1],))


def test_both_networks_read_the_test_scans_of_the_group_and_of_all_others(
    question: Question,
) -> None:
    (loss,) = leave_out(question, QUIET)
    assert loss.value == CAMERAS[1]
    total = read_run(question.run)["images"]
    assert loss.learnt_from + loss.left_out == total
    assert 0 < loss.left_out < total
    tested = on_side(question.data, read_index(question.data), TEST)
    inside = [one for one in tested if one.properties["camera"] == CAMERAS[1]]
    assert loss.on_others is not None
    assert (loss.on_group.scans, loss.on_others.scans) == (len(inside), len(tested) - len(inside))
    (folder,) = question.out.iterdir()
    without = read_run(folder)
    assert without["images"] == loss.learnt_from
    of_group = {
        one.patient_id
        for one in read_index(question.data)
        if one.properties["camera"] == CAMERAS[1]
    }
    assert not of_group & set(without["patient_ids"])
    weights = sorted(path.stat().st_mtime_ns for path in folder.glob("*.h5"))
    assert leave_out(question, QUIET) == (loss,)
    assert sorted(path.stat().st_mtime_ns for path in folder.glob("*.h5")) == weights

    told = json.loads(json.dumps(content("camera", [loss])))
    assert told["losses"][0]["on_group"]["value"] == loss.on_group.value
    assert f"| {CAMERAS[1]} | {loss.learnt_from} |" in markdown("camera", [loss])
    about = read_run(question.run)
    page = Parser(leaving_out_report("camera", [loss], about, simulated=False))
    assert f"Scans of camera {CAMERAS[1]}" in page.text
    assert "simulated" not in page.text
    assert page.tags.count("image") > 0


def test_groups_that_are_too_small_are_not_measured(question: Question) -> None:
    entries = read_index(question.data)
    patients = frozenset(read_run(question.run)["patient_ids"])
    assert groups(question, entries, patients, QUIET) == tuple(sorted(CAMERAS[:2]))
    with pytest.raises(ReleaseError, match=r"camera 'seldom' has \d test patients; 5 are needed"):
        leave_out(replace(question, values=("seldom",)), QUIET)


def test_of_one_group_nothing_can_be_left_out(question: Question) -> None:
    with pytest.raises(ReleaseError, match="learnt from 1 isotope: nothing can be left out"):
        leave_out(replace(question, by="isotope", values=()), QUIET)
    with pytest.raises(ReleaseError, match="learnt from 0 centre: nothing can be left out"):
        leave_out(replace(question, by="centre", values=()), QUIET)
