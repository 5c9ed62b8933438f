"""A reader is an interpretation with the model version that was chosen for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjuvant.config import ConfigFault
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.reader import Reader, choose
from tests.networks import model


def test_every_interpretation_can_be_chosen() -> None:
    models = {one.model: "1.2.3" for one in INTERPRETATIONS.values()}
    assert {one.name for one in choose(models, INTERPRETATIONS)} == set(INTERPRETATIONS)


def test_a_model_that_nothing_uses_is_named() -> None:
    with pytest.raises(ConfigFault, match=r"Adjuvant\.Models\.lung: unknown model, got '1\.0\.0'"):
        choose({"lung": "1.0.0"}, INTERPRETATIONS)


def test_a_job_names_the_model_and_its_digest() -> None:
    (interpretation,) = choose({"thyroid": "0.1.0"}, INTERPRETATIONS)
    reader = Reader(interpretation, model(), Path("models/thyroid/0.1.0"))
    task = reader.task("instance")
    assert (task.interpretation, task.model) == ("thyroid", "thyroid 0.1.0")
    (in_use,) = reader.in_use
    assert task.model_digest == reader.model.digest == in_use.digest
    assert in_use.simulated
