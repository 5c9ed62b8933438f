"""Where scans come from: a folder, an Orthanc, a DICOMweb server; one object at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Protocol

from adjuvant.folders import files_below

# Larger than any planar study by far; a volume that was matched by mistake is not loaded.
MAXIMUM_BYTES = 256 * 2**20


class SourceFault(Exception):
    """The source cannot be read; the text says which request or folder, and never a patient."""


@dataclass(frozen=True)
class Item:
    """One object of a source. `key` stands for it on every visit; `fetch` brings its bytes.

    `place` is where the user finds it, for messages on the screen; `stem` is its file's name
    without the ending, by which an outline without UIDs may refer to it. `accepted`: a person
    accepted it as a correction of our result.
    """

    key: str
    fetch: Callable[[], bytes]
    place: str
    stem: str | None = None
    folder: str | None = None
    accepted: bool = False


class Source(Protocol):
    """What `collect` reads from."""

    def items(self) -> Iterator[Item]:
        """Every object that may be a scan or hold outlines. Raises SourceFault."""
        ...


class Folder:
    """Every file below a folder; hidden files are left out, a folder that may not be listed is not:
    it is an item that cannot be fetched."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def items(self) -> Iterator[Item]:
        """In the order of their names. A file that has changed is another item."""
        if not self._root.is_dir():
            raise SourceFault(f"{self._root} is not a folder")
        for path in files_below(self._root):
            relative = path.relative_to(self._root)
            if any(part.startswith(".") for part in relative.parts):
                continue
            about = path.stat()
            yield Item(
                key=f"{relative.as_posix()} {about.st_size} {about.st_mtime_ns}",
                fetch=partial(read_file, path),
                place=relative.as_posix(),
                stem=stem_of_scan(path.name),
                folder=relative.parent.as_posix(),
            )


def stem_of_scan(name: str) -> str:
    """A file's name without its ending; numbers are none: 1.2.840.7 keeps its 7."""
    ending = PurePath(name).suffix
    return name if ending[1:].isdigit() else name.removesuffix(ending)


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises SourceFault where it cannot be read or is far too large."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise SourceFault(f"{path.name} has more than {MAXIMUM_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as fault:
        raise SourceFault(f"cannot read {path.name}: {fault.strerror}") from fault
