"""The durable list of what is sent where: one row for each destination and instance.

SQLite below DataDirectory, beside the ledger and apart from it. A row stays when it was sent, so
that nothing is sent twice, but what was made anew with another content. Nothing in it says who the
patient is. Standard library only.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjuvant.errors import Fault
from adjuvant.sqlite_file import keep_inside, require_whole, transaction, translated

STATES = ("waiting", "sending", "committing", "sent", "failed", "gone")
LONGEST_DELAY_S = 600.0
MOST_ROWS = 200_000
LOST = 1

TABLES = """
CREATE TABLE IF NOT EXISTS sendings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  destination TEXT NOT NULL, instance TEXT NOT NULL, kind TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting', reason TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  ticket TEXT, created REAL NOT NULL, due REAL NOT NULL DEFAULT 0, ended REAL, content TEXT,
  UNIQUE (destination, instance)
);
CREATE INDEX IF NOT EXISTS sendings_by_turn ON sendings (destination, state, due, id);
"""
# A list of an earlier version has no `content`.
COLUMN = "ALTER TABLE sendings ADD COLUMN content TEXT"


class OutboxFault(Fault):
    """The list cannot be read or written."""


class OutboxCorrupt(OutboxFault):
    """The file is not a database any more."""


@dataclass(frozen=True)
class Sending:
    """One instance for one destination. `ticket` is Orthanc's job while it is `sending`, the
    transaction while it is `committing`; times are seconds since 1970. `content` is the MD5 of the
    file that is, or was, to be sent; None where it is not known."""

    id: int
    destination: str
    instance: str
    kind: str
    state: str
    reason: str | None
    attempts: int
    ticket: str | None
    created: float
    ended: float | None
    content: str | None


class Outbox:
    """Safe to use from any thread. Every method raises OutboxFault where SQLite fails."""

    def __init__(self, path: Path, lost: bool = False) -> None:
        """Open or make the file. `lost`: there was one before, of which nothing is known."""
        self.path = path
        self._lock = threading.Lock()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                self._prepare(lost)
            except BaseException:
                self._database.close()
                raise

    def _prepare(self, lost: bool) -> None:
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        keep_inside(self._database)
        # Nothing else remembers what has to be sent: it is on the disk before the job is done.
        self._database.execute("PRAGMA synchronous=FULL")
        require_whole(self._database, str(self.path), OutboxCorrupt)
        self._database.executescript(TABLES)
        columns = self._database.execute("PRAGMA table_info(sendings)").fetchall()
        if "content" not in {column["name"] for column in columns}:
            self._database.execute(COLUMN)
        if lost:
            self._database.execute(f"PRAGMA user_version={LOST}")

    @property
    def lost(self) -> bool:
        """True until `found` is called, where an earlier list was lost."""
        return bool(self._read("PRAGMA user_version")[0][0] == LOST)

    def found(self) -> None:
        """All that was on the lost list is on this one."""
        with self._lock, _translated(self.path):
            self._database.execute("PRAGMA user_version=0")

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._database.close()

    def offer(
        self,
        destination: str,
        instances: Iterable[tuple[str, str]],
        contents: Mapping[str, str | None] | None = None,
    ) -> None:
        """Have (instance, kind) sent unless they were, or are about to be; what was given up, or
        had been deleted, begins anew.

        `contents` are the MD5s of the files, by instance. What has another one than before begins
        anew as well; where one of the two is not known, they are taken for the same.
        """
        now, known = time.time(), contents or {}
        rows = [(destination, one, kind, known.get(one), now) for one, kind in instances]
        with self._writing() as database:
            database.executemany(
                "INSERT INTO sendings (destination, instance, kind, content, created) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (destination, instance) DO UPDATE SET "
                "state='waiting', reason=NULL, ticket=NULL, attempts=0, due=0, ended=NULL, "
                # What had arrived, or was not there any more, is on its way since now only.
                "created=IIF(state IN ('sent', 'gone'), excluded.created, created) "
                "WHERE state IN ('failed', 'gone') OR content<>excluded.content",
                rows,
            )
            database.executemany(
                "UPDATE sendings SET content=COALESCE(?, content) "
                "WHERE destination=? AND instance=?",
                [(content, destination, instance) for _, instance, _, content, _ in rows],
            )

    def under_way(self, destination: str) -> Sending | None:
        """What Orthanc is sending there: one at most."""
        rows = self._read(
            "SELECT * FROM sendings WHERE destination=? AND state='sending' LIMIT 1", destination
        )
        return _sending(rows[0]) if rows else None

    def due(self, destination: str) -> Sending | None:
        """What has waited for its turn the longest."""
        now = time.time()  # a due time that lies too far ahead was written by a wrong clock
        rows = self._read(
            "SELECT * FROM sendings WHERE destination=? AND state IN ('waiting', 'committing') "
            "AND (due<=? OR due>?) ORDER BY due, id LIMIT 1",
            *(destination, now, now + 2 * LONGEST_DELAY_S),
        )
        return _sending(rows[0]) if rows else None

    def wait_s(self, destination: str) -> float | None:
        """Seconds until something is due; None where nothing waits."""
        due = self._read(
            "SELECT MIN(due) AS due FROM sendings "
            "WHERE destination=? AND state IN ('waiting', 'committing')",
            destination,
        )[0]["due"]
        return None if due is None else max(float(due) - time.time(), 0.0)

    def become(
        self, sending: Sending, state: str, reason: str | None = None, ticket: str | None = None
    ) -> None:
        """Write down the next state, or the end; not where another content was offered since."""
        ended = time.time() if state in ("sent", "failed", "gone") else None
        with self._writing() as database:
            database.execute(
                "UPDATE sendings SET state=?, reason=?, ticket=?, ended=?, due=0 "
                "WHERE id=? AND content IS ?",
                (state, reason, ticket, ended, sending.id, sending.content),
            )

    def postpone(self, sending: Sending, reason: str, delay_s: float) -> None:
        """Wait again, one attempt more; not where another content was offered since."""
        with self._writing() as database:
            database.execute(
                "UPDATE sendings SET state='waiting', reason=?, ticket=NULL, due=?, "
                "attempts=attempts+1 WHERE id=? AND content IS ?",
                (reason, time.time() + delay_s, sending.id, sending.content),
            )

    def look_again(self, sending: Sending, delay_s: float) -> None:
        """The same state, due later."""
        with self._writing() as database:
            database.execute(
                "UPDATE sendings SET due=? WHERE id=? AND content IS ?",
                (time.time() + delay_s, sending.id, sending.content),
            )

    def retry(self, destination: str) -> int:
        """Begin anew, and at once, with what was given up or waits after a failure; how many."""
        with self._writing() as database:
            return database.execute(
                "UPDATE sendings SET state='waiting', attempts=0, due=0, ended=NULL "
                "WHERE destination=? AND (state='failed' OR (state='waiting' AND attempts>0))",
                (destination,),
            ).rowcount

    def counts(self, destination: str) -> dict[str, int]:
        """How many are in each state; `uncommitted` are those of `sent` that nobody confirmed."""
        rows = self._read(
            "SELECT state, COUNT(*) AS n, COUNT(reason) AS told FROM sendings "
            "WHERE destination=? GROUP BY state",
            destination,
        )
        told = sum(row["told"] for row in rows if row["state"] == "sent")
        counts = {row["state"]: int(row["n"]) for row in rows}
        return {**dict.fromkeys(STATES, 0), **counts, "uncommitted": int(told)}

    def stranded(self, known: Collection[str]) -> dict[str, int]:
        """How many wait, or were given up, for each destination that is not one of the `known`."""
        rows = self._read(
            "SELECT destination, COUNT(*) AS n FROM sendings WHERE state NOT IN ('sent', 'gone') "
            "AND destination NOT IN (SELECT value FROM json_each(?)) GROUP BY destination",
            json.dumps(list(known)),
        )
        return {row["destination"]: int(row["n"]) for row in rows}

    def forget(self, destination: str) -> int:
        """Forget what waits or was given up; how many."""
        with self._writing() as database:
            return database.execute(
                "DELETE FROM sendings WHERE destination=? AND state NOT IN ('sent', 'gone')",
                (destination,),
            ).rowcount

    def oldest(self, destination: str) -> float | None:
        """Since when that exists which is on its way the longest; None where nothing is."""
        rows = self._read(
            "SELECT MIN(created) AS at FROM sendings "
            "WHERE destination=? AND state IN ('waiting', 'sending', 'committing')",
            destination,
        )
        return None if rows[0]["at"] is None else float(rows[0]["at"])

    def last_success(self, destination: str) -> float | None:
        """When something was last sent there."""
        rows = self._read(
            "SELECT MAX(ended) AS at FROM sendings WHERE destination=? AND state='sent'",
            destination,
        )
        return None if rows[0]["at"] is None else float(rows[0]["at"])

    def troubled(self, destination: str, limit: int, attempts: int = 1) -> list[Sending]:
        """What was given up, or was tried so often without success; the newest first."""
        rows = self._read(
            "SELECT * FROM sendings WHERE destination=? AND (state='failed' OR "
            "(state IN ('waiting', 'sending') AND attempts>=?)) ORDER BY id DESC LIMIT ?",
            *(destination, attempts, limit),
        )
        return [_sending(row) for row in rows]

    def prune(self, most: int = MOST_ROWS) -> None:
        """Forget what ended the longest ago, beyond so many rows."""
        with self._writing() as database:
            database.execute(
                "DELETE FROM sendings WHERE state IN ('sent', 'gone') AND id IN "
                "(SELECT id FROM sendings ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (most,),
            )

    def _read(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, _translated(self.path):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self.path), transaction(self._database) as database:
            yield database


def _translated(path: Path) -> AbstractContextManager[None]:
    return translated(str(path), OutboxFault, OutboxCorrupt)


def _sending(row: sqlite3.Row) -> Sending:
    return Sending(**{name: row[name] for name in Sending.__dataclass_fields__})
