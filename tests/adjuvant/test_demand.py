"""What a person asks for is found in the archive, queued where it has to be, and never twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adjuvant import demand as module
from adjuvant.archive import Archive, Connection
from adjuvant.demand import AT_ONCE, Demand, Held
from adjuvant.errors import ArchiveFault, ModelFault
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import End, Job
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.reader import Reader
from adjuvant.surroundings import Surroundings
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.integration.tiny import contract

CT = "1.2.840.10008.5.1.4.1.1.2"
SCAN = Held(("a",), ("a",))
READER = Reader(
    INTERPRETATIONS["thyroid"], Model.model_validate(contract()), Path("models/thyroid/0.1.0")
)


@dataclass
class Counter:
    """Where people ask, and what stands behind it."""

    orthanc: SmallOrthanc
    around: Surroundings
    demand: Demand

    def end(self, end: End) -> None:
        self.around.ledger.add([READER.task("a")])
        job = self.around.ledger.claim()
        assert job is not None
        self.around.ledger.finish(job, end)

    @property
    def job(self) -> Job:
        job = self.around.ledger.find(READER.task("a"))
        assert job is not None
        return job


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with small_orthanc() as orthanc:
        orthanc.put("a", b"")
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        log = Log(print, print, print)
        around = Surroundings(archive, ledger, Inbox(), Health("0.1.0"), log)
        yield Counter(orthanc, around, Demand(around, lambda: (READER,)))
        archive.close()
    ledger.close()


def test_of_a_study_what_can_be_a_scan_is_readable(counter: Counter) -> None:
    for name in ("picture", "other", "settled"):
        counter.orthanc.put(name, b"")
    counter.orthanc.classes["other"] = CT
    counter.around.inbox.settle("settled")
    counter.end(End("done", results=[{"instance": "picture"}]))
    held = counter.demand.look("studies", "study")
    assert held == Held(("a", "picture", "other", "settled"), ("a",))


def test_what_orthanc_does_not_have_is_none(counter: Counter) -> None:
    assert counter.demand.look("studies", "another") is None
    assert counter.demand.look("instances", "another") is None


def test_a_new_scan_is_queued_once_and_the_worker_is_woken(counter: Counter) -> None:
    assert counter.demand.queue(SCAN) == 1
    assert counter.demand.queue(SCAN) == 0
    assert counter.job.state == "queued"
    begin = time.monotonic()
    counter.around.inbox.wait(20)
    assert time.monotonic() - begin < 15


def test_a_job_that_is_done_stays_as_it_is(counter: Counter) -> None:
    counter.orthanc.put("result", b"")
    counter.end(End("done", results=[{"instance": "result"}]))
    assert counter.demand.queue(SCAN) == 0
    assert counter.job.state == "done"


def test_where_results_were_deleted_the_scan_is_read_again(counter: Counter) -> None:
    counter.end(End("done", results=[{"instance": "deleted"}]))
    assert counter.demand.queue(SCAN) == 1
    assert counter.job.state == "queued"


@pytest.mark.parametrize("state", ["refused", "failed"])
def test_what_was_not_read_is_tried_again_with_all_attempts(counter: Counter, state: str) -> None:
    counter.end(End(state, "code", "reason"))
    assert counter.demand.queue(SCAN) == 1
    assert (counter.job.state, counter.job.attempts, counter.job.reason) == ("queued", 0, None)


def test_only_a_person_has_a_scan_read_again_that_an_earlier_version_has_read(
    counter: Counter,
) -> None:
    ledger = counter.around.ledger
    ledger.add([replace(READER.task("a"), model_digest="that of an earlier version")])
    job = ledger.claim()
    assert job is not None
    ledger.finish(job, End("done"))
    assert counter.demand.queue(SCAN, by_person=False) == 0
    assert ledger.find(READER.task("a")) is None
    assert counter.demand.queue(SCAN) == 1
    assert counter.job.state == "queued"


def test_what_waits_for_its_next_attempt_is_due_now(counter: Counter) -> None:
    ledger = counter.around.ledger
    ledger.add([READER.task("a")])
    job = ledger.claim()
    assert job is not None
    ledger.postpone(job, "the disk is full", 3000)
    assert ledger.claim() is None
    assert counter.demand.queue(SCAN) == 0
    again = ledger.claim()
    assert again is not None
    assert again.attempts == 2


def test_without_a_model_nothing_is_queued_and_the_reason_is_said(counter: Counter) -> None:
    counter.around.health.become("degraded", "the file was altered")
    with pytest.raises(ModelFault, match="no model is in use: the file was altered"):
        Demand(counter.around, lambda: ()).queue(SCAN)
    assert sum(counter.around.ledger.counts().values()) == 0


def test_an_archive_in_trouble_is_a_fault(counter: Counter) -> None:
    counter.orthanc.broken.add("bulk-content")
    with pytest.raises(ArchiveFault, match="Orthanc answered 500 to /tools/bulk-content"):
        counter.demand.look("instances", "a")


def test_who_finds_too_many_before_him_is_sent_away(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(module, "TIMEOUT_S", (20.0, 20.0))
    counter.orthanc.gate.clear()
    found: list[Held | None] = []

    def look() -> None:
        found.append(counter.demand.look("instances", "a"))

    threads = [threading.Thread(target=look) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while len(counter.orthanc.requests) < AT_ONCE and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(ArchiveFault, match="too much is asked at once: try again"):
        counter.demand.look("instances", "a")
    counter.orthanc.gate.set()
    for thread in threads:
        thread.join(20)
    assert found == [SCAN] * AT_ONCE
    assert counter.demand.look("instances", "a") == SCAN
