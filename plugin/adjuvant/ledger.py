"""The durable list of jobs: what was asked, what became of it. SQLite below DataDirectory.

One row per (resource, interpretation, model digest). Nothing in it says who the patient is:
Orthanc identifiers, states, times, our own sentences.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adjuvant.backoff import doubled
from adjuvant.database import (
    LedgerCorrupt,
    LedgerFault,
    open_database,
    set_aside,
    translated,
    where,
)
from adjuvant.job import ENDED, STATES, End, Filter, Job, Task
from adjuvant.sqlite_file import transaction

__all__ = ["Ledger", "LedgerCorrupt", "LedgerFault", "set_aside"]

LONGEST_DELAY_S = 3600.0
PRUNED_AT_ONCE = 1000


class Ledger:
    """Safe to use from any thread. Every method raises LedgerFault where SQLite fails."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._clock = clock
        self._began = time.time() - clock()
        self._database = open_database(path)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._database.close()

    def fail_crashed(self, maximum_attempts: int) -> list[Job]:
        """At start, first: what was cut short at its last attempt has failed, as it may be what
        ends the process; these jobs."""
        reason = f"Orthanc ended during each of {maximum_attempts} attempts"
        with self._writing() as database:
            rows = database.execute(
                "UPDATE jobs SET state='failed', code='crash', reason=?, finished=? "
                "WHERE state='running' AND attempts>=? RETURNING *",
                (reason, time.time(), maximum_attempts),
            ).fetchall()
        return [self._job(row) for row in rows]

    def recover(self) -> int:
        """At start: what ran when the process ended is queued again; the number of such jobs.

        What had been put off is due at once: its time was that of another process' clock.
        """
        with self._writing() as database:
            database.execute("UPDATE jobs SET due=0 WHERE state='queued' AND due>0")
            return database.execute(
                "UPDATE jobs SET state='queued', code=NULLIF(code, 'delivering'), due=0 "
                "WHERE state='running'"
            ).rowcount

    def add(self, tasks: Sequence[Task]) -> None:
        """Queue what is not there yet; what is there stays as it is, but if it waits for less
        urgent a task, it is as urgent as this one from now on."""
        now = time.time()
        rows = [
            (t.instance, t.interpretation, t.model_digest, t.priority, t.model, t.level, now)
            for t in tasks
        ]
        with self._writing() as database:
            database.executemany(
                "UPDATE jobs SET priority=?4 WHERE instance=?1 AND interpretation=?2 AND "
                "model_digest=?3 AND state='queued' AND priority<?4",
                [row[:4] for row in rows],
            )
            database.executemany(
                "INSERT INTO jobs (instance, interpretation, model_digest, priority, model, "
                "level, created, state, due) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', 0 "
                "WHERE NOT EXISTS (SELECT 1 FROM jobs "
                "WHERE instance=?1 AND interpretation=?2 AND model_digest=?3)",
                rows,
            )

    def find(self, task: Task) -> Job | None:
        """The row of this task."""
        rows = self._read(
            "SELECT * FROM jobs WHERE instance=? AND interpretation=? AND model_digest=?",
            (task.instance, task.interpretation, task.model_digest),
        )
        return self._job(rows[0]) if rows else None

    def known(self, task: Task) -> Job | None:
        """The row of this task, else the newest of another model about the same: a switch of models
        reads nothing again. What was superseded by another job is not known by itself."""
        rows = self._read(
            "SELECT * FROM jobs WHERE instance=?1 AND interpretation=?2 AND "
            "(model_digest=?3 OR state<>'superseded') "
            "ORDER BY model_digest=?3 DESC, id DESC LIMIT 1",
            (task.instance, task.interpretation, task.model_digest),
        )
        return self._job(rows[0]) if rows else None

    def claim(self) -> Job | None:
        """Take the most urgent of the jobs that are due, of these the oldest; it is running from
        now on, one attempt more."""
        with self._writing() as database:
            row = database.execute(
                "UPDATE jobs SET state='running', attempts=attempts+1, started=?, finished=NULL "
                "WHERE id=(SELECT id FROM jobs WHERE state='queued' AND due<=? "
                "ORDER BY priority DESC, id LIMIT 1) RETURNING *",
                (time.time(), self._now()),
            ).fetchone()
        return self._job(row) if row else None

    def finish(self, job: Job, end: End) -> None:
        """Write down how `job` ended, unless it was cancelled meanwhile. What other models failed
        at is dealt with when this one did not fail."""
        texts = [json.dumps(value) for value in (end.steps_ms, end.results, end.summary)]
        with self._writing() as database:
            finished = database.execute(
                "UPDATE jobs SET state=?, code=?, reason=?, finished=?, steps_ms=?, results=?, "
                "summary=? WHERE id=? AND state='running'",
                (end.state, end.code, end.reason, time.time(), *texts, job.id),
            ).rowcount
            if finished and end.state in ("done", "refused"):
                self._deal_with_failures(database, job.task)

    def _deal_with_failures(self, database: sqlite3.Connection, task: Task) -> None:
        database.execute(
            "UPDATE jobs SET state='superseded', code=NULL, reason=? || IIF(reason IS NULL, '', "
            "'; it had failed: ' || reason) WHERE instance=? AND interpretation=? AND "
            "model_digest<>? AND +state='failed'",  # by the scan, and not through all that failed
            (
                f"{task.model} was used after it",
                task.instance,
                task.interpretation,
                task.model_digest,
            ),
        )

    def postpone(self, job: Job, reason: str, delay_s: float, code: str = "retry") -> None:
        """Queue `job` again, due in `delay_s` doubled with every attempt so far."""
        delay = doubled(delay_s, job.attempts - 1, LONGEST_DELAY_S)
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='queued', code=?, reason=?, due=? "
                "WHERE id=? AND state='running'",
                (code, reason, self._now() + delay, job.id),
            )

    def put_back(self, job: Job, delay_s: float = 0.0, reason: str | None = None) -> None:
        """Queue `job` as if it had not been claimed: we are stopping, or it waits for something."""
        self._changes(
            "UPDATE jobs SET state='queued', code=NULLIF(code, 'delivering'), due=?, "
            "reason=COALESCE(?, reason), attempts=attempts-1 WHERE id=? AND state='running'",
            (self._now() + delay_s if delay_s else 0.0, reason, job.id),
        )

    def keep_source(self, job: Job, md5: str) -> None:
        """Remember which file `job` reads; to be called when nothing is stored that it has made of
        another one."""
        self._changes("UPDATE jobs SET source_md5=? WHERE id=?", (md5, job.id))

    def begin_delivery(self, job: Job) -> bool:
        """From now on the results of `job` are stored, and it cannot be cancelled any more.

        False where it was cancelled, or claimed anew: then nothing of it may be stored.
        """
        return self._changes(
            "UPDATE jobs SET code='delivering' WHERE id=? AND state='running' AND attempts=?",
            (job.id, job.attempts),
        )

    def cancel(self, number: int, reason: str) -> bool:
        """End a job that waits, or that runs and has stored nothing; False where it is neither.

        One that failed is cancelled too, by somebody who has seen why: the reason stays.
        """
        return self._changes(
            "UPDATE jobs SET "
            "reason=? || IIF(state='failed', COALESCE('; it had failed: ' || reason, ''), ''), "
            "state='cancelled', code=NULL, finished=? WHERE id=? AND "
            "(state IN ('queued', 'failed') OR (state='running' AND code IS NOT 'delivering'))",
            (reason, time.time(), number),
        )

    def supersede(self, task: Task) -> None:
        """The results of other models for the same scan and interpretation are not there any more.

        Asked for again, their jobs start anew.
        """
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='superseded', reason=? WHERE instance=? AND "
                "interpretation=? AND model_digest<>? AND state='done'",
                (
                    f"its results were replaced by those of {task.model}",
                    task.instance,
                    task.interpretation,
                    task.model_digest,
                ),
            )

    def reopen(self, job: Job, priority: int | None = None) -> None:
        """Queue a job that had ended, with all its attempts again: sent or asked for once more. It
        waits since now, however old it is."""
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='queued', code=NULL, reason=NULL, attempts=0, due=0, "
                "created=?, started=NULL, finished=NULL, priority=COALESCE(?, priority) "
                "WHERE id=? AND state IN (SELECT value FROM json_each(?))",
                (time.time(), priority, job.id, json.dumps(ENDED)),
            )

    def prune(self, keep_s: float, maximum: int) -> int:
        """Delete jobs that ended more than `keep_s` ago, and the oldest ends where there are more
        than `maximum` jobs; how many. At most some at once: call again where it was not 0.

        What has failed goes last, and only for room: somebody has to look at it.
        """
        limit = time.time() - keep_s
        with self._writing() as database:
            deleted = database.execute(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE "
                "state IN ('done', 'refused', 'superseded', 'cancelled') AND finished<? LIMIT ?)",
                (limit, PRUNED_AT_ONCE),
            ).rowcount
            total = database.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
            deleted += database.execute(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state IN "
                "(SELECT value FROM json_each(?)) ORDER BY state='failed', finished LIMIT ?)",
                (json.dumps(ENDED), min(max(total - maximum, 0), PRUNED_AT_ONCE)),
            ).rowcount
        return deleted

    def drop(self, job: Job) -> None:
        """Forget a job that was never one, such as a result of ours."""
        self._changes("DELETE FROM jobs WHERE id=?", (job.id,))

    def counts(self) -> dict[str, int]:
        """State -> number of jobs, every state present."""
        rows = self._read("SELECT state, COUNT(*) AS number FROM jobs GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["number"] for row in rows}

    def oldest_queued(self) -> float | None:
        """Since when the oldest job of those that wait exists (seconds since 1970)."""
        created = self._read("SELECT MIN(created) AS since FROM jobs WHERE state='queued'")
        return None if (since := created[0]["since"]) is None else float(since)

    def wait_s(self) -> float | None:
        """Seconds until the next queued job is due; None where there is none."""
        due = self._read("SELECT MIN(due) AS due FROM jobs WHERE state='queued'")[0]["due"]
        return None if due is None else max(float(due) - self._now(), 0.0)

    def jobs(self, which: Filter, limit: int, offset: int) -> tuple[list[Job], int]:
        """One page, newest first, and how many there are in all."""
        condition, values = where(which)
        rows = self._read(
            f"SELECT * FROM jobs WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        total = self._read(f"SELECT COUNT(*) AS total FROM jobs WHERE {condition}", values)
        return [self._job(row) for row in rows], int(total[0]["total"])

    def hurry(self, instances: tuple[str, ...]) -> None:
        """Somebody waits for these: what is put off until later is due now."""
        condition, values = where(Filter("queued", instances))
        self._changes(f"UPDATE jobs SET due=0 WHERE {condition}", values)

    def job(self, number: int) -> Job | None:
        """The job with this id."""
        rows = self._read("SELECT * FROM jobs WHERE id=?", (number,))
        return self._job(rows[0]) if rows else None

    def note(self, name: str) -> int | None:
        """A number kept under `name`, such as the cursor in Orthanc's change log."""
        rows = self._read("SELECT value FROM notes WHERE name=?", (name,))
        return int(rows[0]["value"]) if rows else None

    def keep_note(self, name: str, value: int) -> None:
        """Keep a number under `name`."""
        self._changes("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def record(self, name: str) -> dict[str, Any] | None:
        """What was kept under `name` as JSON, such as how far a reconciliation has come."""
        rows = self._read("SELECT value FROM records WHERE name=?", (name,))
        return self._parse(rows[0]["value"]) if rows else None

    def keep_record(self, name: str, value: dict[str, Any]) -> None:
        """Keep a JSON object under `name`."""
        with self._writing() as database:
            database.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?)", (name, json.dumps(value))
            )

    def _now(self) -> float:
        """Seconds since 1970 by a clock that is never set: what is put off stays put off for as
        long as was said, whatever happens to the clock on the wall."""
        return self._began + self._clock()

    def _job(self, row: sqlite3.Row) -> Job:
        names = ("instance", "interpretation", "model", "model_digest", "priority", "level")
        parsed = {name: self._parse(row[name]) for name in ("steps_ms", "results", "summary")}
        times = ("created", "started", "finished")
        plain = ("id", "state", "code", "reason", "attempts", *times, "source_md5")
        task = Task(**{name: row[name] for name in names})
        return Job(task=task, **{name: row[name] for name in plain}, **parsed)

    def _parse(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as fault:
            raise LedgerCorrupt(f"the ledger {self.path} holds a damaged row") from fault

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock, translated(self.path):
            return self._database.execute(query, values).fetchall()

    def _changes(self, command: str, values: tuple[Any, ...]) -> bool:
        with self._writing() as database:
            return database.execute(command, values).rowcount > 0

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path), transaction(self._database) as database:
            yield database
