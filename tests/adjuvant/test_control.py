"""People cancel, try again, pause, resume and wait for an answer; the engine keeps up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.demand import Demand, Patience
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.job import ENDED, RETRIABLE, End, Job
from adjuvant.ledger import Ledger
from adjuvant.pause import PAUSED_FILE, recall
from adjuvant.surroundings import Surroundings
from tests.adjuvant.small_orthanc import TOKEN, small_orthanc
from tests.adjuvant.test_demand import READER

SCAN, OTHER = ("-".join(5 * [8 * digit]) for digit in "ab")
SYNCHRONOUS = b'{"Synchronous": true}'
WAIT_S = 60.0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Where one can ask for SCAN and OTHER; nobody works behind it but the test."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    desk = Desk(Health("0.1.0"), Inbox(), ledger)
    with small_orthanc() as orthanc:
        orthanc.put(SCAN, b"")
        orthanc.put(OTHER, b"")
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        around = Surroundings(archive, ledger, desk.inbox, desk.health, Log.silent())
        # One seat: 5 threads, of which a fifth may wait.
        desk.demand = Demand(around, lambda: (READER,), Patience(WAIT_S, http_threads=5))
        yield desk
        archive.close()
    ledger.close()


def ask(desk: Desk, method: str, path: str, body: bytes = b"", user: str = "") -> tuple[int, Any]:
    status, document, _ = answer(Request(method, path, {}, body, user), desk)
    return status, document


def post(desk: Desk, path: str, body: bytes = b"") -> tuple[int, Any]:
    return ask(desk, "POST", path, body, "gina")


def claimed(desk: Desk, instance: str = SCAN) -> Job:
    desk.open_ledger.add([READER.task(instance)])
    job = desk.open_ledger.claim()
    assert job is not None
    return job


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(desk: Desk) -> None:
    desk.open_ledger.add([READER.task(SCAN)])
    status, job = post(desk, "jobs/1/cancel")
    assert (status, job["state"], job["reason"]) == (200, "cancelled", "cancelled by gina")
    assert job["finished"] is not None
    assert desk.open_ledger.claim() is None


def test_the_log_tells_of_a_job_that_is_cancelled_before_it_runs(desk: Desk) -> None:
    lines: list[str] = []
    desk.log = Log(lines.append, lines.append, lines.append)
    desk.open_ledger.add([READER.task(SCAN)])
    post(desk, "jobs/1/cancel")
    claimed(desk, OTHER)
    post(desk, "jobs/2/cancel")  # the worker tells of this one
    names = f'instance={SCAN} interpretation=thyroid model="{READER.algorithm.title}"'
    assert lines == [f'job-cancelled job=1 {names} attempt=0 reason="cancelled by gina"']


def test_of_a_running_job_that_is_cancelled_nothing_is_stored(desk: Desk) -> None:
    job = claimed(desk)
    assert post(desk, "jobs/1/cancel")[1]["state"] == "cancelled"
    ledger = desk.open_ledger
    assert not ledger.begin_delivery(job)
    ledger.finish(job, End("done", results=[{"instance": "x"}]))
    ledger.postpone(job, "a fault", 1.0)
    ledger.put_back(job)
    after = ledger.job(job.id)
    assert after is not None
    assert (after.state, after.results) == ("cancelled", [])


def test_a_job_whose_results_are_being_stored_cannot_be_cancelled(desk: Desk) -> None:
    job = claimed(desk)
    assert desk.open_ledger.begin_delivery(job)
    status, problem = post(desk, "jobs/1/cancel")
    assert (status, problem["error"]) == (409, "Too late")
    assert problem["details"] == "Job 1 cannot be cancelled: its results are being stored"
    desk.open_ledger.finish(job, End("done"))
    assert post(desk, "jobs/1/cancel")[1]["details"] == "Job 1 cannot be cancelled: it is done"


def test_what_was_cancelled_and_claimed_anew_is_not_stored_by_the_first_run(desk: Desk) -> None:
    first = claimed(desk)
    post(desk, "jobs/1/cancel")
    assert post(desk, "jobs/1/retry")[1]["state"] == "queued"
    assert not desk.open_ledger.begin_delivery(first)
    second = desk.open_ledger.claim()
    assert second is not None
    assert desk.open_ledger.begin_delivery(second)


def test_a_job_that_failed_is_no_alarm_any_more_when_somebody_cancels_it(desk: Desk) -> None:
    desk.open_ledger.finish(claimed(desk), End("failed", "fault", "the disk is full"))
    assert len(answer(Request("GET", "status"), desk).document["alarms"]) == 1
    status, job = post(desk, "jobs/1/cancel")
    assert (status, job["state"], job["code"]) == (200, "cancelled", None)
    assert job["reason"] == "cancelled by gina; it had failed: the disk is full"
    assert answer(Request("GET", "status"), desk).document["alarms"] == []
    assert post(desk, "jobs/1/retry")[1]["state"] == "queued"


@pytest.mark.parametrize("state", ENDED)
def test_what_ended_without_results_is_tried_again_with_all_attempts(
    desk: Desk, state: str
) -> None:
    job = claimed(desk)
    desk.open_ledger.finish(job, End(state, "code", "reason"))
    status, document = post(desk, "jobs/1/retry")
    if state in RETRIABLE:
        assert (status, document["state"], document["attempts"]) == (200, "queued", 0)
        assert document["reason"] is None
    else:
        assert (status, document["error"]) == (409, "Not to be tried again")
        assert document["details"].startswith(f"Job 1 is {state}; ")


@pytest.mark.parametrize("what", ["cancel", "retry"])
def test_a_job_that_does_not_exist_is_404(desk: Desk, what: str) -> None:
    assert post(desk, f"jobs/7/{what}") == (
        404,
        {"error": "Not found", "details": "There is no job 7"},
    )


def test_a_cancelled_scan_is_read_when_a_person_asks_for_it(desk: Desk) -> None:
    desk.open_ledger.add([READER.task(SCAN)])
    post(desk, "jobs/1/cancel")
    desk.open_ledger.add([READER.task(SCAN)])  # the change log brings it up again
    assert ask(desk, "GET", "jobs/1")[1]["state"] == "cancelled"
    assert post(desk, f"instances/{SCAN}/analyze")[1]["queued"] == 1


def test_a_pause_is_shown_and_outlives_a_restart(desk: Desk) -> None:
    folder = desk.open_ledger.path.parent
    assert ask(desk, "GET", "status")[1]["paused"] is None
    status, document = post(desk, "pause")
    assert (status, document["paused"][-1]) == (200, "Z")
    assert post(desk, "pause")[1] == document  # since the first time
    again = Health("0.1.0")
    recall(folder, again)
    assert again.snapshot()["paused"] == ask(desk, "GET", "status")[1]["paused"]
    assert again.paused
    assert post(desk, "resume") == (200, {"paused": None})
    recall(folder, again)
    assert not again.paused


def test_a_pause_that_cannot_be_kept_is_none(desk: Desk) -> None:
    folder = desk.open_ledger.path.parent
    (folder / PAUSED_FILE).symlink_to(folder / "nowhere" / "file")
    status, problem = post(desk, "pause")
    assert (status, problem["error"]) == (503, "Not possible now")
    assert "paused cannot be written" in problem["details"]
    assert not desk.health.paused


def test_without_a_ledger_nobody_pauses() -> None:
    assert post(Desk(Health("0.1.0"), Inbox()), "pause")[0] == 503


def test_the_priority_of_a_request_is_that_of_its_jobs(desk: Desk) -> None:
    desk.open_ledger.add([READER.task(OTHER)])
    post(desk, f"instances/{SCAN}/analyze", b'{"Priority": 5}')
    job = desk.open_ledger.claim()
    assert job is not None
    assert (job.task.instance, job.task.priority) == (SCAN, 5)


def test_a_synchronous_request_is_answered_when_the_scan_is_read(desk: Desk) -> None:
    answers = []
    person = threading.Thread(
        target=lambda: answers.append(post(desk, f"instances/{SCAN}/analyze", SYNCHRONOUS))
    )
    person.start()
    job = wait_for_job(desk)
    person.join(0.2)
    assert answers == []
    desk.open_ledger.finish(job, End("done"))
    person.join(WAIT_S)
    ((status, document),) = answers
    assert (status, document["jobs"][0]["state"]) == (200, "done")


def test_a_deferred_request_is_answered_before_orthanc_is_asked(desk: Desk) -> None:
    body = b'{"Deferred": true, "Priority": 7}'
    accepted = (200, {"queued": 0, "jobs": [], "total": 0})
    assert post(desk, f"instances/{OTHER[:-1]}c/analyze", body) == accepted  # there is none
    assert post(desk, f"instances/{SCAN}/analyze", body) == accepted
    job = wait_for_job(desk)
    assert (job.task.instance, job.task.priority) == (SCAN, 7)
    assert desk.demand is not None
    desk.demand.close()


def test_who_finds_all_seats_taken_is_told_that_it_is_accepted(desk: Desk) -> None:
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(post(desk, f"instances/{SCAN}/analyze", SYNCHRONOUS))
    )
    first.start()
    job = wait_for_job(desk)
    begin = time.monotonic()
    status, document = post(desk, f"instances/{OTHER}/analyze", b'{"Asynchronous": false}')
    assert (status, document["jobs"][0]["state"]) == (202, "queued")
    assert time.monotonic() - begin < WAIT_S / 2
    desk.open_ledger.finish(job, End("refused", "code", "reason"))
    first.join(WAIT_S)
    assert answers[0][0] == 200


def test_nobody_waits_while_reading_is_paused_nor_longer_than_is_configured(desk: Desk) -> None:
    post(desk, "pause")
    assert post(desk, f"instances/{SCAN}/analyze", SYNCHRONOUS)[0] == 202
    post(desk, "resume")
    assert desk.demand is not None
    desk.demand._patience = Patience(limit_s=0.01)
    assert post(desk, f"instances/{SCAN}/analyze", SYNCHRONOUS)[0] == 202
    stopped = threading.Event()
    stopped.set()
    desk.demand._patience = Patience(limit_s=WAIT_S, stop=stopped)
    assert post(desk, f"instances/{SCAN}/analyze", SYNCHRONOUS)[0] == 202


@pytest.mark.parametrize(("threads", "seats"), [(1, 0), (5, 1), (50, 10), (1000, 10)])
def test_most_http_threads_are_never_waited_in(threads: int, seats: int) -> None:
    assert Patience(http_threads=threads).seats == seats


def test_jobs_are_filtered(desk: Desk) -> None:
    for instance in (SCAN, OTHER):
        desk.open_ledger.add([READER.task(instance)])

    def total(**query: str) -> int:
        _, document, _ = answer(Request("GET", "jobs", query), desk)
        return int(document["total"])

    model = READER.task(SCAN).model
    assert total() == total(interpretation="thyroid") == total(model=model) == 2
    assert total(since="2001-01-01T00:00:00Z") == 2
    assert total(instance=SCAN) == total(instance=SCAN, state="queued") == 1
    assert total(model="thyroid+0.1.0") == total(model="thyroid%200.1.0") == 2  # as URLs have it
    assert total(model="thyroid 9.9.9") == total(interpretation="heart") == 0
    assert total(since="9999-12-31T23:59:59Z") == total(instance=SCAN, state="done") == 0


@pytest.mark.parametrize("name", ["x' OR '1'='1", "", "Thyroid", "é", "a" * 101])
def test_a_name_that_can_be_none_is_400(desk: Desk, name: str) -> None:
    status, document, _ = answer(Request("GET", "jobs", {"interpretation": name}), desk)
    assert status == 400
    assert document["details"].startswith("interpretation has to be a name such as thyroid, got ")


@pytest.mark.parametrize("since", ["2026-01-31", "yesterday", "2026-13-01T00:00:00Z", "0"])
def test_a_time_of_another_form_is_400(desk: Desk, since: str) -> None:
    status, document, _ = answer(Request("GET", "jobs", {"since": since}), desk)
    assert status == 400
    assert document["details"].startswith("since has to be a time in UTC such as 2026-01-31T10")


def wait_for_job(desk: Desk) -> Job:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if job := desk.open_ledger.claim():
            return job
        time.sleep(0.01)
    raise AssertionError("nothing was queued")
