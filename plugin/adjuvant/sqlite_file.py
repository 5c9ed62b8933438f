"""What our SQLite files have in common: faults with our names, whole files, whole transactions.

Standard library only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from adjuvant.errors import Fault

BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def translated(what: str, fault: type[Fault], corrupt: type[Fault]) -> Iterator[None]:
    """What SQLite and the file system raise, as `fault`, or as `corrupt` where `what`, which names
    the file, is not a database any more."""
    try:
        yield
    except (sqlite3.Error, OSError) as cause:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        kind = corrupt if code in BROKEN else fault
        raise kind(f"{what} cannot be used: {cause}") from cause


def is_text(value: object) -> bool:
    """Whether SQLite, or a file, takes it as a text: half of a character ("\\ud800"), which JSON
    can write, they do not."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def keep_inside(database: sqlite3.Connection) -> None:
    """Have SQLite sort in memory: it would write into the system's folder for temporary files."""
    database.execute("PRAGMA temp_store=MEMORY")


def require_whole(database: sqlite3.Connection, what: str, corrupt: type[Fault]) -> None:
    """Raise `corrupt` where SQLite's own check finds damage."""
    said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise corrupt(f"{what} is damaged: {said.splitlines()[0]}")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All that is written inside of it, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")
