"""Every job ends as a result, a refusal or a failure; every trouble of ours is an alarm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from adjuvant.archive import Archive, Connection
from adjuvant.errors import Fault, ModelFault
from adjuvant.health import Health, Log
from adjuvant.image import Limits
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import End, Job, Task
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.reader import Reader
from adjuvant.results.presentation import STANDARD
from adjuvant.worker import Plan, Surroundings, Worker, explain
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
        deadline = time.monotonic() + 20
        while not reached() and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        self.around.inbox.wake()
        thread.join(10)
        assert not thread.is_alive()
        assert reached()

    def job(self) -> Job | None:
        return self.around.ledger.find(READER.task("a"))

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
            sweep_s=60.0,
        )
        yield Bench(orthanc, around, plan, lines)
        archive.close()
    ledger.close()


def test_a_scan_becomes_three_results(bench: Bench) -> None:
    bench.send()
    bench.work_until(bench.is_in("done"))
    job = bench.job()
    assert job is not None
    assert [result["kind"] for result in job.results] == ["SEG", "SC", "SR"]
    assert bench.orthanc.stores == 3
    assert bench.around.health.snapshot()["last_success"]


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
    bench.send()
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
    assert (job.state, job.code) == ("refused", "superseded")


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
    thread.join(10)
    job = bench.job()
    assert job is not None
    assert (job.state, job.attempts) == ("queued", 0)


def test_a_scan_that_is_sent_again_after_a_refusal_is_read_again(bench: Bench) -> None:
    bench.around.ledger.add([READER.task("a")])
    job = bench.around.ledger.claim(time.time())
    assert job is not None
    bench.around.ledger.finish(job, End("refused", "pixel-data", "the pixels were cut"))
    bench.send()
    bench.work_until(bench.is_in("done"))


def test_trouble_of_the_worker_itself_is_an_alarm_and_passes(bench: Bench) -> None:
    bench.orthanc.broken.add("changes")
    bench.send()

    def alarmed() -> bool:
        return bool(bench.around.health.snapshot()["alarms"])

    bench.work_until(alarmed)
    assert "Orthanc answered 500" in bench.around.health.snapshot()["alarms"][0]["what"]


def test_faults_of_ours_speak_and_others_are_only_named() -> None:
    assert explain(Fault("the disk is full")) == "the disk is full"
    with pytest.raises(ValueError, match="Gudrun") as caught:
        int("Gudrun")
    assert explain(caught.value).startswith("unexpected ValueError at test_worker.py:")
