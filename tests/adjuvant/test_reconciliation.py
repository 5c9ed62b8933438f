"""The whole archive is searched, a little at a time, across restarts, and nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.errors import ArchiveFault
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import BACKGROUND, End, Filter, Task
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.reader import Reader
from adjuvant.reconciliation import Progress, Reconciliation, ask, look
from adjuvant.silence import PATIENCE
from adjuvant.surroundings import Surroundings
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.integration.tiny import contract

READER = Reader(INTERPRETATIONS["thyroid"], Model.model_validate(contract()), Path("models"))
SEG = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclass
class Hall:
    """An archive with studies, and a walk through it that can be begun again, as at a restart."""

    orthanc: SmallOrthanc
    around: Surroundings
    lines: list[str]

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.walk = Reconciliation(
            self.around, lambda one, readers: [reader.task(one) for reader in readers]
        )

    def put(self, study: str, *instances: str) -> None:
        for instance in instances:
            self.orthanc.put(instance, b"")
            self.orthanc.parents[instance] = ("patient", study)

    def finish(self) -> Progress:
        while self.walk.step([READER]):
            pass
        progress = look(self.around.ledger)
        assert progress is not None
        assert progress.finished is not None
        return progress

    def queued(self) -> list[str]:
        jobs, _ = self.around.ledger.jobs(Filter("queued"), 1000, 0)
        assert {job.task.priority for job in jobs} <= {BACKGROUND}
        return sorted(job.task.instance for job in jobs)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    lines: list[str] = []
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with small_orthanc() as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        log = Log(lines.append, lines.append, lines.append)
        yield Hall(orthanc, Surroundings(archive, ledger, Inbox(), Health("0"), log), lines)
        archive.close()
    ledger.close()


def test_nothing_is_walked_through_unasked(hall: Hall) -> None:
    hall.put("s", "a")
    assert not hall.walk.step([READER])
    assert hall.orthanc.requests == []


def test_every_scan_without_a_job_is_queued_behind_everything_else(hall: Hall) -> None:
    hall.put("s1", "a", "b")
    hall.put("s2", "c", "segmentation")
    hall.orthanc.classes["segmentation"] = SEG
    ask(hall.around.ledger)
    progress = hall.finish()
    assert hall.queued() == ["a", "b", "c"]
    assert (progress.studies, progress.total, progress.queued) == (2, 2, 3)
    assert hall.lines == ["reconciled 2 studies: 3 jobs queued, 0 studies skipped"]
    assert not hall.walk.step([READER])


def test_a_second_walk_finds_nothing_more(hall: Hall) -> None:
    hall.put("s", "a")
    for queued in (1, 0):
        ask(hall.around.ledger)
        assert hall.finish().queued == queued


def test_a_job_whose_results_are_gone_starts_anew_and_others_stay(hall: Hall) -> None:
    """So does one that says of a scan that is there that it was deleted."""
    ledger = hall.around.ledger
    hall.put("s", "whole", "broken", "refused", "back", "result")
    hall.orthanc.classes["result"] = SEG
    ends = {
        "whole": End("done", results=[{"instance": "result"}]),
        "broken": End("done", results=[{"instance": "result"}, {"instance": "gone"}]),
        "refused": End("refused", "matrix", "too large"),
        "back": End("refused", "deleted", "it was deleted"),
    }
    for name, end in ends.items():
        ledger.add([READER.task(name)])
        job = ledger.claim()
        assert job is not None
        ledger.finish(job, end)
    ask(ledger)
    assert hall.finish().queued == 2
    assert hall.queued() == ["back", "broken"]


def test_what_another_version_has_read_is_not_read_again_unless_its_results_are_gone(
    hall: Hall,
) -> None:
    ledger = hall.around.ledger
    hall.put("s", "read", "lost", "refused", "new", "result")
    hall.orthanc.classes["result"] = SEG
    ends = {
        "read": End("done", results=[{"instance": "result"}]),
        "lost": End("done", results=[{"instance": "gone"}]),
        "refused": End("refused", "matrix", "too large"),
    }
    for name, end in ends.items():
        ledger.add([replace(READER.task(name), model_digest="that of an earlier version")])
        job = ledger.claim()
        assert job is not None
        ledger.finish(job, end)
    ask(ledger)
    assert hall.finish().queued == 2
    assert hall.queued() == ["lost", "new"]


def test_a_restart_goes_on_where_the_walk_was(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjuvant.reconciliation.AT_A_TIME_S", 0.0)  # one study at a time
    for number in range(20):
        hall.put(f"s{number:02}", f"i{number:02}")
    ask(hall.around.ledger)
    for _ in range(7):
        assert hall.walk.step([READER])
    seen = hall.queued()
    assert seen == [f"i{number:02}" for number in range(7)]
    for gone in ("i03", "i12"):
        del hall.orthanc.instances[gone]
    hall.put("s00a", "behind us")  # the change log tells of it
    hall.restart()
    hall.orthanc.requests.clear()
    hall.finish()
    assert hall.queued() == [f"i{number:02}" for number in range(20) if number != 12]
    assert not any("s05" in request for request in hall.orthanc.requests)


def test_a_study_that_orthanc_cannot_tell_of_is_skipped_and_counted(hall: Hall) -> None:
    hall.put("s1", "a")
    hall.put("s2-ill", "b")
    hall.put("s3", "c")
    hall.orthanc.broken.add("s2-ill")
    ask(hall.around.ledger)
    progress = hall.finish()
    assert (progress.studies, progress.skipped, hall.queued()) == (3, 1, ["a", "c"])
    assert any(line.startswith("study s2-ill is not reconciled: ") for line in hall.lines)


@pytest.mark.parametrize("about", ["the study", "a header"])
def test_a_study_about_which_orthanc_is_silent_is_skipped_after_some_patience(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, about: str
) -> None:
    for study, instance in (("s1", "a"), ("s2", "b"), ("s3", "c")):
        hall.put(study, instance)
    held = hall.around.archive.held

    def silent(level: str, resource: str) -> dict[str, str | None] | None:
        if resource == "s2":
            raise ArchiveFault("Orthanc's REST API: ReadTimeout")
        return held(level, resource)

    def tasks(one: str, readers: Collection[Reader]) -> list[Task]:
        if one == "b":
            raise ArchiveFault("Orthanc's REST API: ReadTimeout")
        return [reader.task(one) for reader in readers]

    if about == "the study":
        monkeypatch.setattr(hall.around.archive, "held", silent)
    else:
        hall.walk = Reconciliation(hall.around, tasks)
    ask(hall.around.ledger)
    for _ in range(PATIENCE - 1):
        with pytest.raises(ArchiveFault, match="ReadTimeout"):
            hall.walk.step([READER])
    progress = hall.finish()
    assert hall.queued() == ["a", "c"]
    assert (progress.studies, progress.skipped, progress.queued) == (3, 1, 2)
    assert hall.lines[0].startswith("study s2 is not reconciled: ")


def test_while_orthanc_answers_nothing_no_study_is_skipped(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: str) -> NoReturn:
        raise ArchiveFault("Orthanc's REST API: ConnectionError")

    hall.put("s1", "a")
    ask(hall.around.ledger)
    with monkeypatch.context() as meanwhile:
        for name in ("held", "version"):
            meanwhile.setattr(hall.around.archive, name, silent)
        for _ in range(2 * PATIENCE):
            with pytest.raises(ArchiveFault, match="ConnectionError"):
                hall.walk.step([READER])
    assert (hall.finish().skipped, hall.queued()) == (0, ["a"])


def test_silence_of_orthanc_is_waited_out(hall: Hall) -> None:
    hall.put("s1", "a")
    ask(hall.around.ledger)
    hall.orthanc.broken.add("/studies")
    with pytest.raises(ArchiveFault, match="answered 500 to /studies"):
        hall.walk.step([READER])
    hall.orthanc.broken.clear()
    hall.finish()
    assert hall.queued() == ["a"]


def test_the_routes_begin_it_once_and_show_how_far_it_is(hall: Hall) -> None:
    desk = Desk(Health("0"), hall.around.inbox, hall.around.ledger)
    hall.put("s1", "a")

    def reconcile(method: str) -> dict[str, object]:
        said = answer(Request(method, "reconcile"), desk)
        assert said.status == 200
        json.dumps(said.document)
        return said.document

    assert reconcile("GET")["state"] == "never"
    begun = reconcile("POST")
    assert (begun["state"], begun["total"], begun["studies"]) == ("running", None, 0)
    assert reconcile("POST")["asked"] == begun["asked"]
    hall.finish()
    done = reconcile("GET")
    assert (done["state"], done["total"], done["queued"]) == ("done", 1, 1)
    assert reconcile("POST")["state"] == "running"
