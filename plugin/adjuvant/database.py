"""The file of the ledger: opened and checked, brought up to date, set aside where it is broken.

Standard library only. The version of the tables is SQLite's `user_version`: 0 is what release
0.1.0 wrote.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from adjuvant import sqlite_file
from adjuvant.errors import Fault
from adjuvant.job import Filter

KEPT_ASIDE = 3  # a disk that breaks file after file is not filled with them
LARGEST_JOURNAL = 16 << 20  # bytes that the journal keeps after it was large

TABLES = """
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
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
# What each version adds to the one before it; a new file goes through all of them.
MIGRATIONS = (
    """
    ALTER TABLE jobs ADD COLUMN level TEXT NOT NULL DEFAULT 'instance';
    ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET state='superseded', code=NULL WHERE code='superseded';
    DROP INDEX IF EXISTS jobs_by_state;
    CREATE INDEX jobs_by_turn ON jobs (state, priority DESC, id);
    CREATE INDEX jobs_by_end ON jobs (state, finished);
    CREATE TABLE records (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
    "ALTER TABLE jobs ADD COLUMN source_md5 TEXT;",
)


class LedgerFault(Fault):
    """The ledger cannot be read or written."""


class LedgerCorrupt(LedgerFault):
    """The file is not a database any more, or what it holds is not what was written."""


def open_database(path: Path) -> sqlite3.Connection:
    """The database in autocommit mode, whole and up to date; its folder is made if need be.

    Raises LedgerFault, LedgerCorrupt where the file is damaged.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
        return database


def set_aside(path: Path) -> Path:
    """Move a corrupt ledger, with its journal, out of the way; the new name of the file.

    Only the newest few of such files are kept.
    """
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    with translated(path):
        for suffix in ("", "-wal", "-shm"):
            piece = path.with_name(path.name + suffix)
            if piece.exists():
                piece.rename(aside.with_name(aside.name + suffix))
        others = path.parent.glob(f"{path.name}.corrupt-*Z")
        for old in sorted(others, key=lambda one: one.name)[:-KEPT_ASIDE]:
            for suffix in ("", "-wal", "-shm"):
                old.with_name(old.name + suffix).unlink(missing_ok=True)
    return aside


def translated(path: Path) -> AbstractContextManager[None]:
    """What SQLite and the file system raise, as LedgerFault or LedgerCorrupt."""
    return sqlite_file.translated(f"the ledger {path}", LedgerFault, LedgerCorrupt)


def where(which: Filter) -> tuple[str, tuple[Any, ...]]:
    """The condition in SQL with the values of its parameters."""
    # One parameter for all instances, however many there are.
    instances = None if which.instances is None else json.dumps(which.instances)
    conditions = {
        "state=?": which.state,
        "instance IN (SELECT value FROM json_each(?))": instances,
        "interpretation=?": which.interpretation,
        "model=?": which.model,
        "created>=?": which.since,
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    return " AND ".join(["1", *given]), tuple(given.values())


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode=WAL")  # readers never wait for the writer
    # What a power cut takes from the ledger, the change log gives back: all but what a person asked
    # for in the last seconds before it. To wait for the disk at each commit would slow reception.
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute(f"PRAGMA journal_size_limit={LARGEST_JOURNAL}")
    sqlite_file.keep_inside(database)
    sqlite_file.require_whole(database, f"the ledger {path}", LedgerCorrupt)
    _migrate(database, path)


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise LedgerFault(
            f"the ledger {path} was written by a newer version of Adjuvant (tables {version}, "
            f"known {len(MIGRATIONS)}): install that version, or move the file away"
        )
    if version == len(MIGRATIONS):
        return
    scripts = "".join((TABLES if version == 0 else "", *MIGRATIONS[version:]))
    # One transaction: cut short anywhere, the file is what it was.
    try:
        database.executescript(
            f"BEGIN IMMEDIATE; {scripts} PRAGMA user_version={len(MIGRATIONS)}; COMMIT;"
        )
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
