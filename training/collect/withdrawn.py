"""Corrections whose acceptance was taken back: out of the collection again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from training.collect.journal import Journal, read_journal
from training.pseudonyms import Pseudonyms


def withdraw(folder: Path, pseudonyms: Pseudonyms, accepted: Iterable[str]) -> int:
    """Remove every collected correction that is not among the `accepted` ones (`Item.key`); how
    many. Its line in the journal stays, and says so."""
    tokens = {pseudonyms.token("source", key) for key in accepted}
    gone = [line for line in read_journal(folder) if line.accepted and line.token not in tokens]
    if not gone:
        return 0
    journal = Journal(folder)
    try:
        for line in gone:
            # As after a fault: accepted once more, it is taken once more.
            reason = "its acceptance was taken back"
            journal.append(replace(line, outcome="fault", reason=reason, file=None, accepted=False))
            (folder / str(line.file)).unlink(missing_ok=True)
    finally:
        journal.close()
    return len(gone)
