"""Outlines of all formats -> the scans that they were drawn on."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from rich.console import Console

from training.collect.journal import Line, read_journal
from training.collect.source import Folder, SourceFault, read_file
from training.datasets.import_report import Report
from training.datasets.matching import Matcher
from training.progress import progress_bar
from training.pseudonyms import Pseudonyms
from training.rois.drawing import Drawing, Drawings, RoiError
from training.rois.labels import Label, Names
from training.rois.readers import read_drawings


@dataclass(frozen=True)
class Drawn:
    """A drawing with its meaning, the format that it came in, and the file for messages.

    `accepted`: a person accepted it as a correction of our result. `origin` stands for the folder
    that its file was looked for in.
    """

    label: Label
    drawing: Drawing
    reader: str
    file: str
    accepted: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Request:
    """`rois` are folders of files of outlines, besides those in the collection itself.

    Files are matched with the key's `pseudonyms`; names of outlines are read by `names`. `centre`
    is where all of these scans are from, in a word of one's own; None: not told.
    """

    collection: Path
    rois: tuple[Path, ...] = ()
    pseudonyms: Pseudonyms | None = None
    names: Names = field(default_factory=Names)
    centre: str | None = None


def gather(
    request: Request, scans: list[Line], report: Report, console: Console
) -> dict[str, list[Drawn]]:
    """Drawings by the (pseudonymous) SOP Instance UID of their scan.

    What cannot be used or belongs to no scan is told in the report.
    """
    matcher = Matcher(scans, request.pseudonyms)
    drawn: dict[str, list[Drawn]] = defaultdict(list)
    report.looked_at.add(_origin(request.collection, request.pseudonyms))
    faulty: set[str] = set()
    with progress_bar(console) as bar:
        for file in bar.track(list(_files(request)), description="reading outlines"):
            report.looked_at.add(file.origin)
            try:
                found = read_drawings(file.read())
            except (RoiError, SourceFault) as fault:
                if isinstance(fault, SourceFault):
                    faulty.add(file.origin)
                report.problem("unreadable files of outlines", str(file.place), str(fault))
                continue
            for said in found.problems:
                report.problem("unusable outlines", str(file.place), said)
            for instance, one in _matched(found, file.place, matcher, request.names, report):
                one = replace(one, accepted=file.accepted, origin=file.origin)
                drawn[instance].append(one)
    report.looked_at -= faulty
    return drawn


@dataclass(frozen=True)
class _File:
    """A file that should hold outlines: its path below its root, the call that reads it, and what
    stands for the root."""

    place: PurePosixPath
    read: Callable[[], bytes]
    origin: str
    accepted: bool = False


def _origin(root: Path, pseudonyms: Pseudonyms | None) -> str:
    """What stands for a folder, or a file, of outlines: the same as long as path and key are."""
    path = str(root.resolve())
    if pseudonyms is not None:
        return pseudonyms.token("outlines", path)[:12]
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _files(request: Request) -> Iterator[_File]:
    origin = _origin(request.collection, request.pseudonyms)
    for line in read_journal(request.collection):
        if line.outcome == "outlines" and line.file is not None:
            path = request.collection / line.file
            yield _File(PurePosixPath(line.file), partial(read_file, path), origin, line.accepted)
    for root in request.rois:
        origin = _origin(root, request.pseudonyms)
        if root.is_file():
            yield _File(PurePosixPath(root.name), partial(read_file, root), origin)
            continue
        for item in Folder(root).items():
            yield _File(PurePosixPath(item.place), item.fetch, origin)


def _matched(
    found: Drawings, file: PurePosixPath, matcher: Matcher, names: Names, report: Report
) -> Iterator[tuple[str, Drawn]]:
    for drawing in found.drawings:
        label = names.label_of(drawing.name)
        if label is None:
            report.problem("outlines of other things", str(file), "its name is no gland or nodule")
            continue
        try:
            line = matcher.scan_of(drawing, file)
        except RoiError as fault:
            report.problem("outlines without their image", str(file), str(fault))
            continue
        yield str(line.instance), Drawn(label, drawing, found.reader, str(file))
