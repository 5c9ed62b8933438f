"""What a collection has seen: one line for each object, appended when all of it is on disk.

The journal is what makes a collection resumable: what stands in it is not fetched again, unless
other rules could choose otherwise. It holds tokens where the source has names, and so tells nothing
without the key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from training.dataset import DatasetError

JOURNAL = "journal.jsonl"

Outcome = Literal["scan", "outlines", "passed over", "refused", "fault"]


@dataclass(frozen=True)
class Line:
    """One object: `token` stands for it in its source, `file` is where it lies in the collection.

    `names` are tokens of the names by which an outline without UIDs may refer to it. `reason` is
    free of patient data. Objects with a fault, which may pass, are tried again next time.
    `accepted`: outlines that a person accepted as a correction of our result; `archive` is a token
    of the server that says so. `chosen_by` is one of the rules and names by which it was looked at.
    Lines of earlier versions have neither.
    """

    token: str
    outcome: Outcome
    reason: str = ""
    file: str | None = None
    patient: str | None = None
    instance: str | None = None
    risk: str | None = None
    names: tuple[str, ...] = field(default=())
    accepted: bool = False
    archive: str = ""
    chosen_by: str = ""


def read_journal(folder: Path) -> list[Line]:
    """Every whole line, the newest for each object; a last line cut by a power failure is left."""
    path = folder / JOURNAL
    if not path.exists():
        return []
    lines: dict[str, Line] = {}
    texts = path.read_text("utf-8").split("\n")
    for number, written in enumerate(texts, start=1):
        if not written:
            continue
        try:
            content = json.loads(written)
            line = Line(**{**content, "names": tuple(content["names"])})
        except (ValueError, TypeError, KeyError) as fault:
            if number == len(texts):
                break
            raise DatasetError(f"{path}, line {number}: {type(fault).__name__}") from fault
        lines[line.token] = line
    return list(lines.values())


def scans_of(lines: Iterable[Line]) -> list[Line]:
    """The scans among the lines, each once: copies of a file are one scan of several names."""
    scans: dict[str | None, Line] = {}
    for line in lines:
        if line.outcome != "scan":
            continue
        known = scans.get(line.instance)
        names = () if known is None else known.names
        scans[line.instance] = replace(line, names=tuple(dict.fromkeys((*names, *line.names))))
    return list(scans.values())


class Journal:
    """Appends lines, each flushed to the disk before the next object is begun."""

    def __init__(self, folder: Path) -> None:
        path = folder / JOURNAL
        _cut_half_line(path)
        self._file = path.open("a", encoding="utf-8")

    def append(self, line: Line) -> None:
        """Write one line. Raises OSError, for example when the disk is full."""
        self._file.write(json.dumps(asdict(line)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """No more lines."""
        self._file.close()


def _cut_half_line(path: Path) -> None:
    """A kill may have left half a line: the object is collected again."""
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        with path.open("r+b") as file:
            file.truncate(len(whole))
