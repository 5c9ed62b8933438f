"""What reads scans is what people chose, until orthanc.json names another version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adjuvant.change_record import ChangeRecord
from adjuvant.errors import ModelFault
from adjuvant.health import Health, Log
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.reader import Reader
from adjuvant.registry import Announcer, Decision, Registry
from adjuvant.versions import Versions
from tests.adjuvant.version_folders import write_version

THYROID = (INTERPRETATIONS["thyroid"],)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        write_version(tmp_path / "models", version)
    return tmp_path / "models"


def started(models: Path, configured: str, named: bool = True) -> Registry:
    """A registry as after a start with everything loaded; the record lies beside the models."""
    record = ChangeRecord(models.parent / "record.jsonl")
    registry = Registry(Versions(models), record, {"thyroid": configured}, named)
    registry.loaded({one.model.name: one.model for one in registry.readers(THYROID)})
    return registry


def active(registry: Registry) -> Reader:
    (reader,) = registry.readers(THYROID)
    return reader


def activate(registry: Registry, version: str, who: str = "alice") -> None:
    model = registry.versions.read("thyroid", version)
    registry.change(Decision("activated", "thyroid", version, who), model)


def test_the_first_start_is_written_down_once(models: Path) -> None:
    for _ in range(2):
        registry = started(models, "0.1.0")
    (entry,) = registry.record.entries("thyroid")
    assert (entry["change"], entry["who"], entry["from"]) == ("configured", "configuration", None)
    assert entry["to"]["version"] == "0.1.0"
    assert entry["to"]["digest"] == active(registry).model.digest


def test_an_activation_outlives_a_restart_and_is_not_to_be_misread(models: Path) -> None:
    activate(started(models, "0.1.0"), "0.2.0")
    registry = started(models, "0.1.0")
    (shown,) = registry.in_use(active(registry))
    assert (shown.version, shown.configured, shown.chosen_by) == ("0.2.0", "0.1.0", "alice")
    assert shown.chosen_at is not None


def test_what_the_configuration_newly_names_ends_an_activation(models: Path) -> None:
    activate(started(models, "0.1.0"), "0.2.0")
    registry = started(models, "0.3.0")
    assert active(registry).model.version == "0.3.0"
    assert registry.record.entries("thyroid")[-1]["from"]["version"] == "0.2.0"
    assert [one.chosen_by for one in registry.in_use(active(registry))] == ["configuration"]


def test_another_model_in_the_folder_of_the_version_in_use_is_written_down_once(
    models: Path,
) -> None:
    activate(started(models, "0.1.0"), "0.2.0")
    activate(started(models, "0.1.0"), "0.3.0")
    before = started(models, "0.1.0").versions.read("thyroid", "0.3.0").digest
    shutil.rmtree(models / "thyroid" / "0.3.0")
    write_version(models, "0.3.0", figures={"dice": 0.9})
    for _ in range(2):
        registry = started(models, "0.1.0")
    entries = registry.record.entries("thyroid")
    assert [one["change"] for one in entries] == ["configured", *2 * ["activated"], "replaced"]
    assert entries[-1]["who"] == "models folder"
    assert entries[-1]["to"]["digest"] == active(registry).model.digest != before
    choice = registry.choice("thyroid")
    assert choice is not None
    assert (choice.version, choice.previous, choice.who) == ("0.3.0", "0.2.0", "alice")


def test_a_newer_default_leaves_what_a_person_chose(models: Path) -> None:
    activate(started(models, "0.1.0", named=False), "0.2.0")
    for _ in range(2):  # at every start
        registry = started(models, "0.3.0", named=False)
        assert active(registry).model.version == "0.2.0"
    assert registry.record.entries("thyroid")[-1]["change"] == "activated"
    assert active(started(models, "0.3.0")).model.version == "0.3.0"  # named at last


def test_a_newer_default_takes_over_where_nobody_chose(models: Path) -> None:
    started(models, "0.1.0", named=False)
    registry = started(models, "0.3.0", named=False)
    assert active(registry).model.version == "0.3.0"
    assert registry.record.entries("thyroid")[-1]["from"]["version"] == "0.1.0"


def test_a_configured_version_that_is_not_there_leaves_the_old_one_in_service(models: Path) -> None:
    activate(started(models, "0.1.0"), "0.2.0")
    for _ in range(2):  # at every start
        registry = started(models, "9.9.9")
        assert active(registry).model.version == "0.2.0"
    health = Health("0.1.0")
    Announcer(health, Log.silent()).alarms(registry)
    (alarm,) = health.snapshot()["alarms"]
    assert alarm["what"].startswith("orthanc.json names thyroid 9.9.9, which was refused: cannot")
    assert alarm["what"].endswith("thyroid 0.2.0 goes on")
    refusals = [one for one in registry.record.entries("thyroid") if one["change"] == "refused"]
    assert len(refusals) == 1


def test_a_configured_version_that_fails_when_loaded_is_refused(models: Path) -> None:
    started(models, "0.1.0")
    record = ChangeRecord(models.parent / "record.jsonl")
    registry = Registry(Versions(models), record, {"thyroid": "0.2.0"})
    assert active(registry).model.version == "0.2.0"
    registry.refuse_configured("thyroid", "it does not answer its own sample")
    assert active(registry).model.version == "0.1.0"
    with pytest.raises(ModelFault, match="no TensorFlow"):  # the old one fails as well
        registry.refuse_configured("thyroid", "no TensorFlow")


def test_an_activation_settles_what_was_refused(models: Path) -> None:
    started(models, "0.1.0")
    registry = started(models, "9.9.9")
    activate(registry, "0.3.0")
    assert registry.refusals() == {}
    assert active(registry).model.version == "0.3.0"


def test_at_the_first_start_there_is_nothing_to_go_on_with(models: Path) -> None:
    with pytest.raises(ModelFault, match=r"cannot read .*9\.9\.9"):
        started(models, "9.9.9")


def test_an_altered_record_is_an_alarm(models: Path) -> None:
    registry = started(models, "0.1.0")
    path = models.parent / "record.jsonl"
    path.write_text(path.read_text().replace("configuration", "nobody"))
    registry = started(models, "0.1.0")
    health = Health("0.1.0")
    Announcer(health, Log.silent()).alarms(registry)
    (alarm,) = health.snapshot()["alarms"]
    assert alarm["what"].startswith("the record of model changes was altered: line 1")
