"""Fill a folder with pseudonymous scans and outlines, one object at a time, as often as wanted.

    collection/journal.jsonl        one line for each object seen, see `journal.py`
    collection/key.token            stands for the key, see `one_key.py`
    collection/dicom/ID_…/2.25.….dcm

A run that is killed, or stops at a full disk, goes on where it was; a later run takes only what is
new, and what other rules or names could choose or read otherwise. No file is ever half-written: it
is written beside its place, then renamed.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from training.collect.journal import Journal, Line, read_journal
from training.collect.objects import Chooser, Kept
from training.collect.one_key import KEY, require_key, token_of
from training.collect.source import Item, Source, SourceFault
from training.dataset import remove_unfinished
from training.progress import progress_bar

DICOM = "dicom"


@dataclass
class Summary:
    """How many objects had which outcome; `told` are the reasons that a person should read."""

    known: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def add(self, item: Item, kept: Kept) -> None:
        """Count one object."""
        self.outcomes[kept.outcome] += 1
        if kept.outcome != "scan":
            self.reasons[kept.reason or kept.outcome] += 1
        if kept.outcome in ("refused", "fault"):
            self.told.append(f"{item.place}: {kept.reason}")
        if kept.risk:
            self.told.append(f"{item.place}: a name may be burnt in ({kept.risk})")


def collect(
    source: Source,
    chooser: Chooser,
    folder: Path,
    console: Console,
    *,
    archive: str = "",
    dry_run: bool = False,
) -> Summary:
    """Take everything new from `source`, and look again at what other rules or names passed over,
    refused or read as outlines. `archive` stands for the server that accepted corrections
    (`archive_token`). With `dry_run` nothing is written.

    Raises SourceFault where the source cannot be listed, KeyFault where the folder was collected
    with another key, OSError where the disk is full; what was collected until then is whole and
    stays.
    """
    pseudonyms = chooser.pseudonyms
    require_key(folder, pseudonyms)
    known = {line.token: line for line in read_journal(folder)}
    done = {token for token, line in known.items() if _is_done(line, chooser)}
    summary = Summary()
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)
        write_whole(folder / KEY, token_of(pseudonyms))
    journal = None if dry_run else Journal(folder)
    try:
        with progress_bar(console) as bar:
            task = bar.add_task("collecting", total=None)
            for item in source.items():
                bar.advance(task)
                token = pseudonyms.token("source", item.key)
                if token in done:
                    summary.known += 1
                    continue
                kept = _kept(chooser, item)
                if journal is not None and not _is_worse(kept, known.get(token)):
                    line = _line(token, kept, _store(folder, kept))
                    journal.append(
                        replace(
                            line,
                            accepted=item.accepted,
                            archive=archive if item.accepted else "",
                            chosen_by=chooser.token,
                        )
                    )
                done.add(token)
                summary.add(item, kept)
    finally:
        if journal is not None:
            journal.close()
    return summary


def _is_done(line: Line, chooser: Chooser) -> bool:
    """A scan that was taken stays; the rest is looked at again by other rules or names."""
    return line.outcome == "scan" or (line.outcome != "fault" and line.chosen_by == chooser.token)


def _is_worse(kept: Kept, before: Line | None) -> bool:
    """Outlines that are there are not given up because they cannot be fetched a second time."""
    return kept.outcome == "fault" and before is not None and before.outcome == "outlines"


def _kept(chooser: Chooser, item: Item) -> Kept:
    """One object's outcome; one that cannot be fetched does not end the run."""
    try:
        return chooser.keep(item.fetch(), item)
    except SourceFault as fault:
        return Kept("fault", str(fault))


def _store(folder: Path, kept: Kept) -> str | None:
    """Write the pseudonymous file; its place in the collection."""
    if kept.data is None:
        return None
    place = f"{DICOM}/{kept.patient}/{kept.instance}.dcm"
    write_whole(folder / place, kept.data)
    return place


def _line(token: str, kept: Kept, place: str | None) -> Line:
    return Line(
        token,
        kept.outcome,
        # Of what the folder itself may say: reasons of faults can name a file of the source.
        "" if kept.outcome == "fault" else kept.reason,
        place,
        kept.patient,
        kept.instance,
        kept.risk,
        kept.names,
    )


def synchronise(path: Path) -> None:
    """Have a file, or which files a folder holds, survive a power cut from now on.

    Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as fault:
        # The folders of some network file systems.
        if fault.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """A file appears with all of its content or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
