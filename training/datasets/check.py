"""Is a data set whole, and fit to train and test on?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from training.dataset import (
    CASES,
    DatasetError,
    Entry,
    case_path,
    read_case,
    read_entry,
    read_index,
)
from training.datasets.duplicates import find_duplicates
from training.datasets.split import TEST, Split, content_hash, digest_of, read_split, side_of
from training.progress import tracked


def check(folder: Path, console: Console | None = None) -> list[str]:
    """Everything that is wrong, one sentence each; an empty list where nothing is.

    Cases are read under a progress bar on `console`. Raises DatasetError where there is no readable
    index.
    """
    entries = read_index(folder)
    split = read_split(folder)
    readable = []
    problems = list(_index_problems(folder, entries))
    for entry in tracked(entries, "looking for damage", console):
        faults = list(_case_problems(folder, entry))
        problems += faults
        if not faults:
            readable.append(entry)
    if split is not None:
        problems += _split_problems(folder, split, entries)
    problems += _duplicate_problems(folder, readable, split, console)
    return problems


def _index_problems(folder: Path, entries: list[Entry]) -> Iterator[str]:
    named = [entry.case_id for entry in entries]
    for case_id in sorted(
        {one for one in named if named.count(one) > 1} if len(named) != len(set(named)) else ()
    ):
        yield f"{case_id} stands twice in the index"
    stray = {path.stem for path in (folder / CASES).glob("*.npz")} - set(named)
    for case_id in sorted(stray):
        yield f"{case_id} is not in the index"
    for path in sorted(folder.rglob("*.part")):
        yield f"{path.name} is half-written, of a run that was killed"


def _case_problems(folder: Path, entry: Entry) -> Iterator[str]:
    if not case_path(folder, entry.case_id).exists():
        yield f"{entry.case_id} has no file"
        return
    try:
        case, own = read_case(folder, entry), read_entry(folder, entry.case_id)
    except DatasetError as fault:
        yield str(fault)
        return
    if own.patient_id != entry.patient_id:
        yield f"{entry.case_id} is of another patient in its file than in the index"
    if own.properties != entry.properties:
        yield f"{entry.case_id} has other properties in its file than in the index"
    if case.counts.min() == case.counts.max():
        yield f"{entry.case_id} is flat: every pixel holds the same"
    # A simulated nodule is where it is, also where the gland around it is not visible.
    for nodule in () if entry.properties.get("simulated", True) else case.nodules:
        if not nodule.mask.any() or (nodule.mask & ~case.gland).sum() > 0.5 * nodule.mask.sum():
            yield f"{entry.case_id} has a nodule outside its gland"


def _split_problems(folder: Path, split: Split, entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.patient_id not in split.patients:
            yield f"{entry.case_id} is on no side: divide the data set again"
    if split.frozen is None:
        return
    if digest_of(split.frozen.cases) != split.frozen.digest:
        yield "the list of the frozen test set was changed"
    known = {entry.case_id: entry for entry in entries}
    for case_id, frozen in split.frozen.cases.items():
        if case_id not in known:
            yield f"{case_id} of the frozen test set is missing"
            continue
        try:
            now = content_hash(read_case(folder, known[case_id]))
        except DatasetError:
            continue  # said already
        if now != frozen:
            yield f"{case_id} of the frozen test set was changed"


def _duplicate_problems(
    folder: Path, entries: list[Entry], split: Split | None, console: Console | None
) -> Iterator[str]:
    for pair in find_duplicates(folder, entries, console=console):
        sides = {side_of(split, one) for one in (pair.one, pair.other)} if split else {None}
        across = " on two sides" if len(sides) > 1 else ""
        worse = " (one of them in the test)" if len(sides) > 1 and TEST in sides else ""
        kind = "the same scan" if pair.likeness == 1.0 else f"alike ({pair.likeness:.4f})"
        yield (
            f"{pair.one.case_id} and {pair.other.case_id}, of two patients{across}{worse}: {kind}"
        )
