"""A version takes over when it has passed its check, beside the one that reads scans."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adjuvant.change_record import ChangeRecord
from adjuvant.errors import ModelFault
from adjuvant.health import Health, Log
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.loading import Prepared
from adjuvant.model import read_model
from adjuvant.model_desk import ModelDesk, Unknown
from adjuvant.network import Network
from adjuvant.reader import Reader
from adjuvant.registry import Announcer, Registry
from adjuvant.shadow import Shadow
from adjuvant.upgrade import Conflict, Progress, Upgrades
from adjuvant.versions import Versions
from tests.adjuvant.version_folders import give_sample, write_version
from tests.networks import bright_network

THYROID = (INTERPRETATIONS["thyroid"],)


@dataclass
class Slot:
    """Where networks are put into service: between two jobs, which here is at once."""

    readers: dict[str, Reader] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)

    def switch(self, prepared: Prepared) -> None:
        self.readers, self.networks = dict(prepared.readers), dict(prepared.networks)
        prepared.done.set()


@dataclass
class Site:
    """A site with some versions, of which 0.1.0 reads scans."""

    models: Path
    slot: Slot
    desk: ModelDesk
    registry: Registry
    upgrades: Upgrades
    lines: list[str]
    loads: list[str]
    gate: threading.Event

    def end(self, begin: Callable[[], Progress]) -> Progress:
        """What a change comes to."""
        begin()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            progress = self.upgrades.progress("thyroid")
            assert progress is not None
            if not progress.under_way:
                return progress
            time.sleep(0.01)
        raise AssertionError("it never ended")

    @property
    def active(self) -> str:
        return self.slot.readers["thyroid"].model.version

    @property
    def changes(self) -> list[tuple[str, str]]:
        entries = self.registry.record.entries("thyroid")
        return [(entry["change"], entry["to"]["version"]) for entry in entries]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    models = tmp_path / "models"
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        give_sample(write_version(models, version), right=version != "0.3.0")
    write_version(models, "0.4.0")
    loads: list[str] = []
    gate = threading.Event()
    gate.set()

    def load(folder: Path) -> Network:
        loads.append(folder.name)
        gate.wait(20)
        return bright_network(read_model(folder))

    lines: list[str] = []
    log = Log(lines.append, lines.append, lines.append)
    record = ChangeRecord(tmp_path / "record.jsonl")
    registry = Registry(Versions(models), record, {"thyroid": "0.1.0"})
    (reader,) = registry.readers(THYROID)
    registry.loaded({"thyroid": reader.model})
    slot = Slot({"thyroid": reader}, {"thyroid": bright_network(reader.model)})
    announcer = Announcer(Health("0.1.0"), log)
    loading: Any = slot
    upgrades = Upgrades(registry, announcer, loading, load, THYROID)
    shadow = Shadow(registry, THYROID, load, tmp_path / "shadow")
    desk = ModelDesk(registry, upgrades, announcer, shadow)
    return Site(models, slot, desk, registry, upgrades, lines, loads, gate)


def test_a_version_that_passes_its_check_takes_over(site: Site) -> None:
    progress = site.end(lambda: site.desk.activate("thyroid", "0.2.0", "alice"))
    assert (progress.state, progress.checked, progress.dice) == ("active", True, 1.0)
    assert site.active == "0.2.0"
    assert site.slot.networks["thyroid"].model.version == "0.2.0"
    entry = site.registry.record.entries("thyroid")[-1]
    assert (entry["who"], entry["from"]["version"]) == ("alice", "0.1.0")
    assert entry["check"]["dice"] == 1.0
    assert any(entry["sha256"] in line for line in site.lines)


def test_a_version_that_fails_its_check_is_refused_and_the_old_one_stays(site: Site) -> None:
    before = dict(site.slot.networks)
    progress = site.end(lambda: site.desk.activate("thyroid", "0.3.0", "alice"))
    assert progress.state == "refused"
    assert "does not answer its own sample" in str(progress.reason)
    assert site.active == "0.1.0"
    assert site.slot.networks == before
    assert site.changes == [("configured", "0.1.0"), ("refused", "0.3.0")]


def test_a_version_without_a_sample_takes_over_and_says_so(site: Site) -> None:
    progress = site.end(lambda: site.desk.activate("thyroid", "0.4.0", "alice"))
    assert (progress.state, progress.checked) == ("active", None)
    assert "was loaded, but its answers were not checked" in str(progress.reason)


def test_a_roll_back_needs_no_loading_and_can_be_undone(site: Site) -> None:
    site.end(lambda: site.desk.activate("thyroid", "0.2.0", "alice"))
    for version in ("0.1.0", "0.2.0"):
        progress = site.end(lambda: site.desk.roll_back("thyroid", "bob"))
        assert (progress.state, progress.version) == ("active", version)
        assert site.active == version
    assert site.loads == ["0.2.0"]
    assert site.changes[-2:] == [("rolled-back", "0.1.0"), ("rolled-back", "0.2.0")]


def test_there_is_nothing_to_go_back_to_at_first(site: Site) -> None:
    with pytest.raises(Conflict, match="no version of thyroid was active before"):
        site.desk.roll_back("thyroid", "bob")


def test_one_change_at_a_time(site: Site) -> None:
    site.gate.clear()
    site.desk.activate("thyroid", "0.2.0", "alice")
    with pytest.raises(Conflict, match="another version is being loaded"):
        site.desk.activate("thyroid", "0.4.0", "bob")
    assert site.active == "0.1.0"
    site.gate.set()


def test_what_is_still_loaded_when_the_record_is_left_to_others_comes_to_nothing(
    site: Site,
) -> None:
    """As when a corrupt ledger ends a session: the next one reads the record anew."""
    before = site.changes
    site.gate.clear()
    site.desk.activate("thyroid", "0.2.0", "alice")
    thread = site.upgrades._current
    assert thread is not None
    site.desk.close()
    site.gate.set()
    thread.join(20)
    assert (site.changes, site.active) == (before, "0.1.0")


def test_what_is_active_is_not_activated_again(site: Site) -> None:
    with pytest.raises(Conflict, match=r"thyroid 0\.1\.0 is active already"):
        site.desk.activate("thyroid", "0.1.0", "alice")


@pytest.mark.parametrize(("name", "version"), [("thyroid", "9.9.9"), ("lung", "0.1.0")])
def test_what_is_not_there_is_unknown(site: Site, name: str, version: str) -> None:
    with pytest.raises(Unknown):
        site.desk.activate(name, version, "alice")


def test_altered_weights_are_refused_before_anything_is_loaded(site: Site) -> None:
    with (site.models / "thyroid" / "0.2.0" / "weights.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelFault, match="has SHA-256"):
        site.desk.activate("thyroid", "0.2.0", "alice")
    assert site.loads == []


def test_what_cannot_be_written_down_does_not_happen(site: Site) -> None:
    path = site.models.parent / "record.jsonl"
    path.unlink()
    path.mkdir()
    progress = site.end(lambda: site.desk.activate("thyroid", "0.2.0", "alice"))
    assert progress.state == "refused"
    assert "cannot be written" in str(progress.reason)
    assert site.active == "0.1.0"


def test_what_goes_missing_while_it_is_loaded_is_a_refusal(site: Site) -> None:
    site.gate.clear()
    site.desk.activate("thyroid", "0.2.0", "alice")
    (site.models / "thyroid" / "0.2.0" / "sample.npz").unlink()
    site.gate.set()
    progress = site.end(lambda: site.upgrades.progress("thyroid") or pytest.fail("none"))
    assert progress.state == "refused"
    assert "sample.npz" in str(progress.reason)


def test_every_version_is_shown_with_its_state_and_its_fault(site: Site) -> None:
    (site.models / "thyroid" / "0.4.0" / "weights.keras").write_bytes(b"x")
    site.end(lambda: site.desk.activate("thyroid", "0.2.0", "alice"))
    (model,) = site.desk.all()["models"]
    assert (model["configured"], model["active"], model["previous"]) == ("0.1.0", "0.2.0", "0.1.0")
    states = {one["version"]: (one["state"], one["ready"]) for one in model["versions"]}
    assert states == {
        "0.1.0": ("previous", True),
        "0.2.0": ("active", True),
        "0.3.0": ("available", False),
        "0.4.0": ("faulty", False),
    }
    assert "has SHA-256" in model["versions"][0]["fault"]
