"""The durable list of jobs: what was asked, what became of it. SQLite below DataDirectory.

One row per (instance, interpretation, model digest). Nothing in it says who the patient is:
Orthanc identifiers, states, times, our own sentences.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adjuvant.errors import Fault
from adjuvant.job import STATES, End, Filter, Job, Task

LONGEST_DELAY_S = 3600.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  instance TEXT NOT NULL, interpretation TEXT NOT NULL,
  model TEXT NOT NULL, model_digest TEXT NOT NULL,
  state TEXT NOT NULL, code TEXT, reason TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, due REAL NOT NULL, started REAL, finished REAL,
  steps_ms TEXT NOT NULL DEFAULT '{}', results TEXT NOT NULL DEFAULT '[]',
  summary TEXT NOT NULL DEFAULT '{}',
  UNIQUE (instance, interpretation, model_digest)
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, due, id);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class LedgerFault(Fault):
    """The ledger cannot be read or written."""


class LedgerCorrupt(LedgerFault):
    """The file is not a database any more."""


class Ledger:
    """Safe to use from any thread. Every method raises LedgerFault where SQLite fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                _prepare(self._database)
            except sqlite3.Error:
                self._database.close()
                raise

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._database.close()

    def recover(self, maximum_attempts: int) -> int:
        """At start: what ran when the process ended is queued again; the number of such jobs.

        A job that was cut short at its last attempt has failed: it may be what ends the process.
        """
        reason = f"Orthanc ended during each of {maximum_attempts} attempts"
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='failed', code='crash', reason=?, finished=? "
                "WHERE state='running' AND attempts>=?",
                (reason, time.time(), maximum_attempts),
            )
            return database.execute("UPDATE jobs SET state='queued' WHERE state='running'").rowcount

    def add(self, tasks: Sequence[Task]) -> None:
        """Queue what is not there yet; what is there stays as it is."""
        now = time.time()
        rows = [(t.instance, t.interpretation, t.model, t.model_digest, now, now) for t in tasks]
        with self._writing() as database:
            database.executemany(
                "INSERT INTO jobs "
                "(instance, interpretation, model, model_digest, state, created, due) "
                "SELECT ?1, ?2, ?3, ?4, 'queued', ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM jobs "
                "WHERE instance=?1 AND interpretation=?2 AND model_digest=?4)",
                rows,
            )

    def find(self, task: Task) -> Job | None:
        """The row of this task."""
        rows = self._read(
            "SELECT * FROM jobs WHERE instance=? AND interpretation=? AND model_digest=?",
            (task.instance, task.interpretation, task.model_digest),
        )
        return _job(rows[0]) if rows else None

    def claim(self, now: float) -> Job | None:
        """Take the job that is due for longest; it is running from now on, one attempt more."""
        with self._writing() as database:
            row = database.execute(
                "UPDATE jobs SET state='running', attempts=attempts+1, started=?, finished=NULL "
                "WHERE id=(SELECT id FROM jobs WHERE state='queued' AND due<=? "
                "ORDER BY due, id LIMIT 1) RETURNING *",
                (now, now),
            ).fetchone()
        return _job(row) if row else None

    def finish(self, job: Job, end: End) -> None:
        """Write down how `job` ended."""
        texts = [json.dumps(value) for value in (end.steps_ms, end.results, end.summary)]
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state=?, code=?, reason=?, finished=?, steps_ms=?, results=?, "
                "summary=? WHERE id=?",
                (end.state, end.code, end.reason, time.time(), *texts, job.id),
            )

    def postpone(self, job: Job, reason: str, delay_s: float) -> None:
        """Queue `job` again, due in `delay_s` doubled with every attempt so far."""
        delay = min(delay_s * 2.0 ** (job.attempts - 1), LONGEST_DELAY_S)
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='queued', code='retry', reason=?, due=? WHERE id=?",
                (reason, time.time() + delay, job.id),
            )

    def put_back(self, job: Job) -> None:
        """Queue `job` as if it had not been claimed: we are stopping, which is not its fault."""
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='queued', attempts=attempts-1 WHERE id=?", (job.id,)
            )

    def supersede(self, task: Task) -> None:
        """The results of other models for the same scan and interpretation are not there any more.

        Their jobs stay done, for they were; asked for again, they start anew.
        """
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET code='superseded', reason=? WHERE instance=? AND "
                "interpretation=? AND model_digest<>? AND state='done'",
                (
                    f"its results were replaced by those of {task.model}",
                    task.instance,
                    task.interpretation,
                    task.model_digest,
                ),
            )

    def reopen(self, job: Job) -> None:
        """Queue a job that had ended, with all its attempts again: sent or asked for once more."""
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state='queued', code=NULL, reason=NULL, attempts=0, due=? "
                "WHERE id=? AND state IN ('done', 'refused', 'failed')",
                (time.time(), job.id),
            )

    def drop(self, job: Job) -> None:
        """Forget a job that was never one, such as a result of ours."""
        with self._writing() as database:
            database.execute("DELETE FROM jobs WHERE id=?", (job.id,))

    def counts(self) -> dict[str, int]:
        """State -> number of jobs, every state present."""
        rows = self._read("SELECT state, COUNT(*) AS number FROM jobs GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["number"] for row in rows}

    def next_due(self) -> float | None:
        """When the next queued job is due."""
        due = self._read("SELECT MIN(due) AS due FROM jobs WHERE state='queued'")[0]["due"]
        return None if due is None else float(due)

    def jobs(self, which: Filter, limit: int, offset: int) -> tuple[list[Job], int]:
        """One page, newest first, and how many there are in all."""
        where, values = _where(which)
        rows = self._read(
            f"SELECT * FROM jobs WHERE {where} ORDER BY id DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        total = self._read(f"SELECT COUNT(*) AS total FROM jobs WHERE {where}", values)
        return [_job(row) for row in rows], int(total[0]["total"])

    def hurry(self, instances: tuple[str, ...]) -> None:
        """Somebody waits for these: what is put off until later is due now."""
        where, values = _where(Filter("queued", instances))
        with self._writing() as database:
            database.execute(
                f"UPDATE jobs SET due=MIN(due, ?) WHERE {where}", (time.time(), *values)
            )

    def job(self, number: int) -> Job | None:
        """The job with this id."""
        rows = self._read("SELECT * FROM jobs WHERE id=?", (number,))
        return _job(rows[0]) if rows else None

    def note(self, name: str) -> int | None:
        """A number kept under `name`, such as the cursor in Orthanc's change log."""
        rows = self._read("SELECT value FROM notes WHERE name=?", (name,))
        return int(rows[0]["value"]) if rows else None

    def keep_note(self, name: str, value: int) -> None:
        """Keep a number under `name`."""
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock, _translated(self.path):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self.path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


def _where(which: Filter) -> tuple[str, tuple[str, ...]]:
    """The condition in SQL with the values of its parameters."""
    conditions, values = ["1"], []
    if which.state is not None:
        conditions.append("state=?")
        values.append(which.state)
    if which.instances is not None:  # one parameter, however many there are
        conditions.append("instance IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(which.instances))
    return " AND ".join(conditions), tuple(values)


def _prepare(database: sqlite3.Connection) -> None:
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode=WAL")  # readers never wait for the writer
    # What a power cut takes from the ledger, the change log gives back.
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(SCHEMA)


def set_aside(path: Path) -> Path:
    """Move a corrupt ledger, with its journal, out of the way; the new name of the file."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    with _translated(path):
        for suffix in ("", "-wal", "-shm"):
            piece = path.with_name(path.name + suffix)
            if piece.exists():
                piece.rename(aside.with_name(aside.name + suffix))
    return aside


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        broken = type(fault) is sqlite3.DatabaseError
        kind = LedgerCorrupt if broken else LedgerFault
        raise kind(f"the ledger {path} cannot be used: {fault}") from fault


def _job(row: sqlite3.Row) -> Job:
    task = Task(row["instance"], row["interpretation"], row["model"], row["model_digest"])
    parsed = {name: json.loads(row[name]) for name in ("steps_ms", "results", "summary")}
    plain = ("id", "state", "code", "reason", "attempts", "created", "started", "finished")
    return Job(task=task, **{name: row[name] for name in plain}, **parsed)
