"""A reader is an interpretation with the model version that the configuration names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adjuvant.config import ConfigFault
from adjuvant.errors import ModelFault
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.reader import choose, read_readers
from tests.integration.tiny import contract


def test_every_interpretation_can_be_chosen_with_a_version() -> None:
    models = {one.model: "1.2.3" for one in INTERPRETATIONS.values()}
    chosen = choose(models, INTERPRETATIONS)
    assert {one.name for one, _ in chosen} == set(INTERPRETATIONS)
    assert {version for _, version in chosen} == {"1.2.3"}


def test_a_model_that_nothing_uses_is_named() -> None:
    with pytest.raises(ConfigFault, match=r"Adjuvant\.Models\.lung: unknown model, got '1\.0\.0'"):
        choose({"lung": "1.0.0"}, INTERPRETATIONS)


def test_a_job_names_the_model_and_its_digest(tmp_path: Path) -> None:
    folder = tmp_path / "thyroid" / "0.1.0"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(contract()))
    (reader,) = read_readers(choose({"thyroid": "0.1.0"}, INTERPRETATIONS), tmp_path)
    task = reader.task("instance")
    assert (task.interpretation, task.model) == ("thyroid", "thyroid 0.1.0")
    assert task.model_digest == reader.model.digest == reader.in_use.digest
    assert reader.in_use.simulated


def test_a_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"cannot read .*thyroid/9\.9\.9/model\.json"):
        read_readers(choose({"thyroid": "9.9.9"}, INTERPRETATIONS), tmp_path)
