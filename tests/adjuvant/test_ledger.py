"""The ledger forgets nothing, runs nothing twice, and says plainly when its file is broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adjuvant.job import End, Filter, Job, Task
from adjuvant.ledger import Ledger, LedgerCorrupt, LedgerFault, set_aside


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "state" / "ledger.sqlite")
    yield ledger
    ledger.close()


def task(instance: str = "a", digest: str = "d1") -> Task:
    return Task(instance, "thyroid", "thyroid 0.1.0", digest)


def claimed(ledger: Ledger, instance: str = "a") -> Job:
    ledger.add([task(instance)])
    job = ledger.claim(time.time())
    assert job is not None
    return job


def state(ledger: Ledger, job: Job) -> str:
    found = ledger.job(job.id)
    assert found is not None
    return found.state


def test_the_same_task_is_queued_once(ledger: Ledger) -> None:
    ledger.add([task(), task()])
    ledger.add([task()])
    assert ledger.counts()["queued"] == 1


def test_a_new_model_makes_a_new_job_of_the_same_instance(ledger: Ledger) -> None:
    ledger.add([task(digest="d1"), task(digest="d2")])
    assert ledger.counts()["queued"] == 2


def test_the_oldest_is_claimed_first_and_by_one_only(ledger: Ledger) -> None:
    ledger.add([task("a"), task("b")])
    now = time.time()
    claims = [ledger.claim(now), ledger.claim(now), ledger.claim(now)]
    assert [job.task.instance if job else None for job in claims] == ["a", "b", None]


def test_four_threads_never_claim_the_same_job(ledger: Ledger) -> None:
    ledger.add([task(str(number)) for number in range(200)])
    taken: list[int] = []

    def claim_all() -> None:
        while job := ledger.claim(time.time()):
            taken.append(job.id)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 200


def test_what_a_job_left_is_read_back(ledger: Ledger) -> None:
    job = claimed(ledger)
    result = {"instance": "i", "series": "s", "kind": "SEG", "sop_instance_uid": "2.25.1"}
    end = End("done", steps_ms={"network": 21.5}, results=[result], summary={"gland_seen": True})
    ledger.finish(job, end)
    found = ledger.find(task())
    assert found is not None
    assert (found.state, found.attempts, found.steps_ms) == ("done", 1, {"network": 21.5})
    assert (found.results, found.summary) == ([result], {"gland_seen": True})
    assert found.finished is not None
    assert found.started is not None
    assert found.created <= found.started <= found.finished


def test_a_postponed_job_waits_longer_after_each_attempt(ledger: Ledger) -> None:
    job = claimed(ledger)
    delays = []
    for _ in range(3):
        before = time.time()
        ledger.postpone(job, "the disk is full", 100.0)
        due = ledger.next_due()
        assert due is not None
        delays.append(round(due - before, -1))
        assert ledger.claim(before) is None
        again = ledger.claim(due)
        assert again is not None
        job = again
    assert delays == [100, 200, 400]
    assert job.reason == "the disk is full"


def test_a_job_that_is_put_back_has_lost_no_attempt(ledger: Ledger) -> None:
    ledger.put_back(claimed(ledger))
    again = ledger.claim(time.time())
    assert again is not None
    assert again.attempts == 1


def test_what_ran_at_a_crash_is_queued_again_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    before = Ledger(path)
    job = claimed(before)
    before.close()
    after = Ledger(path)
    assert after.recover(maximum_attempts=8) == 1
    assert state(after, job) == "queued"
    after.close()


def test_a_job_that_was_cut_short_too_often_has_failed(ledger: Ledger) -> None:
    job = claimed(ledger)
    assert ledger.recover(maximum_attempts=1) == 0
    found = ledger.job(job.id)
    assert found is not None
    assert (found.state, found.code) == ("failed", "crash")
    assert found.reason == "Orthanc ended during each of 1 attempts"


def test_only_an_ended_job_is_reopened(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.reopen(job)
    assert state(ledger, job) == "running"
    ledger.finish(job, End("refused", "matrix", "too large"))
    ledger.reopen(job)
    found = ledger.job(job.id)
    assert found is not None
    assert (found.state, found.code, found.reason, found.attempts) == ("queued", None, None, 0)


def test_a_dropped_job_is_gone(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.drop(job)
    assert ledger.find(task()) is None


def test_pages_show_the_newest_first_and_the_total(ledger: Ledger) -> None:
    ledger.add([task(name) for name in "abcde"])
    jobs, total = ledger.jobs(Filter(), limit=2, offset=1)
    assert ([job.task.instance for job in jobs], total) == (["d", "c"], 5)
    assert ledger.jobs(Filter("done"), limit=2, offset=0) == ([], 0)


def test_a_note_survives_closing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = Ledger(path)
    assert first.note("changes") is None
    first.keep_note("changes", 41)
    first.keep_note("changes", 42)
    first.close()
    second = Ledger(path)
    assert second.note("changes") == 42
    second.close()


def test_a_file_that_is_no_database_is_corrupt_and_can_be_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(LedgerCorrupt, match=r"ledger\.sqlite cannot be used: file is not a data"):
        Ledger(path)
    aside = set_aside(path)
    assert aside.read_bytes().startswith(b"no database")
    assert not path.exists()
    Ledger(path).close()


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerFault, match=r"file/ledger\.sqlite cannot be used"):
        Ledger(tmp_path / "file" / "ledger.sqlite")


def test_a_closed_ledger_is_a_fault(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.close()
    with pytest.raises(LedgerFault, match="cannot be used"):
        ledger.counts()


def test_jobs_whose_results_were_replaced_stay_done_say_so_and_can_start_anew(
    ledger: Ledger,
) -> None:
    jobs = []
    for digest in ("old", "new"):
        ledger.add([task(digest=digest)])
        job = ledger.claim(time.time())
        assert job is not None
        ledger.finish(job, End("done", results=[{"instance": digest}]))
        jobs.append(job)
    other = claimed(ledger, "another scan")
    ledger.finish(other, End("done"))
    ledger.supersede(task(digest="new"))
    old, new, apart = (ledger.job(job.id) for job in (*jobs, other))
    assert old is not None
    assert new is not None
    assert apart is not None
    assert (old.state, old.code, new.code, apart.code) == ("done", "superseded", None, None)
    assert old.reason == "its results were replaced by those of thyroid 0.1.0"
    ledger.reopen(old)
    assert (state(ledger, old), ledger.counts()["queued"]) == ("queued", 1)
