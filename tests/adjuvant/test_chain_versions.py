"""Each model of a chain has its own versions: loaded, activated, rolled back, tried silently."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adjuvant.change_record import ChangeRecord
from adjuvant.health import Health, Log
from adjuvant.image import Limits
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.keeping import Folders, ModelKeeping
from adjuvant.loading import Loading
from adjuvant.model import read_model
from adjuvant.model_desk import ModelDesk
from adjuvant.network import Network
from adjuvant.pipeline import Outcome, analyse
from adjuvant.registry import Announcer, Registry
from adjuvant.shadow import Means
from adjuvant.upgrade import Progress
from adjuvant.versions import Versions
from adjuvant.watchdog import Watchdog
from tests.adjuvant.version_folders import write_cold_version, write_version
from tests.builder import nm_dataset, thyroid_counts, to_bytes, with_cold_discs
from tests.networks import bright_network, cold_network

THYROID = INTERPRETATIONS["thyroid"]
CONFIGURED = {"thyroid": "0.1.0", "cold-nodules": "0.1.0"}
BLIND = "0.3.0"  # finds nothing
BROKEN = "0.4.0"  # has no label for a nodule
SCAN = to_bytes(nm_dataset(with_cold_discs(thyroid_counts(), (0, 0.48, 0.6, 0.028))))


def load(folder: Path) -> Network:
    model = read_model(folder)
    if model.version == BLIND:
        return Network(model, "CPU", lambda inputs: np.zeros_like(inputs[..., :1]))
    return bright_network(model) if model.name == "thyroid" else cold_network(model)


@dataclass
class Site:
    """Models of both names, and what reads scans with them."""

    loading: Loading
    keeping: ModelKeeping
    desk: ModelDesk
    health: Health
    plan: Any

    @property
    def reads_with(self) -> str:
        reader = self.loading.readers["thyroid"]
        network = self.loading.networks["thyroid"]
        assert network.algorithm == reader.algorithm
        return reader.algorithm.title

    def read(self) -> Outcome:
        return analyse(SCAN, THYROID, self.loading.networks["thyroid"], Limits())

    def last_change(self, name: str) -> Progress:
        (about,) = (one for one in self.desk.all()["models"] if one["name"] == name)
        return Progress(**about["last_change"])

    def end(self, name: str, begin: Callable[[], Progress]) -> Progress:
        """What a change comes to; the worker adopts what is prepared between two jobs."""
        version = begin().version
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.loading.adopt()
            last = self.last_change(name)
            if last.version == version and not last.under_way:
                return last
            time.sleep(0.01)
        raise AssertionError("it never ended")


def site_of(folder: Path, configured: dict[str, str] = CONFIGURED) -> Site:
    for version in ("0.1.0", "0.2.0"):
        write_version(folder / "models", version)
        write_cold_version(folder / "models", version)
    write_cold_version(folder / "models", BLIND)
    knee = {"labels": ["knee"], "threshold": 0.5, "minimum_area_pixels": 20}
    write_cold_version(folder / "models", BROKEN, output=knee)
    health = Health("0.1.0")
    keeping = ModelKeeping(
        Folders(folder / "models", folder),
        configured,
        (THYROID,),
        load,
        Announcer(health, Log.silent()),
    )
    around: Any = SimpleNamespace(
        health=health,
        log=Log.silent(),
        inbox=Inbox(),
        raise_alarm=health.alarm,
    )
    plan: Any = SimpleNamespace(
        readers=keeping.readers, load=keeping.load, hooks=keeping.hooks, retry_s=1.0
    )
    loading = Loading(around, plan, Watchdog(threading.Event()))
    loading.load_if_due()
    return Site(loading, keeping, keeping.desk(loading), health, plan)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def nodules(outcome: Outcome) -> int:
    return sum(segment.drawn_by for segment in outcome.findings.segments)


def test_both_models_are_loaded_shown_and_written_down(site: Site) -> None:
    assert site.reads_with == "thyroid 0.1.0 + cold-nodules 0.1.0"
    assert nodules(site.read()) == 1
    shown = site.health.snapshot()["models"]
    assert [(one["name"], one["chosen_by"]) for one in shown] == [
        ("thyroid", "configuration"),
        ("cold-nodules", "configuration"),
    ]
    assert {one["name"]: one["active"] for one in site.desk.all()["models"]} == CONFIGURED


def test_without_a_nodule_model_in_service_the_gland_is_read_alone(tmp_path: Path) -> None:
    site = site_of(tmp_path, {"thyroid": "0.1.0"})
    assert site.reads_with == "thyroid 0.1.0"
    assert nodules(site.read()) == 0
    digest = site.loading.readers["thyroid"].task("a").model_digest
    assert digest == read_model(tmp_path / "models" / "thyroid" / "0.1.0").digest


def test_a_nodule_model_that_cannot_be_used_is_named_and_nothing_is_read(tmp_path: Path) -> None:
    site = site_of(tmp_path, {**CONFIGURED, "cold-nodules": BROKEN})
    assert not site.loading.complete
    reason = site.health.snapshot()["reason"]
    assert reason == f"cold-nodules {BROKEN} has no label 'cold nodule', only knee"


def test_what_orthanc_json_newly_names_is_refused_alone(tmp_path: Path) -> None:
    site_of(tmp_path)
    versions = Versions(tmp_path / "models")
    registry = Registry(
        versions,
        ChangeRecord(tmp_path / "model-changes.jsonl"),
        {"thyroid": "0.2.0", "cold-nodules": BROKEN},
    )
    registry.refuse_configured("cold-nodules", "it is broken")
    (reader,) = registry.readers((THYROID,))
    assert reader.algorithm.title == "thyroid 0.2.0 + cold-nodules 0.1.0"


def test_a_nodule_version_takes_over_beside_the_same_gland_and_can_go_again(site: Site) -> None:
    gland = site.loading.networks["thyroid"].run
    desk = site.desk
    progress = site.end("cold-nodules", lambda: desk.activate("cold-nodules", BLIND, "alice"))
    assert progress.state == "active"
    assert (site.reads_with, nodules(site.read())) == (f"thyroid 0.1.0 + cold-nodules {BLIND}", 0)
    site.end("cold-nodules", lambda: desk.roll_back("cold-nodules", "bob"))
    assert (site.reads_with, nodules(site.read())) == ("thyroid 0.1.0 + cold-nodules 0.1.0", 1)
    assert site.loading.networks["thyroid"].run is gland


def test_a_nodule_version_that_fails_its_trial_is_refused(site: Site) -> None:
    progress = site.end("cold-nodules", lambda: site.desk.activate("cold-nodules", BROKEN, "alice"))
    assert progress.state == "refused"
    assert "has no label 'cold nodule'" in str(progress.reason)
    assert site.reads_with == "thyroid 0.1.0 + cold-nodules 0.1.0"


def test_a_gland_version_takes_over_beside_the_same_nodule_model(site: Site) -> None:
    before = site.loading.readers["thyroid"].task("a").model_digest
    site.end("thyroid", lambda: site.desk.activate("thyroid", "0.2.0", "alice"))
    assert site.reads_with == "thyroid 0.2.0 + cold-nodules 0.1.0"
    assert site.loading.readers["thyroid"].task("a").model_digest != before


def test_a_change_while_the_networks_are_loaded_anew_takes_over_as_well(site: Site) -> None:
    planned = site.keeping.readers()
    site.loading.renew()
    site.desk.activate("cold-nodules", BLIND, "alice")
    deadline = time.monotonic() + 30
    while site.last_change("cold-nodules").state == "loading" and time.monotonic() < deadline:
        time.sleep(0.01)
    site.plan.readers = lambda: planned  # they began to be loaded before the change
    site.loading.load_if_due()
    site.plan.readers = site.keeping.readers
    site.loading.adopt()
    site.loading.load_if_due()
    assert site.reads_with == f"thyroid 0.1.0 + cold-nodules {BLIND}"
    assert site.end("cold-nodules", lambda: site.last_change("cold-nodules")).state == "active"


def test_a_nodule_candidate_is_compared_with_the_active_gland_before_it(site: Site) -> None:
    archive: Any = SimpleNamespace(read=lambda instance: SCAN)
    networks = lambda: site.loading.networks  # noqa: E731 - as the service has it
    site.keeping.shadow.start(Means(archive, Limits(), lambda: False, networks))
    site.desk.run_silently("cold-nodules", BLIND, "alice")
    outcome = site.read()
    site.keeping.hooks.compare(site.loading.readers["thyroid"].task("a"), outcome)
    deadline = time.monotonic() + 30
    report = site.desk.shadow("cold-nodules")
    while report["comparison"] is None and time.monotonic() < deadline:
        time.sleep(0.02)
        report = site.desk.shadow("cold-nodules")
    site.keeping.shadow.close()
    found = report["comparison"]
    assert (found["scans"], found["failed"], found["last_fault"]) == (1, 0, None)
    assert (found["mean_dice"], found["nodules_gained"], found["nodules_lost"]) == (1.0, 0, 1)
    assert (found["active"], found["candidate"]) == ("0.1.0", BLIND)
    assert site.desk.shadow("thyroid")["state"] == "off"
