"""A collection and its outlines -> cases of a data set, each with masks that fit its image.

Nothing is guessed and nothing is dropped in silence: an outline that cannot be used, a scan without
an outline and an outline without a scan are each counted and named.

What a network drew becomes no truth by itself. Where the collection holds a result of ours, a
segmentation of the same scan may be a copy of it that a viewer marked as drawn by hand: it is taken
only if a person accepted it (`collect --corrections`). An outline of any format that is ours, pixel
by pixel, is left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from rich.console import Console

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_scan
from adjuvant.scan import Frame, Scan
from training.collect.journal import Line, read_journal, scans_of
from training.collect.source import Folder, SourceFault, read_file
from training.dataset import (
    INDEX,
    DatasetError,
    Entry,
    case_path,
    read_entry,
    read_index,
    remove_unfinished,
    write_case,
    write_index,
)
from training.datasets.matching import Matcher
from training.datasets.nodules import nodules_of
from training.datasets.own_results import OwnResults, read_own_results
from training.datasets.plane import plane_of
from training.datasets.properties import scan_properties
from training.datasets.split import content_hash, read_split
from training.phantom.case import Case
from training.progress import progress_bar
from training.pseudonyms import Pseudonyms
from training.rois.drawing import Drawing, Drawings, RoiError
from training.rois.labels import Label, Names
from training.rois.placing import Placed, place
from training.rois.readers import read_drawings
from training.rois.segmentation import READER as SEGMENTATION

HIGHEST_COUNT = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Drawn:
    """A drawing with its meaning, the format that it came in, and the file for messages.

    `accepted`: a person accepted it as a correction of our result.
    """

    label: Label
    drawing: Drawing
    reader: str
    file: str
    accepted: bool = False


@dataclass
class Report:
    """What became of everything; `problems` name files of the outlines, for the screen only.

    `undrawn` are the files of the collection that have no outline; `frozen` the cases that were
    drawn anew and stay as they are.
    """

    entries: list[Entry] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    undrawn: list[str] = field(default_factory=list)
    frozen: set[str] = field(default_factory=set)

    def problem(self, kind: str, place: str, said: str) -> None:
        """Count one and keep its text."""
        self.counts[kind] += 1
        self.problems.append(f"{place}: {said}")


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


def import_outlines(
    request: Request, folder: Path, console: Console, *, dry_run: bool = False
) -> Report:
    """Write every case that can be made; `index.csv` last. With `dry_run` nothing is written.

    Cases that are there already stay, and are replaced where their outline has changed, but for
    those of a frozen test set. Raises DatasetError where the collection is none, OSError where the
    disk is full.
    """
    scans = scans_of(read_journal(request.collection))
    if not scans:
        raise DatasetError(f"{request.collection} holds no collected scan")
    report = Report()
    ours = read_own_results(request.collection, request.pseudonyms)
    frozen = _frozen(folder)
    if not dry_run:
        remove_unfinished(folder)
    drawn = _gather(request, scans, report, console)
    with progress_bar(console) as bar:
        for line in bar.track(scans, description="placing outlines"):
            here = drawn.get(str(line.instance), [])
            if not here:
                report.counts["scans without an outline"] += 1
                report.undrawn.append(str(line.file))
                continue
            teaching = _teaching(here, line, ours, report)
            accepted = any(one.accepted for one in teaching)
            for case in _cases(request.collection, line, teaching, report):
                if request.centre is not None:
                    case.properties["centre"] = request.centre
                if not accepted and ours.drew(str(line.instance), case.gland):
                    said = f"{case.case_id} is outlined exactly as by our network"
                    report.problem("outlines that are our own", teaching[0].file, said)
                    continue
                if frozen.get(case.case_id, now := content_hash(case)) != now:
                    said = "its outline is another one now, but the test set is frozen: it stays"
                    report.problem("frozen cases drawn anew", case.case_id, said)
                    report.frozen.add(case.case_id)
                    continue
                report.entries.append(
                    Entry(case.case_id, case.patient_id, case.properties)
                    if dry_run
                    else write_case(folder, case)
                )
                report.counts["cases"] += 1
    if not dry_run:
        _take_back(folder, scans, frozen, report)
        _write_index(folder, report.entries)
    return report


def _frozen(folder: Path) -> Mapping[str, str]:
    """The cases of the frozen test set, by their content."""
    split = read_split(folder)
    return {} if split is None or split.frozen is None else split.frozen.cases


def _take_back(folder: Path, scans: list[Line], frozen: Mapping[str, str], report: Report) -> None:
    """Remove the cases of corrections that are not accepted any more. A frozen test set stays."""
    made = {entry.case_id for entry in report.entries} | report.frozen
    stems = {case_stem(line) for line in scans}
    entries = read_index(folder) if (folder / INDEX).exists() else []
    for entry in entries:
        gone = entry.properties.get("correction") and entry.case_id not in made
        if not gone or entry.case_id.rpartition("-f")[0] not in stems:
            continue
        if entry.case_id in frozen:
            said = "its correction is not accepted any more, but the test set is frozen"
            report.problem("frozen cases without an accepted outline", entry.case_id, said)
            continue
        case_path(folder, entry.case_id).unlink(missing_ok=True)
        said = "removed: its correction is not accepted any more"
        report.problem("corrections taken back", entry.case_id, said)


def _write_index(folder: Path, entries: list[Entry]) -> None:
    """The index of everything in the folder: new, replaced, and of earlier imports."""
    known = {entry.case_id: entry for entry in entries}
    for path in sorted((folder / "cases").glob("*.npz")):
        if path.stem not in known:
            known[path.stem] = read_entry(folder, path.stem)
    if known or (folder / INDEX).exists():
        write_index(folder, known.values())


def _gather(
    request: Request, scans: list[Line], report: Report, console: Console
) -> dict[str, list[Drawn]]:
    """Drawings by the (pseudonymous) SOP Instance UID of their scan."""
    matcher = Matcher(scans, request.pseudonyms)
    drawn: dict[str, list[Drawn]] = defaultdict(list)
    with progress_bar(console) as bar:
        for file in bar.track(list(_files(request)), description="reading outlines"):
            place_ = file.place
            try:
                found = read_drawings(file.read())
            except (RoiError, SourceFault) as fault:
                report.problem("unreadable files of outlines", str(place_), str(fault))
                continue
            for said in found.problems:
                report.problem("unusable outlines", str(place_), said)
            for instance, one in _matched(found, place_, matcher, request.names, report):
                drawn[instance].append(replace(one, accepted=file.accepted))
    return drawn


@dataclass(frozen=True)
class _File:
    """A file that should hold outlines: its path below its root, and the call that reads it."""

    place: PurePosixPath
    read: Callable[[], bytes]
    accepted: bool = False


def _files(request: Request) -> Iterator[_File]:
    for line in read_journal(request.collection):
        if line.outcome == "outlines" and line.file is not None:
            path = request.collection / line.file
            yield _File(PurePosixPath(line.file), partial(read_file, path), line.accepted)
    for root in request.rois:
        if root.is_file():
            yield _File(PurePosixPath(root.name), partial(read_file, root))
            continue
        for item in Folder(root).items():
            yield _File(PurePosixPath(item.place), item.fetch)


def _teaching(here: list[Drawn], line: Line, ours: OwnResults, report: Report) -> list[Drawn]:
    """What may teach: segmentations beside a result of ours only where a person accepted them."""
    if not ours.of(str(line.instance)):
        return here
    refused = {one.file for one in here if one.reader == SEGMENTATION and not one.accepted}
    for file in sorted(refused):
        said = "drawn over our result, and nobody accepted it"
        report.problem("corrections not accepted", file, said)
    return [one for one in here if one.file not in refused]


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


def _cases(collection: Path, line: Line, drawn: list[Drawn], report: Report) -> Iterator[Case]:
    """The cases of one scan: one for each frame that has an outline."""
    files = ", ".join(dict.fromkeys(one.file for one in drawn))
    try:
        data = read_file(collection / str(line.file))
        scan = read_scan(data, Limits())
    except (Refusal, SourceFault) as fault:
        report.problem("unreadable scans", str(line.file), str(fault))
        return
    by_frame: dict[int, list[Drawn]] = defaultdict(list)
    for one in drawn:
        try:
            by_frame[_frame_of(one.drawing, scan)].append(one)
        except RoiError as fault:
            report.problem("outlines that do not fit", one.file, str(fault))
    for number, here in by_frame.items():
        frame = next(frame for frame in scan.frames if frame.number == number)
        pairs = [(one.label, one.drawing) for one in here]
        try:
            placed = place(pairs, plane_of(scan, frame))
            case = _case(line, scan, frame, placed)
        except RoiError as fault:
            report.problem("outlines that do not fit", files, str(fault))
            continue
        for remark in placed.remarks:
            report.problem("remarks", files, remark)
        readers = "+".join(sorted({one.reader for one in here}))
        if any(one.accepted for one in here):
            case.properties["correction"] = True
        case.properties.update(reader=readers, source_hash=hashlib.sha256(data).hexdigest()[:32])
        yield case


def _frame_of(drawing: Drawing, scan: Scan) -> int:
    """The number of the frame that was drawn on. Raises RoiError where the file does not say."""
    numbers = [frame.number for frame in scan.frames]
    told = drawing.reference.frame
    total = int(scan.header.get("NumberOfFrames") or 1)
    if total == 1:
        if told not in (None, 1) and drawing.reference.instance is None:
            raise RoiError(f"drawn on image {told} of a series: export it with UIDs")
        return numbers[0]
    if told is None:
        raise RoiError(f"it does not say on which of {total} frames it was drawn")
    if told not in numbers:
        raise RoiError(f"drawn on frame {told}, which the scan does not have or which is empty")
    return told


def case_stem(line: Line) -> str:
    """What the cases of all frames of one scan begin with."""
    return f"{line.patient}-{hashlib.sha256(str(line.instance).encode()).hexdigest()[:12]}"


def _case(line: Line, scan: Scan, frame: Frame, placed: Placed) -> Case:
    counts = np.rint(frame.counts)
    if counts.max() > HIGHEST_COUNT:
        raise RoiError(f"a pixel of {counts.max():g} counts is more than a case can hold")
    properties = scan_properties(scan, frame)
    properties["nodules"] = float(len(nodules := nodules_of(placed, frame.counts, scan.spacing_mm)))
    return Case(
        case_id=f"{case_stem(line)}-f{frame.number}",
        patient_id=str(line.patient),
        counts=counts.astype(np.uint16),
        gland=placed.gland,
        properties=properties,
        nodules=nodules,
    )
