"""Corrections whose acceptance was taken back: out of the collection again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from training.collect.journal import Journal, Line, read_journal
from training.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Accepted:
    """The corrections that one Orthanc lists as accepted: tokens of their `Item.key`, and one of
    the Orthanc (`archive_token`)."""

    archive: str
    tokens: frozenset[str]


@dataclass
class Withdrawal:
    """Collected corrections that are not among the accepted ones, by what becomes of them.

    `gone` are taken back; the others stay: `unlisted` where the Orthanc lists none at all,
    `unknown` where nobody noted which Orthanc accepted them, `elsewhere` where it was another one.
    """

    gone: list[Line] = field(default_factory=list)
    unlisted: list[Line] = field(default_factory=list)
    unknown: list[Line] = field(default_factory=list)
    elsewhere: list[Line] = field(default_factory=list)


def archive_token(pseudonyms: Pseudonyms, url: str) -> str:
    """What stands for a server in the journal: the same over HTTP and HTTPS, and for every user."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].casefold()
    return pseudonyms.token("archive", host + parts.path.rstrip("/"))


def accepted_by(pseudonyms: Pseudonyms, url: str, keys: Iterable[str]) -> Accepted:
    """The corrections with these keys (`Item.key`), accepted in the Orthanc at `url`."""
    tokens = frozenset(pseudonyms.token("source", key) for key in keys)
    return Accepted(archive_token(pseudonyms, url), tokens)


def withdraw(
    folder: Path, accepted: Accepted, *, everything: bool = False, dry_run: bool = False
) -> Withdrawal:
    """Remove the corrections that this Orthanc accepted once and does not any more.

    `everything`: also where it lists none, as after its list was lost, and those of an unknown
    Orthanc. A line in the journal stays, and says so; of those that are accepted it names the
    Orthanc from now on. With `dry_run` nothing is written or removed.
    """
    lines = [line for line in read_journal(folder) if line.accepted]
    found = _sorted(lines, accepted, everything)
    if dry_run:
        return found
    here = [line for line in lines if line.token in accepted.tokens]
    # As after a fault: accepted once more, it is taken once more.
    reason = "its acceptance was taken back"
    changed = [replace(line, archive=accepted.archive) for line in here]
    changed = [line for line in changed if line not in lines]
    changed += [
        replace(line, outcome="fault", reason=reason, file=None, accepted=False)
        for line in found.gone
    ]
    if not changed:
        return found
    journal = Journal(folder)
    try:
        for line in changed:
            journal.append(line)
    finally:
        journal.close()
    for line in found.gone:
        (folder / str(line.file)).unlink(missing_ok=True)
    return found


def _sorted(lines: list[Line], accepted: Accepted, everything: bool) -> Withdrawal:
    found = Withdrawal()
    for line in lines:
        if line.token in accepted.tokens:
            continue
        if line.archive not in ("", accepted.archive):
            found.elsewhere.append(line)
        elif everything:
            found.gone.append(line)
        elif not line.archive:
            found.unknown.append(line)
        else:
            (found.gone if accepted.tokens else found.unlisted).append(line)
    return found
