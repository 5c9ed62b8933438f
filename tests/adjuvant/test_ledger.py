"""The ledger forgets nothing, runs nothing twice, and says plainly when its file is broken."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adjuvant.database import TABLES
from adjuvant.job import BACKGROUND, CATCH_UP, ENDED, STATES, End, Filter, Job, Task
from adjuvant.ledger import LONGEST_DELAY_S, Ledger, LedgerCorrupt, LedgerFault, set_aside
from adjuvant.lock import hold
from tests.disks import fill, small_disk

__all__ = ["small_disk"]  # the fixture


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "state" / "ledger.sqlite")
    yield ledger
    ledger.close()


def task(instance: str = "a", digest: str = "d1") -> Task:
    return Task(instance, "thyroid", "thyroid 0.1.0", digest)


def claimed(ledger: Ledger, instance: str = "a") -> Job:
    ledger.add([task(instance)])
    job = ledger.claim()
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


def test_a_scan_is_known_by_whatever_model_unless_that_one_gave_way(ledger: Ledger) -> None:
    old, middle, new = (task(digest=digest) for digest in ("d1", "d2", "d3"))
    assert ledger.known(new) is None
    for one in (old, middle):
        ledger.add([one])
        job = ledger.claim()
        assert job is not None
        ledger.finish(job, End("done"))
    known = ledger.known(new)
    assert known is not None
    assert known.task == middle  # the newest
    assert (own := ledger.known(old)) is not None
    assert own.task == old
    ledger.supersede(old)
    assert (left := ledger.known(new)) is not None
    assert left.task == old
    assert ledger.known(task("another", digest="d3")) is None


def test_the_oldest_is_claimed_first_and_by_one_only(ledger: Ledger) -> None:
    ledger.add([task("a"), task("b")])
    claims = [ledger.claim(), ledger.claim(), ledger.claim()]
    assert [job.task.instance if job else None for job in claims] == ["a", "b", None]


def test_four_threads_never_claim_the_same_job(ledger: Ledger) -> None:
    ledger.add([task(str(number)) for number in range(200)])
    taken: list[int] = []

    def claim_all() -> None:
        while job := ledger.claim():
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


def test_a_postponed_job_waits_longer_after_each_attempt(tmp_path: Path) -> None:
    now = [1000.0]
    ledger = Ledger(tmp_path / "ledger.sqlite", clock=lambda: now[0])
    job, delays = claimed(ledger), []
    for _ in range(3):
        ledger.postpone(job, "the disk is full", 100.0)
        wait_s = ledger.wait_s()
        assert wait_s is not None
        delays.append(round(wait_s))
        now[0] += wait_s - 1
        assert ledger.claim() is None
        now[0] += 1.001
        again = ledger.claim()
        assert again is not None
        job = again
    assert delays == [100, 200, 400]
    assert job.reason == "the disk is full"
    ledger.postpone(replace(job, attempts=50), "the disk is full", 100.0)
    assert ledger.wait_s() == pytest.approx(LONGEST_DELAY_S)
    ledger.close()


def test_a_clock_that_is_set_back_delays_no_job(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.postpone(claimed(ledger, "put off"), "Orthanc does not answer", 0.05)
    year = 365 * 86400.0
    earlier = time.time() - year
    monkeypatch.setattr("adjuvant.ledger.time.time", lambda: earlier)
    ledger.add([task("new")])
    first = ledger.claim()
    assert first is not None
    assert first.task.instance == "new"
    time.sleep(0.06)
    second = ledger.claim()
    assert second is not None
    assert second.task.instance == "put off"


def test_a_start_under_a_clock_that_was_set_back_finds_everything_due(tmp_path: Path) -> None:
    before = Ledger(tmp_path / "ledger.sqlite", clock=lambda: 1e9)
    before.postpone(claimed(before), "Orthanc does not answer", 3600.0)
    before.close()
    after = Ledger(tmp_path / "ledger.sqlite", clock=lambda: 5.0)
    after.recover()
    assert after.wait_s() == 0
    assert after.claim() is not None
    after.close()


def test_the_most_urgent_is_claimed_first_and_of_these_the_oldest(ledger: Ledger) -> None:
    urgencies = [(number, number % 3 - 1) for number in range(30)]
    random.Random(0).shuffle(urgencies)
    for number, priority in urgencies:
        ledger.add([replace(task(str(number)), priority=priority)])
    order = [job.task for job in iter(ledger.claim, None)]
    ages = {str(number): age for age, (number, _) in enumerate(urgencies)}
    assert order == sorted(order, key=lambda one: (-one.priority, ages[one.instance]))
    assert len(order) == 30


def test_a_waiting_job_becomes_more_urgent_and_never_less(ledger: Ledger) -> None:
    ledger.add([task("a"), task("b").later(CATCH_UP)])
    ledger.add([replace(task("b"), priority=5), task("a").later(BACKGROUND)])
    first, second = ledger.claim(), ledger.claim()
    assert first is not None
    assert second is not None
    assert (first.task, first.task.priority) == (replace(task("b"), priority=5), 5)
    assert second.task.priority == 0


def test_a_job_that_is_put_back_has_lost_no_attempt(ledger: Ledger) -> None:
    ledger.put_back(claimed(ledger))
    again = ledger.claim()
    assert again is not None
    assert again.attempts == 1


def test_what_ran_at_a_crash_is_queued_again_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    before = Ledger(path)
    job = claimed(before)
    before.close()
    after = Ledger(path)
    assert after.fail_crashed(maximum_attempts=8) == []
    assert after.recover() == 1
    assert state(after, job) == "queued"
    after.close()


def test_a_job_that_was_cut_short_too_often_has_failed(ledger: Ledger) -> None:
    job = claimed(ledger)
    (found,) = ledger.fail_crashed(maximum_attempts=1)
    assert ledger.recover() == 0
    assert found == ledger.job(job.id)
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


def test_a_reopened_job_waits_since_then(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claimed(ledger)
    ledger.finish(job, End("refused", "matrix", "too large"))
    later = time.time() + 90 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    ledger.reopen(job)
    assert ledger.oldest_queued() == later
    found = ledger.job(job.id)
    assert found is not None
    assert (found.created, found.started, found.finished) == (later, None, None)
    assert ledger.jobs(Filter(since=later), limit=1, offset=0)[1] == 1


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


def test_jobs_whose_results_were_replaced_say_so_and_can_start_anew(ledger: Ledger) -> None:
    jobs = []
    for digest in ("old", "new"):
        ledger.add([task(digest=digest)])
        job = ledger.claim()
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
    assert (old.state, new.state, apart.state) == ("superseded", "done", "done")
    assert old.reason == "its results were replaced by those of thyroid 0.1.0"
    ledger.reopen(old)
    assert (state(ledger, old), ledger.counts()["queued"]) == ("queued", 1)


def test_a_ledger_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old = sqlite3.connect(path)
    old.executescript(TABLES)
    insert = (
        "INSERT INTO jobs (instance, interpretation, model, model_digest, state, code, created, "
        "due) VALUES (?, 'thyroid', 'thyroid 0.1.0', 'd1', ?, ?, 1.0, 1.0)"
    )
    rows = [("a", "queued", None), ("b", "done", "superseded"), ("c", "refused", "superseded")]
    old.executemany(insert, [*rows, ("d", "done", None)])
    old.execute("INSERT INTO notes VALUES ('changes', 41)")
    old.commit()
    old.close()
    for _ in range(2):  # the second time there is nothing to do
        ledger = Ledger(path)
        assert ledger.note("changes") == 41
        counts = {"queued": 1, "superseded": 2, "done": 1}
        assert {state: n for state, n in ledger.counts().items() if n} == counts
        found = ledger.find(task("a"))
        assert found is not None
        assert (found.task.priority, found.task.level) == (0, "instance")
        assert found.source_md5 is None
        ledger.close()


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(LedgerFault, match=r"newer version of Adjuvant \(tables 99") as caught:
        Ledger(path)
    assert not isinstance(caught.value, LedgerCorrupt)


def test_damage_inside_the_file_is_found_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.add([task(str(number)) for number in range(500)])
    ledger.close()
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[8192 : len(whole) - 4096] = b"\x5a" * (len(whole) - 12288)
    path.write_bytes(damaged)
    with pytest.raises(LedgerCorrupt, match=r"ledger\.sqlite (is damaged|cannot be used)"):
        Ledger(path)


def test_a_row_that_is_no_json_any_more_is_corrupt(ledger: Ledger) -> None:
    claimed(ledger)
    other = sqlite3.connect(ledger.path)
    other.execute("UPDATE jobs SET summary='{\"gland'")
    other.commit()
    other.close()
    with pytest.raises(LedgerCorrupt, match="holds a damaged row"):
        ledger.find(task())


def test_only_a_few_corrupt_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    for year in range(2001, 2010):
        (tmp_path / f"ledger.sqlite.corrupt-{year}0101T000000Z").write_bytes(b"old")
    path.write_bytes(b"no database at all")
    aside = set_aside(path)
    kept = sorted(one.name for one in tmp_path.iterdir())
    assert kept[:2] == [f"ledger.sqlite.corrupt-{year}0101T000000Z" for year in (2008, 2009)]
    assert kept[2:] == [aside.name]


def ended(ledger: Ledger, instance: str, state: str) -> None:
    ledger.finish(claimed(ledger, instance), End(state))


def test_what_ended_long_ago_is_pruned_but_not_what_failed(ledger: Ledger) -> None:
    for kind in ENDED:
        ended(ledger, kind, kind)
    ledger.add([task("waits")])
    assert ledger.prune(3600.0, 100) == 0
    assert ledger.prune(-1.0, 100) == 4
    left, _ = ledger.jobs(Filter(), 10, 0)
    assert [job.task.instance for job in left] == ["waits", "failed"]


def test_the_number_of_jobs_is_bounded_and_the_oldest_ends_go_first(ledger: Ledger) -> None:
    ended(ledger, "failed", "failed")
    for number in range(20):
        ended(ledger, str(number), "done")
    ledger.add([task("waits")])
    assert ledger.prune(3600.0, 12) == 10
    left, _ = ledger.jobs(Filter(), 30, 0)
    kept = {job.task.instance for job in left}
    assert kept == {"waits", "failed", *map(str, range(10, 20))}
    assert ledger.prune(3600.0, 0) == 11  # not what waits
    assert ledger.counts() == dict.fromkeys(STATES, 0) | {"queued": 1}


def test_a_record_survives_closing(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.sqlite")
    assert first.record("walk") is None
    first.keep_record("walk", {"done": 1})
    first.keep_record("walk", {"done": 2})
    first.close()
    second = Ledger(tmp_path / "ledger.sqlite")
    assert second.record("walk") == {"done": 2}
    second.close()


def test_a_full_disk_is_a_fault_that_loses_nothing_and_passes(small_disk: Path) -> None:
    ledger = Ledger(small_disk / "ledger.sqlite")
    job = claimed(ledger, "before")
    obstacle = fill(small_disk)
    for write in (
        lambda: ledger.add([task("not written")]),
        lambda: ledger.finish(job, End("done")),
    ):
        with pytest.raises(LedgerFault, match="disk is full") as caught:
            write()
        assert not isinstance(caught.value, LedgerCorrupt)
    assert ledger.counts()["running"] == 1
    with pytest.raises(LedgerFault), hold(small_disk / "new folder"):
        Ledger(small_disk / "new folder" / "ledger.sqlite")
    obstacle.unlink()
    ledger.finish(job, End("done"))
    ledger.add([task("after")])
    assert (ledger.counts()["done"], ledger.counts()["queued"]) == (1, 1)
    ledger.close()
    Ledger(small_disk / "ledger.sqlite").close()  # whole
