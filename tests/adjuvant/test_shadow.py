"""A candidate reads what the active version has read, when nobody waits, and stores nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjuvant.change_record import ChangeRecord
from adjuvant.errors import ModelFault
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.model import read_model
from adjuvant.network import Network
from adjuvant.pipeline import analyse
from adjuvant.reader import Reader
from adjuvant.registry import Decision, Registry
from adjuvant.shadow import WAITING, Means, Shadow
from adjuvant.versions import Versions
from tests.adjuvant.version_folders import write_version
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.networks import bright_network

THYROID = INTERPRETATIONS["thyroid"]
SCAN = to_bytes(nm_dataset(thyroid_counts(128, 128)))


@dataclass
class Shelf:
    """All that the shadow asks of the archive."""

    reads: list[str] = field(default_factory=list)

    def read(self, instance: str) -> bytes:
        self.reads.append(instance)
        return SCAN


@dataclass
class Bench:
    shadow: Shadow
    registry: Registry
    folder: Path
    busy: list[bool]
    shelf: Shelf
    reader: Reader

    def choose(self, version: str | None) -> None:
        model = self.registry.versions.read("thyroid", version) if version else None
        self.registry.change(Decision("shadow", "thyroid", version, "alice"), model)

    def offer(self, instance: str = "a") -> None:
        network = bright_network(self.reader.model)
        self.shadow.offer(self.reader.task(instance), analyse(SCAN, THYROID, network, Limits()))

    def wait(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            report = self.shadow.report("thyroid")
            if reached(report):
                return report
            time.sleep(0.02)
        raise AssertionError(report)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for version in ("0.1.0", "0.2.0", "0.3.0", "0.4.0"):
        write_version(tmp_path / "models", version)

    def load(folder: Path) -> Network:
        """0.2.0 answers the same, 0.3.0 sees no gland at all, 0.4.0 cannot be loaded."""
        network = bright_network(read_model(folder))
        if folder.name == "0.4.0":
            raise ModelFault("it cannot be loaded")
        if folder.name == "0.3.0":
            return Network(network.model, "CPU", lambda one: np.zeros_like(one[..., :1]))
        return network

    versions = Versions(tmp_path / "models")
    registry = Registry(versions, ChangeRecord(tmp_path / "record.jsonl"), {"thyroid": "0.1.0"})
    (reader,) = registry.readers((THYROID,))
    registry.loaded({"thyroid": reader.model})
    shadow = Shadow(registry, (THYROID,), load, tmp_path / "shadow")
    busy, shelf = [False], Shelf()
    archive: Any = shelf
    shadow.start(Means(archive, Limits(), lambda: busy[0]))
    yield Bench(shadow, registry, tmp_path, busy, shelf, reader)
    shadow.close()


def test_without_a_shadow_nothing_is_read_again(bench: Bench) -> None:
    bench.offer()
    report = bench.shadow.report("thyroid")
    assert (report["state"], report["waiting"], report["comparison"]) == ("off", 0, None)


def test_a_candidate_that_answers_the_same_differs_in_nothing(bench: Bench) -> None:
    bench.choose("0.2.0")
    bench.offer()
    found = bench.wait(lambda report: report["comparison"] is not None)["comparison"]
    assert (found["scans"], found["failed"], found["mean_dice"]) == (1, 0, 1.0)
    assert found["mean_area_difference_cm2"] == 0
    assert (found["active"], found["candidate"]) == ("0.1.0", "0.2.0")
    assert found["candidate_ms"] > 0
    assert bench.shelf.reads == ["a"]


def test_a_candidate_that_differs_is_shown_with_its_worst_cases(bench: Bench) -> None:
    bench.choose("0.3.0")
    bench.offer("one")
    found = bench.wait(lambda report: report["comparison"] is not None)["comparison"]
    assert (found["mean_dice"], found["worst"][0]["instance"]) == (0.0, "one")
    assert found["mean_area_difference_cm2"] < 0
    kept = json.loads((bench.folder / "shadow" / "thyroid.json").read_text())
    assert kept[0]["scans"] == 1


def test_nobody_waits_for_it(bench: Bench) -> None:
    bench.busy[0] = True
    bench.choose("0.2.0")
    bench.offer()
    time.sleep(0.6)
    assert bench.shadow.report("thyroid")["waiting"] == 1
    assert bench.shelf.reads == []
    bench.busy[0] = False
    bench.wait(lambda report: report["comparison"] is not None)


def test_what_cannot_be_compared_in_time_is_counted_not_kept(bench: Bench) -> None:
    bench.busy[0] = True
    bench.choose("0.2.0")
    outcome = analyse(SCAN, THYROID, bright_network(bench.reader.model), Limits())
    for number in range(WAITING + 5):
        bench.shadow.offer(bench.reader.task(str(number)), outcome)
    assert bench.shadow.report("thyroid")["waiting"] == WAITING
    bench.busy[0] = False
    report = bench.wait(lambda report: report["comparison"] is not None)
    assert report["comparison"]["skipped"] == 5


def test_a_candidate_that_fails_is_counted_and_said(bench: Bench) -> None:
    bench.choose("0.4.0")
    bench.offer()
    report = bench.wait(lambda report: report["state"] == "faulty")
    assert report["fault"] == "it cannot be loaded"
    found = bench.wait(lambda report: report["comparison"] is not None)["comparison"]
    assert (found["scans"], found["failed"]) == (0, 1)
    bench.choose("0.2.0")  # and another one is not the worse for it
    bench.offer()
    report = bench.wait(lambda r: r["comparison"] is not None and r["comparison"]["scans"] == 1)
    assert report["state"] == "running"
    assert [one["candidate"] for one in report["earlier"]] == ["0.4.0"]
