"""Rules say when a scan is read: as it comes, or when its series or study is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from adjuvant import intake as module
from adjuvant.archive import Archive, Connection
from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.gathering import NotStable, gather
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.intake import Intake
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import CATCH_UP, End, Filter, Job
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.reader import Reader
from adjuvant.results.provenance import MANUFACTURER, result_uid
from adjuvant.rulebook import Rulebook
from adjuvant.surroundings import Surroundings
from tests.adjuvant.rules.rule_sets import rule, rules
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.integration.tiny import contract

READER = Reader(INTERPRETATIONS["thyroid"], Model.model_validate(contract()), Path("models"))
THYROID = {"Thyroid": True}
URGENT = {"Tag": "StudyDescription", "Matches": "urgent"}


@dataclass
class Department:
    """An archive, its ledger, and rules."""

    orthanc: SmallOrthanc
    around: Surroundings
    intake: Intake
    lines: list[str]

    def obey(self, *written: dict[str, Any]) -> None:
        self.intake.rulebook = Rulebook(rules(*written))

    def put(self, name: str, description: str = "Thyroid") -> None:
        ds = nm_dataset(thyroid_counts(16, 16), StudyDescription=description)
        self.orthanc.put(name, to_bytes(ds))

    def send(self, name: str, description: str = "Thyroid") -> None:
        self.put(name, description)
        self.around.inbox.offer(name, None)

    def collect(self, walk: bool = False) -> None:
        self.intake.due = 0.0 if walk else float("inf")
        self.intake.collect((READER,))

    def jobs(self, state: str | None = None) -> list[tuple[str, str, int]]:
        found, _ = self.around.ledger.jobs(Filter(state), 100, 0)
        tasks = [job.task for job in reversed(found)]
        return [(task.level, task.instance, task.priority) for task in tasks]

    def claim(self) -> Job:
        job = self.around.ledger.claim()
        assert job is not None
        return job

    def gather(self, job: Job) -> End:
        return gather(job, READER, self.intake.rulebook.active.rules, self.around)


@pytest.fixture
def department(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Department]:
    monkeypatch.setattr(module, "AT_A_TIME_S", 60.0)  # however busy the machine is
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with small_orthanc() as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        lines = list[str]()
        log = Log(lines.append, lines.append, lines.append)
        around = Surroundings(archive, ledger, Inbox(), Health("0.1.0"), log)
        intake = Intake(archive, ledger, around.inbox, 60.0, log=log)
        yield Department(orthanc, around, intake, lines)
        archive.close()
    ledger.close()


def test_a_flood_is_queued_in_a_few_transactions(
    department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = list[int]()
    add = department.around.ledger.add
    monkeypatch.setattr(
        department.around.ledger, "add", lambda tasks: (pages.append(len(tasks)), add(tasks))
    )
    department.send("before")
    department.collect()
    names = [f"scan {number}" for number in range(2500)]
    for name in [*names[:700], "before", *names[700:]]:
        department.around.inbox.offer(name, None)
    department.collect()
    assert pages[:4] == [1, 999, 1000, 501]
    assert [department.claim().task.instance for _ in range(2501)] == ["before", *names]
    assert len(department.around.inbox) == 0


def test_the_walk_asks_nothing_about_what_is_queued(department: Department) -> None:
    department.send("a")
    department.collect()
    department.put("b")
    department.collect(walk=True)
    asked = [one for one in department.orthanc.requests if "SopClassUid" in one]
    assert [one.split("/")[2] for one in asked] == ["b"]
    assert len(department.jobs()) == 2


def test_where_all_scans_are_alike_no_header_is_read(department: Department) -> None:
    department.obey(rule(THYROID, Priority=7))
    department.send("a")
    department.collect()
    assert department.jobs() == [("instance", "a", 7)]
    assert department.orthanc.requests == []
    department.put("b")
    department.collect(walk=True)
    assert department.jobs() == [("instance", "a", 7), ("instance", "b", 7 + CATCH_UP)]
    assert not any("file" in request for request in department.orthanc.requests)


def test_the_priority_is_that_of_the_rule_that_decides(department: Department) -> None:
    department.obey(rule(URGENT, "urgent", Priority=50), rule(THYROID, "all"))
    department.send("routine")
    department.send("urgent", "urgent thyroid")
    department.send("hip", "hip")  # its job says why it is not read
    department.collect()
    assert set(department.jobs()) == {
        ("instance", "routine", 0),
        ("instance", "urgent", 50),
        ("instance", "hip", 0),
    }
    assert department.claim().task.instance == "urgent"


@pytest.mark.parametrize(("level", "resource"), [("study", "study"), ("series", "s")])
@pytest.mark.parametrize("walk", [False, True])
def test_a_scan_waits_for_its_study_or_series(
    department: Department, level: str, resource: str, walk: bool
) -> None:
    department.obey(rule(THYROID, Level=level, Priority=3))
    for name in ("a", "b"):
        department.put(name) if walk else department.send(name)
    department.collect(walk)
    assert department.jobs() == [(level, resource, 3 + CATCH_UP * walk)]
    department.orthanc.unstable.add(resource)
    job = department.claim()
    with pytest.raises(NotStable, match=f"waits for its {level} to be complete"):
        department.gather(job)
    department.orthanc.unstable.clear()
    assert department.gather(job) == End("done", summary={"scans_queued": 2})
    assert set(department.jobs("queued")) == {("instance", "a", 3), ("instance", "b", 3)}
    assert department.gather(job) == End("done", summary={"scans_queued": 0})


def test_what_comes_later_has_the_study_looked_at_again(department: Department) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.send("a")
    department.collect()
    job = department.claim()
    department.around.ledger.finish(job, department.gather(job))
    department.send("b")
    department.collect()
    assert set(department.jobs("queued")) == {("instance", "a", 0), ("study", "study", 0)}
    read = department.claim()  # the older job is first
    again = department.claim()
    assert {read.task.level, again.task.level} == {"instance", "study"}
    study = again if again.task.level == "study" else read
    assert department.gather(study).summary == {"scans_queued": 1}


def test_a_scan_that_was_read_and_is_sent_again_does_not_wait(department: Department) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.put("a")
    department.around.ledger.add([READER.task("a")])
    department.around.ledger.finish(department.claim(), End("refused", "x", "why"))
    department.around.inbox.offer("a", None)
    department.collect()
    assert department.jobs() == [("instance", "a", 0)]
    assert department.jobs("queued") == [("instance", "a", 0)]


@pytest.mark.parametrize("level", ["instance", "study"])
@pytest.mark.parametrize(
    ("end", "queued"),
    [
        (End("done"), []),
        (End("done", results=[{"instance": "gone"}]), [("instance", "a", 0)]),
        (End("refused", "matrix", "too large"), [("instance", "a", 0)]),
        (End("cancelled"), []),
    ],
    ids=["done", "results gone", "refused", "cancelled"],
)
def test_a_scan_that_is_sent_again_after_an_upgrade_is_read_where_it_is_unread(
    department: Department, level: str, end: End, queued: list[tuple[str, str, int]]
) -> None:
    department.obey(rule(THYROID, Level=level))
    department.put("a")
    earlier = replace(READER.task("a"), model_digest="that of an earlier version")
    department.around.ledger.add([earlier])
    department.around.ledger.finish(department.claim(), end)
    department.around.inbox.offer("a", None)
    department.collect()
    assert department.jobs("queued") == queued


def test_the_walk_looks_at_nothing_twice(department: Department) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.put("a")
    department.collect(walk=True)
    job = department.claim()
    department.around.ledger.finish(job, department.gather(job))
    department.around.ledger.finish(department.claim(), End("done"))
    before = len(department.orthanc.requests)
    department.collect(walk=True)
    assert department.jobs("queued") == []
    assert not any("file" in request for request in department.orthanc.requests[before:])


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The instances about which Orthanc does not answer."""
    names = set[str]()

    def keep_silent(ask: Callable[[Archive, str], Any]) -> Callable[[Archive, str], Any]:
        def asked(archive: Archive, instance: str) -> Any:
            if instance in names:
                raise ArchiveFault("Orthanc's REST API: ReadTimeout")
            return ask(archive, instance)

        return asked

    for name in ("sop_class", "read"):
        monkeypatch.setattr(Archive, name, keep_silent(getattr(Archive, name)))
    return names


def test_no_page_is_left_out_while_orthanc_does_not_answer(
    department: Department, silent: set[str]
) -> None:
    silent.add("b")
    for name in "abc":
        department.put(name)
    department.orthanc.broken.add("/system")
    for _ in range(10):
        with pytest.raises(ArchiveFault):
            department.collect(walk=True)
    pages = [one for one in department.orthanc.requests if "/changes" in one]
    assert pages == ["GET /changes?since=0&limit=1000"] * 10
    silent.clear()
    department.collect(walk=True)
    assert [instance for _, instance, _ in department.jobs()] == ["a", "b", "c"]


@pytest.mark.parametrize("walk", [True, False])
def test_an_instance_that_orthanc_never_answers_about_holds_up_the_others_thrice(
    department: Department, silent: set[str], walk: bool
) -> None:
    department.obey(rule(URGENT, "urgent", Priority=50), rule(THYROID, "all"))
    silent.add("b")
    for name in "abc":
        (department.put if walk else department.send)(name)
    for _ in range(2):
        with pytest.raises(ArchiveFault):
            department.collect(walk)
    department.collect(walk)
    assert {instance for _, instance, _ in department.jobs()} == set("abc")


def overwritten(department: Department, digest: str = READER.algorithm.digest) -> None:
    """A scan "a" of which a model has read another file, and what it made of that."""
    scan = nm_dataset(thyroid_counts(16, 16))
    department.orthanc.put("a", to_bytes(scan))
    department.around.ledger.add([replace(READER.task("a"), model_digest=digest)])
    job = department.claim()
    department.around.ledger.keep_source(job, "MD5 of another file")
    department.around.ledger.finish(job, End("done"))
    uid = result_uid(scan.SOPInstanceUID, "thyroid", digest, "capture")
    made_by = {"Manufacturer": MANUFACTURER, "DeviceSerialNumber": digest}
    result = nm_dataset(thyroid_counts(16, 16), SOPInstanceUID=uid, **made_by)
    department.orthanc.put("result", to_bytes(result))
    department.orthanc.classes["result"] = SecondaryCaptureImageStorage
    department.around.inbox.settle("result")


@pytest.mark.parametrize("walk", [True, False])
@pytest.mark.parametrize("damaged", ["result", "neighbour"])
def test_a_damaged_file_in_the_study_of_an_overwritten_scan_holds_up_nothing(
    department: Department, walk: bool, damaged: str
) -> None:
    overwritten(department)
    department.orthanc.put("neighbour", to_bytes(nm_dataset(thyroid_counts(16, 16))))
    department.orthanc.classes["neighbour"] = SecondaryCaptureImageStorage
    department.orthanc.broken.add(f"{damaged}/file")
    if not walk:
        department.around.inbox.offer("a", None)
    department.send("b")
    department.collect(walk)
    assert {"a", "b"} <= {instance for _, instance, _ in department.jobs("queued")}
    assert ("result" in department.orthanc.instances) is (damaged == "result")


def test_what_is_sent_again_is_read_where_orthanc_cannot_tell_whether_its_results_stand(
    department: Department,
) -> None:
    """The archive may be in trouble: then the scan waits a while before others do without it."""
    overwritten(department)
    department.orthanc.broken.add("a/attachments")
    department.around.inbox.offer("a", None)
    department.send("b")
    for _ in range(2):
        with pytest.raises(ArchiveFault):
            department.collect()
    department.collect()
    assert {instance for _, instance, _ in department.jobs("queued")} == {"a", "b"}
    assert len(department.around.inbox) == 0
    (line,) = department.lines
    assert line.startswith("a: is read again, what was made of it is unknown: Orthanc answered 500")


def test_what_a_person_cancelled_stays_so_where_orthanc_cannot_tell_of_it(
    department: Department,
) -> None:
    overwritten(department, "an earlier digest")
    department.around.ledger.add([READER.task("a")])
    assert department.around.ledger.cancel(department.claim().id, "cancelled by gina")
    department.orthanc.broken.add("a/attachments")
    department.around.inbox.offer("a", None)
    for _ in range(2):
        with pytest.raises(ArchiveFault):
            department.collect()
    department.collect()
    assert (department.jobs("queued"), len(department.around.inbox)) == ([], 0)


def test_the_walk_says_of_which_scan_it_cannot_tell_whether_it_was_overwritten(
    department: Department,
) -> None:
    overwritten(department)
    department.orthanc.broken.add("a/attachments")
    department.collect(walk=True)
    assert department.jobs("queued") == []
    (line,) = department.lines
    assert line.startswith("a: whether it was overwritten cannot be told: Orthanc answered 500")


def test_a_study_that_grows_after_an_upgrade_has_only_what_came_read(
    department: Department,
) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.put("read before")
    earlier = replace(READER.task("read before"), model_digest="that of an earlier version")
    department.around.ledger.add([earlier])
    department.around.ledger.finish(department.claim(), End("done"))
    department.send("a")
    department.collect()
    job = department.claim()
    assert department.gather(job).summary == {"scans_queued": 1}
    assert department.jobs("queued") == [("instance", "a", 0)]


def test_the_change_log_ends_the_waiting(department: Department) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.send("a")
    department.collect()
    department.around.ledger.put_back(department.claim(), 3000, "waits")
    assert department.around.ledger.claim() is None
    department.orthanc.stable = ["study"]
    department.collect(walk=True)
    job = department.claim()
    assert (job.task.instance, job.attempts) == ("study", 1)


def test_a_study_that_was_deleted_is_refused(department: Department) -> None:
    department.around.ledger.add([READER.task("gone", 0, "study")])
    with pytest.raises(Refusal, match="the study was deleted"):
        department.gather(department.claim())


def test_a_study_obeys_the_rules_in_force_when_it_is_complete(department: Department) -> None:
    department.obey(rule(THYROID, Level="study"))
    department.send("a")
    department.collect()
    job = department.claim()
    department.obey(rule(THYROID, Level="series"))
    assert department.gather(job).summary == {"scans_queued": 0}
    assert department.jobs("queued") == [("series", "s", 0)]
    department.obey(rule(THYROID, Priority=9))
    assert department.gather(job).summary == {"scans_queued": 1}
    assert ("instance", "a", 9) in department.jobs("queued")


def test_a_scan_that_was_gone_while_the_walk_asked_about_it_is_noticed_when_it_comes_again(
    department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    department.put("a")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(department.around.archive, "sop_class", lambda instance: None)
        department.collect(walk=True)
    assert department.jobs() == []
    department.send("a")
    department.collect()
    assert department.jobs() == [("instance", "a", 0)]
    assert len(department.around.inbox) == 0


def test_headers_are_read_a_little_at_a_time(
    department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_A_TIME_S", 0.0)
    department.obey(rule(URGENT, "urgent", Priority=50), rule(THYROID, "all"))
    for name in ("a", "b"):
        department.send(name)
    department.collect()
    assert (department.jobs(), len(department.around.inbox)) == ([], 2)
    monkeypatch.setattr(module, "AT_A_TIME_S", 60.0)
    department.collect()
    assert len(department.jobs()) == 2
    assert len(department.around.inbox) == 0
