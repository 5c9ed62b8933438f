"""Every job ends as a result, a refusal or a failure; every trouble of ours is an alarm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from adjuvant.archive import Archive, Connection
from adjuvant.errors import Fault, ModelFault, explain
from adjuvant.health import Health, Log
from adjuvant.image import Limits
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import End, Job, Task
from adjuvant.ledger import Ledger, LedgerFault
from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.reader import Reader
from adjuvant.reconciliation import ask as reconcile
from adjuvant.results.presentation import STANDARD
from adjuvant.rulebook import Rulebook
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.worker import Worker, is_flood
from tests.adjuvant.rules.rule_sets import rule, rules
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.bad_inputs import BAD_INPUTS
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.integration.tiny import BRIGHT, contract

MODEL = Model.model_validate(contract())
READER = Reader(INTERPRETATIONS["thyroid"], MODEL, Path("models/thyroid/0.1.0"))


def bright(inputs: Any) -> Any:
    """A network that calls bright pixels gland."""
    return (inputs[..., :1] > BRIGHT).astype(np.float32)


@dataclass
class Bench:
    """A worker in its thread, and everything around it."""

    orthanc: SmallOrthanc
    around: Surroundings
    plan: Plan
    lines: list[str]

    def send(self, name: str = "a") -> None:
        self.orthanc.put(name, to_bytes(nm_dataset(thyroid_counts(128, 128))))
        self.around.inbox.offer(name, None)

    def work_until(self, reached: Callable[[], bool]) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=Worker(self.around, self.plan, stop).run)
        thread.start()
        deadline = time.monotonic() + 150  # on a busy machine
        while not reached() and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        self.around.inbox.wake()
        thread.join(60)
        assert not thread.is_alive()
        assert reached()

    def job(self) -> Job | None:
        return self.around.ledger.find(READER.task("a"))

    def is_(self, state: str) -> Callable[[], bool]:
        return lambda: self.around.health.snapshot()["state"] == state

    def is_in(self, state: str) -> Callable[[], bool]:
        return lambda: (job := self.job()) is not None and job.state == state


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    lines: list[str] = []
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with small_orthanc() as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 26)
        log = Log(lines.append, lines.append, lines.append)
        around = Surroundings(archive, ledger, Inbox(), Health("0.1.0"), log)
        plan = Plan(
            readers=lambda: (READER,),
            load=lambda folder: Network(MODEL, "CPU", bright),
            limits=Limits(),
            presentation=STANDARD,
            replace_earlier=False,
            maximum_attempts=2,
            retry_s=0.01,
            job_s=60.0,
            sweep_s=60.0,
            keep_s=86400.0,
            maximum_jobs=1000,
        )
        yield Bench(orthanc, around, plan, lines)
        archive.close()
    ledger.close()


def test_a_scan_becomes_three_results(bench: Bench) -> None:
    bench.send()
    bench.work_until(bench.is_in("done"))
    job = bench.job()
    assert job is not None
    line = next(line for line in bench.lines if line.startswith("job-done "))
    start = 'job-done job=1 instance=a interpretation=thyroid model="thyroid 0.1.0" attempt=1 ms='
    assert line.startswith(start)
    assert line.endswith(" results=3")
    assert [result["kind"] for result in job.results] == ["SEG", "SC", "SR"]
    assert bench.orthanc.stores == 3
    assert bench.around.health.snapshot()["last_success"]


@pytest.mark.parametrize(
    ("arrived", "in_s", "flood"),
    [(0, 0.2, False), (4, 0.2, False), (5, 0.2, True), (1000, 10.0, True), (100, 10.0, False)],
)
def test_a_flood_is_more_than_twenty_scans_in_a_second(
    arrived: int, in_s: float, flood: bool
) -> None:
    assert is_flood(arrived, in_s) is flood


@pytest.fixture
def endless_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjuvant.worker.is_flood", lambda arrived, in_s: True)
    monkeypatch.setattr("adjuvant.worker.LONGEST_WAY_S", 3600.0)


@pytest.mark.usefixtures("endless_flood")
def test_in_a_flood_the_time_is_left_to_reception(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.send(name)
    bench.work_until(bench.is_in("done"))  # and a stop does not wait for the flood to pass
    assert bench.around.ledger.counts()["queued"] == 1


@pytest.mark.usefixtures("endless_flood")
def test_who_asks_for_something_does_not_wait_for_a_flood_to_pass(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.send(name)

    def both_done() -> bool:
        bench.around.inbox.wake()
        return bench.around.ledger.counts()["done"] == 2

    bench.work_until(both_done)


def test_after_a_flood_the_rest_is_read_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True, True, True])
    monkeypatch.setattr("adjuvant.worker.is_flood", lambda arrived, in_s: next(looks, False))
    monkeypatch.setattr("adjuvant.worker.LONGEST_WAY_S", 3600.0)
    for name in ("a", "b"):
        bench.send(name)
    bench.work_until(lambda: bench.around.ledger.counts()["done"] == 2)


def test_while_paused_scans_are_queued_and_none_is_read(bench: Bench) -> None:
    bench.around.health.pause(time.time())
    bench.send()
    bench.work_until(bench.is_in("queued"))
    bench.around.health.pause(None)
    bench.work_until(bench.is_in("done"))
    assert bench.orthanc.stores == 3


def test_what_can_wait_waits_while_a_scan_is_read_and_not_while_paused(bench: Bench) -> None:
    seen = list[bool]()

    def pause(inputs: Any) -> Any:
        if bench.job() is not None:  # none while the network is rehearsed
            seen.append(worker.goes_first)
            bench.around.health.pause(time.time())
        return bright(inputs)

    bench.plan = replace(bench.plan, load=lambda folder: Network(MODEL, "CPU", pause))
    stop = threading.Event()
    worker = Worker(bench.around, bench.plan, stop)
    thread = threading.Thread(target=worker.run)
    thread.start()
    bench.send()
    deadline = time.monotonic() + 60
    while (not seen or worker.goes_first) and time.monotonic() < deadline:
        time.sleep(0.01)
    went_first = worker.goes_first
    stop.set()
    bench.around.inbox.wake()
    thread.join(60)
    assert set(seen) == {True}
    assert not went_first


def test_of_a_scan_that_is_cancelled_while_it_is_read_nothing_is_stored(bench: Bench) -> None:
    def cancel(inputs: Any) -> Any:
        job = bench.job()  # none while the network is rehearsed
        if job is not None:
            assert bench.around.ledger.cancel(job.id, "cancelled by gina")
        return bright(inputs)

    bench.plan = replace(bench.plan, load=lambda folder: Network(MODEL, "CPU", cancel))
    bench.send()
    bench.work_until(lambda: any("job-cancelled job=1 " in line for line in bench.lines))
    job = bench.job()
    assert job is not None
    assert (job.state, job.reason, job.results) == ("cancelled", "cancelled by gina", [])
    assert bench.orthanc.stores == 0


def overwrite(bench: Bench, **tags: Any) -> None:
    """The camera sends the scan with other pixels, or other tags, under the same UIDs."""
    scan = dcmread(BytesIO(bench.orthanc.instances["a"]))
    for keyword, value in tags.items():
        setattr(scan, keyword, value)
    if not tags:
        scan.PixelData = np.roll(scan.pixel_array, 20, axis=-1).tobytes()
    bench.orthanc.put("a", to_bytes(scan))


def outlines(bench: Bench) -> list[bytes]:
    """The pixels of every segmentation that the archive holds."""
    held = [dcmread(BytesIO(data)) for data in bench.orthanc.instances.values()]
    return [one.PixelData for one in held if one.Modality == "SEG"]


def read_once(bench: Bench) -> bytes:
    bench.send()
    bench.work_until(bench.is_in("done"))
    (outline,) = outlines(bench)
    return outline


def test_a_scan_that_is_overwritten_is_read_anew_and_the_old_outline_goes(bench: Bench) -> None:
    before = read_once(bench)
    overwrite(bench)
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bench.orthanc.stores == 6 and bench.is_in("done")())
    (after,) = outlines(bench)
    assert np.sum(np.frombuffer(after, np.uint8)) > 0
    assert after != before
    assert len(bench.orthanc.instances) == 4  # the scan and its three results
    assert any(line == "a: overwritten, and read anew" for line in bench.lines)


def test_while_reading_is_paused_the_results_of_the_overwritten_scan_are_gone(bench: Bench) -> None:
    read_once(bench)
    overwrite(bench)
    bench.around.health.pause(time.time())
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("queued"))
    assert set(bench.orthanc.instances) == {"a"}


def test_an_overwritten_scan_that_only_the_change_log_knows_is_read_anew(bench: Bench) -> None:
    before = read_once(bench)
    overwrite(bench)
    bench.work_until(lambda: bench.orthanc.stores == 6 and bench.is_in("done")())
    assert outlines(bench) != [before]


def test_the_same_scan_once_more_is_not_read_again(bench: Bench) -> None:
    read_once(bench)
    bench.around.inbox.offer("a", None)
    bench.orthanc.requests.clear()
    bench.work_until(lambda: sum("/md5" in line for line in bench.orthanc.requests) >= 2)
    assert bench.orthanc.stores == 3
    assert not any(line.startswith("DELETE") for line in bench.orthanc.requests)


def test_what_an_earlier_version_of_ours_has_read_stays_as_it_is(bench: Bench) -> None:
    before = read_once(bench)
    job = bench.job()
    assert job is not None
    bench.around.ledger._changes("UPDATE jobs SET source_md5=NULL WHERE id=?", (job.id,))
    overwrite(bench)
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: len(bench.around.inbox) == 0 and bench.is_("ready")())
    assert (outlines(bench), bench.orthanc.stores) == ([before], 3)


def test_an_overwritten_scan_that_is_refused_now_keeps_no_outline(bench: Bench) -> None:
    read_once(bench)
    scan = dcmread(BytesIO(bench.orthanc.instances["a"]))
    scan.PixelData = bytes(len(scan.PixelData))
    bench.orthanc.put("a", to_bytes(scan))
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert (outlines(bench), [one["kind"] for one in job.results]) == ([], ["SR"])


def test_results_that_were_cut_short_before_the_scan_was_overwritten_go(bench: Bench) -> None:
    """Orthanc ended while results were stored: the row names none, the archive holds them."""
    before = read_once(bench)
    job = bench.job()
    assert job is not None
    bench.around.ledger._changes(
        "UPDATE jobs SET state='running', results='[]' WHERE id=?", (job.id,)
    )
    bench.around.ledger.recover()
    overwrite(bench)
    bench.work_until(bench.is_in("done"))
    (after,) = outlines(bench)
    assert after != before


def forget_jobs(bench: Bench) -> None:
    """They ended long ago, or the ledger was lost."""
    bench.around.ledger._changes("DELETE FROM jobs", ())


def test_an_overwritten_scan_whose_job_is_forgotten_keeps_no_old_outline(bench: Bench) -> None:
    before = read_once(bench)
    forget_jobs(bench)
    overwrite(bench)
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("done"))
    (after,) = outlines(bench)
    assert after != before
    assert (bench.orthanc.stores, len(bench.orthanc.instances)) == (6, 4)


def test_an_overwritten_scan_that_is_refused_now_keeps_no_outline_of_a_forgotten_job(
    bench: Bench,
) -> None:
    read_once(bench)
    forget_jobs(bench)
    overwrite(bench, StudyDescription="Knee", SeriesDescription="Knee", BodyPartExamined="KNEE")
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    assert set(bench.orthanc.instances) == {"a"}


def test_results_of_a_forgotten_job_stay_where_the_scan_is_the_same(bench: Bench) -> None:
    """As they are, also where another version of this software would write them otherwise."""
    read_once(bench)
    forget_jobs(bench)
    bench.orthanc.requests.clear()
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("done"))
    assert bench.orthanc.stores == 3
    assert not any(line.startswith("DELETE") for line in bench.orthanc.requests)


def test_what_a_person_made_of_a_result_outlives_the_overwritten_scan(bench: Bench) -> None:
    read_once(bench)
    ((name, drawn),) = (
        (name, one)
        for name, data in bench.orthanc.instances.items()
        if (one := dcmread(BytesIO(data))).Modality == "SEG"
    )
    drawn.SegmentSequence[0].SegmentAlgorithmType = "MANUAL"
    bench.orthanc.instances[name] = to_bytes(drawn)
    overwrite(bench)
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bench.orthanc.stores == 5 and bench.is_in("done")())
    assert bench.orthanc.instances[name] == to_bytes(drawn)


def test_results_are_the_same_bytes_where_only_the_scans_file_differs(bench: Bench) -> None:
    """So that routes do not send them once more."""
    read_once(bench)
    first = {name: data for name, data in bench.orthanc.instances.items() if name != "a"}
    overwrite(bench, ImageComments="sent over another way")
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bench.orthanc.stores == 6 and bench.is_in("done")())
    assert first == {name: data for name, data in bench.orthanc.instances.items() if name != "a"}


def test_a_scan_that_only_the_change_log_knows_is_found(bench: Bench) -> None:
    bench.orthanc.put("a", to_bytes(nm_dataset(thyroid_counts(128, 128))))
    bench.work_until(bench.is_in("done"))


def test_an_arrival_is_not_forgotten_while_the_archive_is_in_trouble(bench: Bench) -> None:
    bench.send()
    bench.work_until(bench.is_in("done"))
    job = bench.job()
    assert job is not None
    for result in job.results:
        del bench.orthanc.instances[result["instance"]]
    bench.orthanc.broken.add("metadata")  # whether the results still stand cannot be told
    bench.plan = replace(bench.plan, retry_s=60.0)
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bool(bench.around.health.snapshot()["alarms"]))
    assert len(bench.around.inbox) == 1
    bench.orthanc.broken.clear()
    bench.work_until(lambda: bench.orthanc.stores == 6)
    assert len(bench.around.inbox) == 0


@pytest.mark.parametrize("place", ["the header", "a contributor"])
def test_a_header_that_cannot_be_read_everywhere_is_no_trouble_of_ours(
    bench: Bench, place: str
) -> None:
    header = nm_dataset(thyroid_counts(128, 128), Manufacturer=None)
    header.ContributingEquipmentSequence = [Dataset()]
    holder = header if place == "the header" else header.ContributingEquipmentSequence[0]
    holder.Manufacturer = "Adjuvant 1"
    data, text = to_bytes(header), b"\x08\x00\x70\x00LO\x0a\x00Adjuvant 1"
    assert data.count(text) == 1
    bench.orthanc.put("a", data.replace(text, text.replace(b"LO", b"FD")))  # numbers of 8 bytes
    bench.work_until(bench.is_in("done"))
    assert bench.around.health.snapshot()["alarms"] == []


def test_an_error_of_the_archive_is_tried_again_then_an_end(bench: Bench) -> None:
    bench.orthanc.broken.add("/file")
    bench.send()
    bench.work_until(bench.is_in("failed"))
    job = bench.job()
    assert job is not None
    assert (job.attempts, job.reason) == (2, "Orthanc answered 500 to /instances/…/file")


def test_a_deleted_scan_is_refused(bench: Bench) -> None:
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert job.code == "deleted"


@pytest.mark.parametrize("read_before", [True, False])
def test_a_scan_that_is_deleted_and_comes_again_unnoticed_is_read_again(
    bench: Bench, read_before: bool
) -> None:
    """Orthanc was killed before we were told of it: only the change log knows."""
    scan = to_bytes(nm_dataset(thyroid_counts(128, 128)))
    if read_before:
        bench.orthanc.put("a", scan)
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("done" if read_before else "refused"))
    bench.orthanc.instances.clear()
    bench.orthanc.put("a", scan)
    bench.orthanc.received["a"] = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    bench.work_until(lambda: bench.is_in("done")() and len(bench.orthanc.instances) == 4)


def test_results_that_a_person_deletes_stay_deleted(bench: Bench) -> None:
    read_once(bench)
    for name in set(bench.orthanc.instances) - {"a"}:
        del bench.orthanc.instances[name]
    bench.orthanc.requests.clear()
    bench.plan = replace(bench.plan, sweep_s=0.01)
    looks = lambda: sum("/changes" in line for line in bench.orthanc.requests)  # noqa: E731
    bench.work_until(lambda: looks() > 3)
    assert set(bench.orthanc.instances) == {"a"}


def test_a_scan_whose_file_cannot_be_opened_is_tried_again_and_not_called_deleted(
    bench: Bench,
) -> None:
    bench.orthanc.unopenable.add("a")
    bench.send()
    bench.work_until(bench.is_in("failed"))
    job = bench.job()
    assert job is not None
    assert (job.attempts, job.reason) == (2, "Orthanc answered 404 to /instances/…/file")


def test_an_unexpected_error_ends_one_job_and_not_the_worker(bench: Bench) -> None:
    def broken(inputs: Any) -> Any:
        if inputs.shape[0] == 2:
            raise RuntimeError("Gudrun Geheimnis is in this text")
        return bright(inputs)

    bench.plan = replace(bench.plan, load=lambda folder: Network(MODEL, "CPU", broken))
    two = to_bytes(nm_dataset(thyroid_counts(128, 128, 2), views=("anterior", "posterior")))
    bench.orthanc.put("a", two)
    bench.around.inbox.offer("a", None)
    bench.send("b")
    bench.work_until(lambda: bench.around.ledger.counts()["failed"] == 1)
    assert bench.around.ledger.counts()["done"] == 1
    job = bench.job()
    assert job is not None
    assert str(job.reason).startswith("unexpected RuntimeError at network.py:")
    assert "Geheimnis" not in " ".join(bench.lines)


def test_a_model_that_cannot_be_loaded_is_an_alarm_until_it_can(bench: Bench) -> None:
    faults = [ModelFault("the file was altered"), ModelFault("the file was altered")]
    seen: list[dict[str, Any]] = []

    def load(folder: Path) -> Network:
        if faults:
            raise faults.pop()
        seen.append(bench.around.health.snapshot())
        return Network(MODEL, "CPU", bright)

    bench.plan = replace(bench.plan, load=load)
    bench.send()
    bench.work_until(bench.is_in("done"))
    assert seen[0]["state"] == "degraded"
    assert seen[0]["alarms"][0]["what"] == "no scan can be read: the file was altered"
    assert bench.around.health.snapshot()["alarms"] == []
    assert sum("the file was altered" in line for line in bench.lines) == 1


def test_without_a_model_the_worker_rests_until_it_is_time_to_look_for_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests, wait = list[float](), Inbox.wait

    def rest(inbox: Inbox, timeout_s: float) -> None:
        rests.append(timeout_s)
        wait(inbox, timeout_s)

    def missing() -> NoReturn:
        raise ModelFault("model.json is not there")

    monkeypatch.setattr(Inbox, "wait", rest)
    bench.plan = replace(bench.plan, readers=missing, retry_s=15.0)
    bench.work_until(lambda: len(rests) > 0)
    assert min(rests) > 1


def test_a_trouble_of_weeks_is_tried_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjuvant.worker.LONGEST_RETRY_S", 0.001)
    worker = Worker(bench.around, bench.plan, threading.Event())
    for _ in range(1100):  # a week of attempts, ten minutes apart
        worker._stumbled(LedgerFault("the disk is full"))
    assert bench.around.health.snapshot()["reason"] == "the disk is full"


def test_a_model_that_cannot_be_loaded_for_weeks_is_tried_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjuvant.loading.LONGEST_RETRY_S", 0.0)

    def readers() -> NoReturn:
        raise ModelFault("the disk is gone")

    worker = Worker(bench.around, replace(bench.plan, readers=readers), threading.Event())
    for _ in range(1100):
        worker.loading.load_if_due()
    assert bench.around.health.snapshot()["reason"] == "the disk is gone"


def test_a_model_that_fails_its_rehearsal_is_an_alarm_and_reads_nothing(bench: Bench) -> None:
    networks = [bright, lambda inputs: np.full_like(inputs[..., :1], np.nan)]
    states: list[str] = []

    def load(folder: Path) -> Network:
        states.append(str(bench.around.health.snapshot()["state"]))
        return Network(MODEL, "CPU", networks.pop() if len(networks) > 1 else networks[0])

    bench.plan = replace(bench.plan, load=load)
    bench.send()
    bench.work_until(bench.is_in("done"))
    assert states[1] == "degraded"
    assert any("not probabilities" in line for line in bench.lines)
    assert bench.around.health.snapshot()["alarms"] == []


def test_an_accepted_scan_that_is_refused_has_a_report_that_says_why(bench: Bench) -> None:
    bench.orthanc.put("a", BAD_INPUTS["flat image"].data())
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert job.code == "flat-image"
    assert [result["kind"] for result in job.results] == ["SR"]
    stored = dcmread(BytesIO(bench.orthanc.instances[job.results[0]["instance"]]))
    texts = [str(element.value) for element in stored.iterall() if element.VR == "UT"]
    assert f"Refused (flat-image): {job.reason}." in texts


def test_a_scan_that_is_refused_twice_has_one_report(bench: Bench) -> None:
    bench.orthanc.put("a", BAD_INPUTS["flat image"].data())
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    first = bench.job()
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bench.job() != first and bench.is_in("refused")())
    job = bench.job()
    assert first is not None
    assert job is not None
    assert job.results == first.results
    assert bench.orthanc.stores == 1


def test_a_scan_of_another_organ_gets_no_report(bench: Bench) -> None:
    knee = nm_dataset(thyroid_counts(64, 64), BodyPartExamined="KNEE", StudyDescription="Knee")
    knee.SeriesDescription = "Knee"
    bench.orthanc.put("a", to_bytes(knee))
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert (job.code, job.results, bench.orthanc.stores) == ("not-applicable", [], 0)


@pytest.mark.parametrize("name", [name for name, bad in BAD_INPUTS.items() if bad.stored])
def test_no_bad_input_fails_because_of_its_report(bench: Bench, name: str) -> None:
    bench.orthanc.put("a", BAD_INPUTS[name].data())
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert (job.code, job.attempts) == (BAD_INPUTS[name].code, 1)


def test_a_fault_while_storing_the_report_of_a_refusal_is_tried_again(bench: Bench) -> None:
    bench.orthanc.put("a", BAD_INPUTS["flat image"].data())
    bench.orthanc.broken.add("/study")
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("failed"))
    job = bench.job()
    assert job is not None
    assert job.attempts == 2


def test_a_job_of_an_older_model_is_read_by_the_new_one(bench: Bench) -> None:
    bench.orthanc.put("a", to_bytes(nm_dataset(thyroid_counts(128, 128))))
    old = Task("a", "thyroid", "thyroid 0.0.9", "older digest")
    bench.around.ledger.add([old])
    bench.work_until(bench.is_in("done"))
    job = bench.around.ledger.find(old)
    assert job is not None
    assert (job.state, job.reason) == ("superseded", "thyroid 0.0.9 is not in use any more")
    (line,) = (line for line in bench.lines if line.startswith("job-superseded job=1 instance=a "))
    assert line.endswith('reason="thyroid 0.0.9 is not in use any more"')


def test_a_stop_during_a_job_puts_it_back_without_losing_an_attempt(bench: Bench) -> None:
    entered, leave = threading.Event(), threading.Event()

    rehearsed = iter([True])

    def slow(inputs: Any) -> Any:
        if next(rehearsed, False):
            return bright(inputs)
        entered.set()
        leave.wait(10)
        raise Fault("Orthanc is going away")

    bench.plan = replace(bench.plan, load=lambda folder: Network(MODEL, "CPU", slow))
    bench.send()
    stop = threading.Event()
    thread = threading.Thread(target=Worker(bench.around, bench.plan, stop).run)
    thread.start()
    assert entered.wait(10)
    stop.set()
    leave.set()
    thread.join(60)
    job = bench.job()
    assert job is not None
    assert (job.state, job.attempts) == ("queued", 0)


def test_a_scan_that_is_sent_again_after_a_refusal_is_read_again(bench: Bench) -> None:
    bench.around.ledger.add([READER.task("a")])
    job = bench.around.ledger.claim()
    assert job is not None
    bench.around.ledger.finish(job, End("refused", "pixel-data", "the pixels were cut"))
    bench.send()
    bench.work_until(bench.is_in("done"))


def test_a_change_log_that_cannot_be_read_is_an_alarm(bench: Bench) -> None:
    bench.orthanc.broken.add("changes")
    bench.send()

    def alarmed() -> bool:
        return bool(bench.around.health.snapshot()["alarms"])

    bench.work_until(alarmed)
    said = "new scans may not be noticed: Orthanc answered 500 to /changes"
    assert bench.around.health.snapshot()["alarms"][0]["what"].startswith(said)


def test_new_scans_do_not_wait_for_a_reconciliation_that_cannot_go_on(bench: Bench) -> None:
    bench.plan = replace(bench.plan, retry_s=3600.0)
    bench.orthanc.broken.add("/studies")
    bench.around.health.pause(time.time())
    reconcile(bench.around.ledger)

    def send_later() -> bool:
        if bench.around.health.snapshot()["alarms"] and "a" not in bench.orthanc.instances:
            bench.send()
        return bench.is_in("queued")()

    bench.work_until(send_later)
    said = [alarm["what"] for alarm in bench.around.health.snapshot()["alarms"]]
    assert said == ["the archive is not searched further: Orthanc answered 500 to /studies"]
    bench.plan = replace(bench.plan, retry_s=0.01)
    bench.orthanc.broken.clear()
    bench.work_until(lambda: not bench.around.health.snapshot()["alarms"])
    assert "the archive is searched further" in bench.lines


def test_one_instance_that_orthanc_cannot_tell_of_holds_up_no_other(bench: Bench) -> None:
    bench.orthanc.broken.add("/instances/ill/")
    for name in ("ill", "a"):
        bench.orthanc.put(name, to_bytes(nm_dataset(thyroid_counts(128, 128))))
    bench.work_until(lambda: bench.is_in("done")() and bench.around.ledger.counts()["failed"] == 1)
    ill = bench.around.ledger.find(READER.task("ill"))
    assert ill is not None
    assert ill.reason == "Orthanc answered 500 to /instances/…/file"
    assert bench.around.health.snapshot()["alarms"] == []


def test_one_instance_at_which_we_fail_ourselves_holds_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_once(bench)

    def fail(*_: object) -> NoReturn:
        raise KeyError("a fault of ours")

    monkeypatch.setattr("adjuvant.intake.outdated", fail)
    overwrite(bench)
    bench.orthanc.put("b", to_bytes(nm_dataset(thyroid_counts(128, 128))))
    for name in ("a", "b"):
        bench.around.inbox.offer(name, None)
    bench.work_until(lambda: bench.around.ledger.counts()["done"] == 2 and bench.orthanc.stores > 6)
    assert len(bench.around.inbox) == 0
    assert any("what was made of it is unknown: unexpected KeyError" in one for one in bench.lines)


def test_what_is_queued_is_read_also_while_the_change_log_cannot_be_read(bench: Bench) -> None:
    bench.orthanc.broken.add("changes")
    bench.orthanc.put("a", to_bytes(nm_dataset(thyroid_counts(128, 128))))
    bench.around.ledger.add([READER.task("a")])
    bench.work_until(bench.is_in("done"))
    assert bench.around.health.snapshot()["alarms"]
    bench.orthanc.broken.clear()
    bench.work_until(lambda: not bench.around.health.snapshot()["alarms"])
    assert "new scans are noticed again" in bench.lines


def test_faults_of_ours_speak_and_others_are_only_named() -> None:
    assert explain(Fault("the disk is full")) == "the disk is full"
    with pytest.raises(ValueError, match="Gudrun") as caught:
        int("Gudrun")
    assert explain(caught.value).startswith("unexpected ValueError at test_worker.py:")


@dataclass
class Trap:
    """Networks that hang at each real scan of two frames until released: from then on an hour has
    passed for the watchdog, so that no test depends on how fast this machine is."""

    leave: threading.Event
    passed_s: float = 0.0
    loads: int = 0
    hangs: int = 0

    def load(self, folder: Path) -> Network:
        self.loads += 1
        rehearsed = iter([True])

        def run(inputs: Any) -> Any:
            if not next(rehearsed, False) and inputs.shape[0] == 2:
                self.hangs += 1
                self.passed_s += 3600.0
                self.leave.wait(300)
            return bright(inputs)

        return Network(MODEL, "CPU", run)


@pytest.fixture
def trap(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trap]:
    trap = Trap(threading.Event())
    bench.plan = replace(bench.plan, load=trap.load, maximum_attempts=8)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + trap.passed_s)
    monkeypatch.setattr("adjuvant.watchdog.time", clock)
    yield trap
    trap.leave.set()


def put_hanging(bench: Bench, name: str) -> None:
    two = to_bytes(nm_dataset(thyroid_counts(128, 128, 2), views=("anterior", "posterior")))
    bench.orthanc.put(name, two)
    bench.around.inbox.offer(name, None)


def test_a_scan_that_hangs_is_given_up_and_the_next_is_read_by_a_fresh_network(
    bench: Bench, trap: Trap
) -> None:
    put_hanging(bench, "a")
    bench.send("b")

    def ended() -> bool:
        counts = bench.around.ledger.counts()
        return (counts["done"], counts["failed"]) == (1, 1)

    bench.work_until(ended)
    job = bench.job()
    assert job is not None
    assert (job.state, job.code, job.attempts) == ("failed", "hung", 2)  # not 8 times
    assert str(job.reason) == "nothing came of it within 60 s: it was given up"
    assert (trap.hangs, trap.loads) == (2, 3)
    alarms = [alarm["what"] for alarm in bench.around.health.snapshot()["alarms"]]
    assert alarms == ["2 scans hang and keep their memory: restart Orthanc when it suits"]


def test_what_comes_back_after_it_was_given_up_is_never_delivered(bench: Bench, trap: Trap) -> None:
    put_hanging(bench, "a")
    bench.work_until(bench.is_in("failed"))
    stored = bench.orthanc.stores
    trap.leave.set()
    time.sleep(0.3)
    bench.send("b")
    bench.work_until(lambda: bench.around.ledger.counts()["done"] == 1)
    assert (stored, bench.orthanc.stores) == (0, 3)  # those of b only
    assert bench.is_in("failed")()


def test_when_too_many_scans_hang_reading_stops_until_they_come_back(
    bench: Bench, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjuvant.worker.HUNG_LOOK_S", 0.05)
    health = bench.around.health
    for name in ("a", "b"):
        put_hanging(bench, name)
    boards: list[dict[str, Any]] = []
    late = {"c": False}

    def works_again() -> bool:
        board = health.snapshot()
        if board["state"] == "degraded" and not boards:
            boards.append(board)
            bench.send("c")
        if boards and not late["c"] and bench.around.ledger.counts()["queued"] >= 1:
            late["c"] = bench.around.ledger.find(READER.task("c")) is not None
            trap.leave.set()
        return board["state"] == "ready" and bench.around.ledger.counts()["done"] >= 1

    bench.work_until(works_again)
    assert boards[0]["reason"] == "3 scans hang, and no further one is read: restart Orthanc"
    assert trap.hangs >= 3
    assert late["c"]  # it was queued although nothing was read
    assert health.snapshot()["alarms"] == []


@pytest.mark.parametrize("frames", [1, 2])
def test_where_memory_never_suffices_the_scan_is_refused_in_the_end(
    bench: Bench, frames: int
) -> None:
    def short(inputs: Any) -> Any:
        if inputs[..., 0].mean() > 0 and bench.orthanc.requests:
            raise MemoryError
        return bright(inputs)

    def load(folder: Path) -> Network:
        bench.orthanc.requests.clear()
        return Network(MODEL, "CPU", short)

    bench.plan = replace(bench.plan, load=load)
    views = ("anterior", "posterior")[:frames]
    bench.orthanc.put("a", to_bytes(nm_dataset(thyroid_counts(128, 128, frames), views=views)))
    bench.around.inbox.offer("a", None)
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert (job.code, job.attempts) == ("out-of-memory", 2)
    assert [result["kind"] for result in job.results] == ["SR"]  # the study says so
    put_off = [line for line in bench.lines if line.startswith("job-put-off ")]
    assert sum('reason="memory does not' in line for line in put_off) == 1


def test_a_full_disk_keeps_what_became_of_a_job_until_it_can_be_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, full = bench.around.ledger.finish, [LedgerFault("the disk is full")] * 3

    def finish_later(job: Job, end: End) -> None:
        if full:
            raise full.pop()
        finish(job, end)

    monkeypatch.setattr(bench.around.ledger, "finish", finish_later)
    states: list[str] = []

    def done() -> bool:
        states.append(str(bench.around.health.snapshot()["state"]))
        return bench.is_in("done")()

    bench.send()
    bench.work_until(done)
    job = bench.job()
    assert job is not None
    assert (job.attempts, bench.orthanc.stores) == (1, 3)  # read once
    assert any("the disk is full" in line for line in bench.lines)
    bench.work_until(bench.is_("ready"))
    assert bench.around.health.snapshot()["alarms"] == []


def test_a_scan_that_is_deleted_while_it_is_read_leaves_no_results(bench: Bench) -> None:
    store = bench.orthanc.answer

    def deleting(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        answer = store(method, path, body)
        if (method, path) == ("POST", "/instances"):
            bench.orthanc.instances.pop("a", None)
        return answer

    bench.orthanc.answer = deleting  # type: ignore[method-assign]
    bench.send()
    bench.work_until(bench.is_in("refused"))
    job = bench.job()
    assert job is not None
    assert (job.code, bench.orthanc.stores, bench.orthanc.instances) == ("deleted", 3, {})


def test_old_jobs_are_pruned(bench: Bench) -> None:
    bench.plan = replace(bench.plan, keep_s=-1.0)
    bench.around.ledger.add([READER.task("old")])
    old = bench.around.ledger.claim()
    assert old is not None
    bench.around.ledger.finish(old, End("done"))
    bench.work_until(lambda: bench.around.ledger.find(READER.task("old")) is None)


def test_the_queue_drains_by_priority_and_then_by_age(bench: Bench) -> None:
    urgencies = {"a": -1, "b": 0, "c": 5, "d": 0, "e": 5, "f": -1}
    for name, priority in urgencies.items():
        bench.orthanc.put(name, to_bytes(nm_dataset(thyroid_counts(128, 128))))
        bench.around.ledger.add([replace(READER.task(name), priority=priority)])
    bench.work_until(lambda: bench.around.ledger.counts()["done"] == len(urgencies))
    read = [line.split("/")[2] for line in bench.orthanc.requests if line.endswith("/file")]
    assert read == ["c", "e", "b", "d", "a", "f"]


LATER = Reader(
    INTERPRETATIONS["thyroid"],
    Model.model_validate({**contract(), "version": "0.2.0"}),
    Path("models/thyroid/0.2.0"),
)


@pytest.fixture
def walked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change log was read to its end."""
    end = {"Changes": [], "Last": 9, "Done": True}
    monkeypatch.setattr(bench.orthanc, "_changes", lambda asked: end)


def with_version(bench: Bench, reader: Reader) -> Plan:
    """The plan with another version of the model in use."""
    load = lambda folder: Network(reader.model, "CPU", bright)  # noqa: E731
    return replace(bench.plan, readers=lambda: (reader,), load=load)


@pytest.mark.usefixtures("walked")
def test_what_waits_when_a_model_is_rolled_back_is_read_by_the_one_before(bench: Bench) -> None:
    """Its outline went when the scan was overwritten, and its row says that it has been read."""
    before = read_once(bench)
    rolled_back = bench.plan
    bench.plan = with_version(bench, LATER)
    bench.around.health.pause(time.time())
    overwrite(bench)
    bench.around.inbox.offer("a", None)
    bench.work_until(lambda: bench.around.ledger.counts()["queued"] == 1)
    assert outlines(bench) == []
    bench.plan = rolled_back
    bench.around.health.pause(None)
    bench.work_until(lambda: bench.orthanc.stores == 6 and bench.is_in("done")())
    assert len(outlines(bench)) == 1
    assert outlines(bench) != [before]


def test_what_stands_is_not_read_again_when_a_model_is_rolled_back(bench: Bench) -> None:
    read_once(bench)
    first = bench.job()
    bench.around.ledger.add([LATER.task("a")])  # somebody asked for it
    bench.work_until(lambda: bench.around.ledger.counts()["superseded"] == 1)
    assert bench.job() == first


def test_what_a_model_failed_at_is_dealt_with_when_another_one_has_read_the_scan(
    bench: Bench,
) -> None:
    ledger = bench.around.ledger
    for name in ("a", "b"):
        ledger.add([LATER.task(name)])
        claimed = ledger.claim()
        assert claimed is not None
        ledger.finish(claimed, End("failed", "fault", "the disk was full"))
    bench.send()
    bench.work_until(bench.is_in("done"))
    failed, other = ledger.find(LATER.task("a")), ledger.find(LATER.task("b"))
    assert failed is not None
    assert other is not None
    assert (failed.state, failed.code, other.state) == ("superseded", None, "failed")
    assert failed.reason == "thyroid 0.1.0 was used after it; it had failed: the disk was full"


@pytest.mark.usefixtures("walked")
def test_a_study_that_waits_when_a_model_is_rolled_back_is_looked_at_again(bench: Bench) -> None:
    by_study = Rulebook(rules(rule({"Thyroid": True}, Level="study")))
    bench.plan = replace(bench.plan, rulebook=by_study)
    bench.send()
    bench.work_until(bench.is_in("done"))
    bench.around.ledger.add([LATER.task("study", 0, "study")])  # "b" came while it was in use
    bench.orthanc.put("b", to_bytes(nm_dataset(thyroid_counts(128, 128))))
    bench.work_until(lambda: bench.around.ledger.counts()["done"] == 3)
    assert bench.orthanc.stores == 6
