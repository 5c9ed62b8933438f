"""A scan of a patient that training saw never measures the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ellipses import ellipse_case

from adjuvant.model import Model
from training.errors import ReleaseError, SeenError
from training.phantom.case import Case
from training.phantom.distributions import draw_patient
from training.phantom.simulator import simulate_case
from training.run_folder import read_run
from training.seen import Seen, origin, seed_of, seeds_of, seen_by_model, seen_by_run

ABOUT = {
    "recipe": {"name": "thyroid-0.1"},
    "images": 30,
    "patients": 14,
    "patient_ids": ["s7-p000000", "s7-p000001"],
    "data": "simulated",
    "commit": "0" * 40,
    "date": "2026-11-20",
}


def simulated(patient_id: str) -> Case:
    """A scan of which only the patient matters."""
    case = ellipse_case(0)
    return Case("case0", patient_id, case.counts, case.gland, case.properties)


def released(about: dict[str, object]) -> Model:
    return Model.model_validate(
        {
            "name": "thyroid",
            "version": "0.1.0",
            "weights": {"file": "a.keras", "sha256": "0" * 64},
            "preprocessing": {},
            "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 3},
            "training": origin(about),
            "figures": {},
        }
    )


def test_other_seeds_are_other_patients_in_name_and_in_body() -> None:
    for seed in (0, 20261120):
        assert seed_of(simulate_case(seed, 0).patient_id) == seed
    bodies = [draw_patient(np.random.default_rng([seed, 1, 0])) for seed in (1, 2, 3, 11)]
    assert len({patient.gland.parts[0].semi_axes for patient in bodies}) == 4


def test_patients_from_elsewhere_have_no_seed() -> None:
    assert seed_of("patient7") is None
    assert seed_of("s1-p000001-copy") is None
    assert seeds_of(["s1-p000001", "s3-p000000", "s1-p000002"]) == (1, 3)
    assert seeds_of(["s1-p000001", "patient7"]) == ()


def test_a_run_knows_every_patient() -> None:
    seen = seen_by_run(ABOUT)
    seen.refuse(simulated("s7-p000002"))
    with pytest.raises(SeenError, match="case0 is of a patient of the training data"):
        seen.refuse(simulated("s7-p000001"))
    assert seen.separation((7,)) == "patient"


def test_a_released_model_knows_the_seed() -> None:
    seen = seen_by_model(released(ABOUT))
    seen.refuse(simulated("s8-p000001"))
    with pytest.raises(SeenError, match="simulated with seed 7, as the training data is"):
        seen.refuse(simulated("s7-p000002"))
    assert seen.separation((8,)) == "seed"


def test_what_cannot_be_compared_is_called_unchecked() -> None:
    assert seen_by_model(released(ABOUT)).separation(()) == "unchecked"
    clinical = released({**ABOUT, "patient_ids": ["a", "b"], "data": "clinical"})
    assert clinical.training.seeds == ()
    assert seen_by_model(clinical).separation((8,)) == "unchecked"
    assert Seen().separation((1,)) == "unchecked"


@pytest.mark.parametrize("data", ["clinical", "mixed"])
def test_patients_of_a_foundation_whom_nobody_can_name_are_not_called_checked(data: str) -> None:
    foundation = {"model": "thyroid 0.1.0", "seeds": [7], "data": data}
    about = {**ABOUT, "patient_ids": ["a", "b"], "data": "clinical", "foundation": foundation}
    assert seen_by_run(about).separation(()) == "unchecked"
    # Simulated scans are of none of them.
    assert seen_by_run(about).separation((8,)) == "patient"
    simulated = {**about, "foundation": {**foundation, "data": "simulated"}}
    assert seen_by_run(simulated).separation(()) == "patient"
    simulated["foundation"]["seeds"] = []  # out of an archive, under pseudonyms
    assert seen_by_run(simulated).separation(()) == "unchecked"


def test_the_run_beside_a_model_has_to_be_its_own(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(ABOUT))
    assert seen_by_model(released(ABOUT), tmp_path).patients == set(ABOUT["patient_ids"])
    with pytest.raises(ReleaseError, match=r"is not the run that thyroid 0\.1\.0 comes from"):
        seen_by_model(released({**ABOUT, "images": 31}), tmp_path)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"is not a run: cannot read run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ReleaseError, match=r"run\.json is damaged"):
        read_run(tmp_path)
