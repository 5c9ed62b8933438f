"""A collection and its outlines -> cases of a data set, each with masks that fit its image.

Nothing is guessed and nothing is dropped in silence: an outline that cannot be used, a scan without
an outline and an outline without a scan are each counted and named.

What a network drew becomes no truth by itself. Where the collection holds a result of ours, a
segmentation of the same scan may be a copy of it that a viewer marked as drawn by hand: it is taken
only if a person accepted it (`collect --corrections`). An outline of any format that is ours, pixel
by pixel, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from training.collect.journal import Line, read_journal, scans_of
from training.collect.one_key import require_key
from training.dataset import (
    CASES,
    INDEX,
    DatasetError,
    Entry,
    case_path,
    read_entry,
    remove_unfinished,
    write_case,
    write_index,
)
from training.datasets.gathering import Drawn, Request, gather
from training.datasets.import_report import Report
from training.datasets.outlined import case_stem, cases_of, view_of
from training.datasets.own_results import OwnResults, read_own_results
from training.datasets.split import content_hash, read_split
from training.phantom.case import Case
from training.progress import progress_bar
from training.rois.segmentation import READER as SEGMENTATION

FROZEN = "frozen cases without an outline"


def import_outlines(
    request: Request, folder: Path, console: Console, *, dry_run: bool = False
) -> Report:
    """Write every case that can be made; `index.csv` last. With `dry_run` nothing is written.

    Cases that are there already are replaced where their outline has changed, and removed where it
    was looked for and is none any more; those of a frozen test set stay. Raises DatasetError where
    the collection is none, KeyFault where it was made with another key, OSError where the disk is
    full.
    """
    if request.pseudonyms is not None:
        require_key(request.collection, request.pseudonyms)
    scans = scans_of(read_journal(request.collection))
    if not scans:
        raise DatasetError(f"{request.collection} holds no collected scan")
    report = Report()
    ours = read_own_results(request.collection, request.pseudonyms)
    frozen = _frozen(folder)
    if not dry_run:
        remove_unfinished(folder)
    drawn = gather(request, scans, report, console)
    with progress_bar(console) as bar:
        for line in bar.track(scans, description="placing outlines"):
            here = drawn.get(str(line.instance), [])
            if not here:
                report.counts["scans without an outline"] += 1
                report.undrawn.append(str(line.file))
                continue
            teaching = _teaching(here, line, ours, report)
            for case in cases_of(request.collection, line, teaching, report):
                if request.centre is not None:
                    case.properties["centre"] = request.centre
                if _stays_out(case, teaching, (line, ours, frozen), report):
                    continue
                report.entries.append(
                    Entry(case.case_id, case.patient_id, case.properties)
                    if dry_run
                    else write_case(folder, case)
                )
                report.counts["cases"] += 1
    earlier = _earlier(folder, report.entries)
    gone = _taken_back(earlier, scans, frozen, report)
    if not dry_run:
        for case_id in gone:
            case_path(folder, case_id).unlink(missing_ok=True)
        stay = [entry for entry in earlier if entry.case_id not in gone]
        _write_index(folder, [*report.entries, *stay])
    return report


def _teaching(here: list[Drawn], line: Line, ours: OwnResults, report: Report) -> list[Drawn]:
    """What may teach: segmentations beside a result of ours only where a person accepted them."""
    if not ours.of(str(line.instance)):
        return here
    refused = {one.file for one in here if one.reader == SEGMENTATION and not one.accepted}
    for file in sorted(refused):
        said = "drawn over our result, and nobody accepted it"
        report.problem("corrections not accepted", file, said)
    return [one for one in here if one.file not in refused]


def _stays_out(
    case: Case,
    teaching: list[Drawn],
    known: tuple[Line, OwnResults, Mapping[str, str]],
    report: Report,
) -> bool:
    """Whether a case is no truth of a person, or would change a frozen test set; the report says
    so."""
    line, ours, frozen = known
    accepted = any(one.accepted for one in teaching)
    if not accepted and ours.drew(str(line.instance), case.gland):
        said = f"{case.case_id} is outlined exactly as by our network"
        report.problem("outlines that are our own", teaching[0].file, said)
        return True
    if case.case_id not in frozen and view_of(case.case_id) in map(view_of, frozen):
        said = "its scan is in the frozen test set, under another patient: it stays out"
        report.problem("frozen cases of another patient now", case.case_id, said)
        return True
    if frozen.get(case.case_id, now := content_hash(case)) != now:
        said = "its outline is another one now, but the test set is frozen: it stays"
        report.problem("frozen cases drawn anew", case.case_id, said)
        report.frozen.add(case.case_id)
        return True
    return False


def _frozen(folder: Path) -> Mapping[str, str]:
    """The cases of the frozen test set, by their content."""
    split = read_split(folder)
    return {} if split is None or split.frozen is None else split.frozen.cases


def _earlier(folder: Path, made: list[Entry]) -> list[Entry]:
    """The cases in the folder that this run did not make."""
    known = {entry.case_id for entry in made}
    names = sorted(path.stem for path in (folder / CASES).glob("*.npz"))
    return [read_entry(folder, name) for name in names if name not in known]


def _taken_back(
    earlier: list[Entry], scans: list[Line], frozen: Mapping[str, str], report: Report
) -> set[str]:
    """Of the earlier cases of these scans those whose outline is no truth any more, or whose
    patient is another one, as after a mistake in the archive was mended.

    Where this run did not look for their outlines where they came from, they stay; so does a
    frozen test set. The report says so of each.
    """
    stems = {case_stem(line) for line in scans} - report.unread
    made = {view_of(entry.case_id) for entry in report.entries}
    gone = set()
    for entry in earlier:
        case_id = entry.case_id
        if view_of(case_id) in made:
            said = "removed: its scan has another patient's number now"
            report.problem("cases of another patient now", case_id, said)
            gone.add(case_id)
            continue
        if case_id.rpartition("-f")[0] not in stems or case_id in report.frozen:
            continue
        correction = bool(entry.properties.get("correction"))
        if not _was_looked_for(entry, report):
            said = (
                "no outline in this run, and the earlier one came from elsewhere: it stays (to "
                f"leave it out, delete {CASES}/{case_id}.npz and run this again)"
            )
            report.problem("earlier cases that were not looked for", case_id, said)
        elif case_id in frozen:
            kind = "frozen cases without an accepted outline" if correction else FROZEN
            said = "no outline that can be used any more; the earlier one stays: it is frozen"
            report.problem(kind, case_id, said)
        else:
            kind = "corrections taken back" if correction else "outlines taken back"
            what = "its correction is not accepted" if correction else "no outline can be used"
            report.problem(kind, case_id, f"removed: {what} any more")
            gone.add(case_id)
    return gone


def _was_looked_for(entry: Entry, report: Report) -> bool:
    """Whether all places were read from which a case had its outlines.

    Earlier versions did not note them; their corrections were of the collection.
    """
    origins = entry.properties.get("outlines_from")
    if origins is None:
        return bool(entry.properties.get("correction"))
    return set(str(origins).split("+")) <= report.looked_at


def _write_index(folder: Path, entries: list[Entry]) -> None:
    if entries or (folder / INDEX).exists():
        write_index(folder, entries)
