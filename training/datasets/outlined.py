"""A collected scan and what was drawn on it -> cases, one for each frame that has an outline."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_scan
from adjuvant.scan import Frame, Scan
from training.collect.journal import Line
from training.collect.source import SourceFault, read_file
from training.datasets.gathering import Drawn
from training.datasets.import_report import Report
from training.datasets.nodules import nodules_of, without_hot
from training.datasets.plane import plane_of
from training.datasets.properties import scan_properties
from training.phantom.case import Case
from training.rois.drawing import Drawing, RoiError
from training.rois.labels import HOT_NODULE, Label
from training.rois.placing import Placed, Plane, place, rasterise

HIGHEST_COUNT = np.iinfo(np.uint16).max


def cases_of(collection: Path, line: Line, drawn: list[Drawn], report: Report) -> Iterator[Case]:
    """The cases of one scan; what does not fit is told in the report."""
    files = ", ".join(dict.fromkeys(one.file for one in drawn))
    try:
        data = read_file(collection / str(line.file))
        scan = read_scan(data, Limits())
    except (Refusal, SourceFault) as fault:
        report.problem("unreadable scans", str(line.file), str(fault))
        report.unread.add(case_stem(line))
        return
    by_frame: dict[int, list[Drawn]] = defaultdict(list)
    for one in drawn:
        try:
            by_frame[_frame_of(one.drawing, scan)].append(one)
        except RoiError as fault:
            report.problem("outlines that do not fit", one.file, str(fault))
    for number, here in by_frame.items():
        frame = next(frame for frame in scan.frames if frame.number == number)
        try:
            placed = _placed(here, plane_of(scan, frame), report)
            case = _case(line, scan, frame, placed)
        except RoiError as fault:
            report.problem("outlines that do not fit", files, str(fault))
            continue
        for remark in placed.remarks:
            report.problem("remarks", files, remark)
        readers = "+".join(sorted({one.reader for one in here}))
        if any(one.accepted for one in here):
            case.properties["correction"] = True
        origins = "+".join(sorted({one.origin for one in here}))
        case.properties.update(reader=readers, outlines_from=origins)
        case.properties["source_hash"] = hashlib.sha256(data).hexdigest()[:32]
        yield case


def _placed(here: list[Drawn], plane: Plane, report: Report) -> Placed:
    """What was drawn on one image; hot nodules are a part of the gland, and none to learn from.

    Raises RoiError where the geometry cannot be right.
    """
    hot = [one for one in here if one.label == HOT_NODULE]
    # Of where they lie the same holds for all nodules.
    pairs: list[tuple[Label, Drawing]] = [
        ("nodule" if one.label == HOT_NODULE else one.label, one.drawing) for one in here
    ]
    placed = place(pairs, plane)
    for one in hot:
        placed = replace(placed, nodules=placed.nodules & ~rasterise(one.drawing, plane))
        report.problem("hot nodules", one.file, "called a hot nodule: a part of the gland")
    placed, hotter = without_hot(placed, plane.counts)
    if hotter:
        files = ", ".join(dict.fromkeys(one.file for one in here))
        said = f"{hotter} outlined nodules are hotter than the gland around: a part of the gland"
        report.problem("hot nodules", files, said)
    return placed


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


def view_of(case_id: str) -> str:
    """What stands for the scan and its frame in a case's name, whoever the patient is."""
    return case_id.partition("-")[2]


def _case(line: Line, scan: Scan, frame: Frame, placed: Placed) -> Case:
    counts = np.rint(frame.counts)
    if counts.max() > HIGHEST_COUNT:
        raise RoiError(f"a pixel of {counts.max():g} counts is more than a case can hold")
    properties = scan_properties(scan, frame)
    # Behind a pinhole a pixel is of another size at every depth.
    spacing = None if scan.pinhole else scan.spacing_mm
    properties["nodules"] = float(len(nodules := nodules_of(placed, frame.counts, spacing)))
    return Case(
        case_id=f"{case_stem(line)}-f{frame.number}",
        patient_id=str(line.patient),
        counts=counts.astype(np.uint16),
        gland=placed.gland,
        properties=properties,
        nodules=nodules,
    )
