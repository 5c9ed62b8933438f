"""The list of what people drew over our results, and what other people decided about it.

Two files below DataDirectory. `corrections.sqlite` is an index that Orthanc's change log can fill
again. `correction-decisions.jsonl` is the truth about decisions: appended, synchronised, never
rewritten (`adjuvant.change_record`); a decision holds for exactly the bytes that it was made about.
Nothing in the index says who the patient is. Standard library only.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjuvant.change_record import ChangeRecord
from adjuvant.errors import AdjuvantError, Fault
from adjuvant.health import utc
from adjuvant.sqlite_file import is_text, require_whole, transaction, translated

INDEX_FILE = "corrections.sqlite"
RECORD_FILE = "correction-decisions.jsonl"
STATES = ("open", "accepted", "rejected")
FILTERS = ("state", "model", "scanner", "month", "source")
MOST_UNLINKED = 20_000

TABLES = """
CREATE TABLE IF NOT EXISTS corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  instance TEXT NOT NULL, source TEXT NOT NULL, result TEXT NOT NULL,
  interpretation TEXT NOT NULL, model TEXT NOT NULL, model_digest TEXT NOT NULL,
  scanner TEXT NOT NULL, month TEXT, evidence TEXT NOT NULL, tool TEXT NOT NULL,
  changed TEXT NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL, dice REAL,
  sha256 TEXT NOT NULL, found REAL NOT NULL,
  state TEXT NOT NULL DEFAULT 'open', decided_by TEXT, decided_at TEXT,
  UNIQUE (instance, source)
);
CREATE INDEX IF NOT EXISTS corrections_by_state ON corrections (state, id);
CREATE INDEX IF NOT EXISTS corrections_by_source ON corrections (source);
CREATE TABLE IF NOT EXISTS unlinked (
  instance TEXT NOT NULL, scan TEXT NOT NULL, PRIMARY KEY (instance, scan)
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class RegisterFault(Fault):
    """The list cannot be read or written."""


class RegisterCorrupt(RegisterFault):
    """The file is not a database any more."""


class Undecidable(AdjuvantError):
    """A decision cannot be made as things stand; the text says why."""


@dataclass(frozen=True)
class Found:
    """One person's segmentation of one scan, compared with our result that is most like it.

    `instance`, `source` and `result` are Orthanc's identifiers of the segmentation, the scan and
    our SEG. `model` is such as `thyroid 0.2.0`, `month` that of the scan (`2026-01`), `evidence`
    says why a person drew it, `tool` with what; `changed`, `added`, `removed` and `dice` are those
    of `difference.Difference`, `sha256` that of the file.
    """

    instance: str
    source: str
    result: str
    interpretation: str
    model: str
    model_digest: str
    scanner: str
    month: str | None
    evidence: str
    tool: str
    changed: tuple[str, ...]
    added: int
    removed: int
    dice: float | None
    sha256: str


@dataclass(frozen=True)
class Correction:
    """What was found, its number, when (seconds since 1970), and what was decided about it."""

    id: int
    found: Found
    found_at: float
    state: str
    decided_by: str | None
    decided_at: str | None


class Register:
    """Safe to use from any thread. Every method raises RegisterFault where SQLite fails, and
    RecordFault where the record of decisions cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX_FILE
        self._lock = threading.Lock()
        self._deciding = threading.Lock()
        self._record = ChangeRecord(folder / RECORD_FILE)
        with _translated(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self.path, check_same_thread=False, isolation_level=None
            )
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        require_whole(self._database, str(self.path), RegisterCorrupt)
        self._database.executescript(TABLES)
        # A decision is written to the record first: a kill may have kept it from the index.
        for entry in self._record.entries():
            self._apply(self._database, entry)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._database.close()

    def put(self, found: Found) -> bool:
        """Write down what was found; False where it is known: the same file changes nothing. A file
        that was replaced by another one under the same identifier is open again: nobody decided
        about it."""
        values = {name: getattr(found, name) for name in Found.__dataclass_fields__}
        values |= {"changed": json.dumps(found.changed), "found": time.time()}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        renewed = ", ".join(f"{name}=excluded.{name}" for name in values)
        decided = self._decision(found)
        with self._writing() as database:
            new = database.execute(
                f"INSERT INTO corrections ({names}) VALUES ({marks}) "
                f"ON CONFLICT (instance, source) DO UPDATE SET {renewed}, state='open', "
                "decided_by=NULL, decided_at=NULL WHERE sha256<>excluded.sha256",
                tuple(values.values()),
            ).rowcount
            database.execute("DELETE FROM unlinked WHERE instance=?", (found.instance,))
            if decided is not None:
                self._apply(database, decided)
        return new > 0

    def keep_unlinked(self, instance: str, scans: tuple[str, ...]) -> None:
        """A person's segmentation of scans (SOP Instance UIDs) of which no result of ours is there:
        to be looked at again when one is stored. Of more than MOST_UNLINKED, the oldest go."""
        with self._writing() as database:
            database.executemany(
                "INSERT OR IGNORE INTO unlinked VALUES (?, ?)", [(instance, one) for one in scans]
            )
            database.execute(
                "DELETE FROM unlinked WHERE rowid <= (SELECT MAX(rowid) FROM unlinked) - ?",
                (MOST_UNLINKED,),
            )

    def unlinked(self, scans: tuple[str, ...]) -> list[str]:
        """The segmentations of these scans that wait for a result of ours."""
        rows = self._read(
            "SELECT DISTINCT instance FROM unlinked WHERE scan IN (SELECT value FROM json_each(?))",
            json.dumps(scans),
        )
        return [str(row["instance"]) for row in rows]

    def corrections(
        self, which: Mapping[str, str | None], limit: int, offset: int
    ) -> tuple[list[Correction], int]:
        """One page, the newest first, and how many there are in all; `which` names of FILTERS."""
        given = {name: value for name, value in which.items() if value is not None}
        condition = " AND ".join(["1", *(f"{name}=?" for name in FILTERS if name in given)])
        values = tuple(given[name] for name in FILTERS if name in given)
        rows = self._read(
            f"SELECT * FROM corrections WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
            *(*values, limit, offset),
        )
        total = self._read(f"SELECT COUNT(*) AS n FROM corrections WHERE {condition}", *values)
        return [_correction(row) for row in rows], int(total[0]["n"])

    def correction(self, number: int) -> Correction | None:
        """The one with this number."""
        rows = self._read("SELECT * FROM corrections WHERE id=?", number)
        return _correction(rows[0]) if rows else None

    def summary(self) -> list[dict[str, Any]]:
        """By model version, scanner and month of the scan: how many there are, how many of these
        nobody changed, what was decided, and mean and lowest Dice of those that were changed."""
        rows = self._read(
            "SELECT model, scanner, month, COUNT(*) AS corrections, "
            "SUM(changed='[]') AS unchanged, SUM(state='accepted') AS accepted, "
            "SUM(state='rejected') AS rejected, "
            "AVG(CASE WHEN changed<>'[]' THEN dice END) AS mean_dice, "
            "MIN(CASE WHEN changed<>'[]' THEN dice END) AS lowest_dice "
            "FROM corrections GROUP BY model, scanner, month ORDER BY month DESC, model, scanner"
        )
        return [dict(row) for row in rows]

    def decide(self, correction: Correction, state: str, who: str, details: str | None) -> None:
        """Write a decision to the record, then to the index. Raises Undecidable where it is so
        already, where another correction of the same scan is accepted, or where the file was
        replaced meanwhile."""
        with self._deciding:
            found = correction.found
            self._require_decidable(correction.id, found, state)
            entry = self._record.append(
                {
                    "model": found.interpretation,
                    "decision": state,
                    "who": who,
                    "details": details,
                    "instance": found.instance,
                    "source": found.source,
                    "sha256_of_file": found.sha256,
                    "of": found.model,
                    "dice": found.dice,
                }
            )
            with self._writing() as database:
                self._apply(database, entry)

    def _require_decidable(self, number: int, found: Found, state: str) -> None:
        now = self.correction(number)
        if now is None or now.state == state:
            by = f", by {now.decided_by}" if now else ""
            raise Undecidable(f"correction {number} is {state} already{by}")
        if now.found.sha256 != found.sha256:
            raise Undecidable(f"correction {number} was replaced by another file: look at it again")
        which = {"state": "accepted", "source": now.found.source}
        for other in self.corrections(which, 10, 0)[0] if state == "accepted" else ():
            if other.found.interpretation == now.found.interpretation:
                raise Undecidable(
                    f"correction {other.id} of the same scan is accepted: reject one of the two"
                )

    def note(self, name: str) -> int | None:
        """The cursor in Orthanc's change log."""
        rows = self._read("SELECT value FROM notes WHERE name=?", name)
        return int(rows[0]["value"]) if rows else None

    def keep_note(self, name: str, value: int) -> None:
        """Keep the cursor."""
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    @property
    def record_fault(self) -> str | None:
        """What is wrong with the record of decisions; None: every line is as it was written."""
        return self._record.fault

    def _decision(self, found: Found) -> dict[str, Any] | None:
        """The last one about exactly this file and scan."""
        same = (found.instance, found.source, found.sha256)
        for entry in reversed(self._record.entries()):
            if tuple(entry.get(key) for key in ("instance", "source", "sha256_of_file")) == same:
                return entry
        return None

    def _apply(self, database: sqlite3.Connection, entry: Mapping[str, Any]) -> None:
        """A line of the record that SQLite cannot hold is passed over: it must not keep the others
        from being read."""
        keys = ("decision", "who", "at", "instance", "source", "sha256_of_file")
        values = [entry.get(key) for key in keys]
        if values[0] in STATES and all(value and is_text(value) for value in values):
            database.execute(
                "UPDATE corrections SET state=?, decided_by=?, decided_at=? "
                "WHERE instance=? AND source=? AND sha256=?",
                values,
            )

    def _read(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, _translated(self.path):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self.path), transaction(self._database) as database:
            yield database


def public(correction: Correction) -> dict[str, Any]:
    """A correction as REST shows it."""
    found = {name: getattr(correction.found, name) for name in Found.__dataclass_fields__}
    return {
        "id": correction.id,
        **found,
        "changed": list(correction.found.changed),
        "found": utc(correction.found_at),
        "state": correction.state,
        "decided_by": correction.decided_by,
        "decided_at": correction.decided_at,
    }


def _correction(row: sqlite3.Row) -> Correction:
    values = {name: row[name] for name in Found.__dataclass_fields__}
    found = Found(**{**values, "changed": tuple(json.loads(row["changed"]))})
    decided = (row["decided_by"], row["decided_at"])
    return Correction(row["id"], found, row["found"], row["state"], *decided)


def _translated(path: Path) -> AbstractContextManager[None]:
    return translated(str(path), RegisterFault, RegisterCorrupt)
