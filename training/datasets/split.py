"""Patients -> training, validation or test, once and for all, and a test set that stays the same.

    split.json   {"seed", "fractions", "patients": {id: side}, "frozen": null or
                  {"digest", "cases": {case: SHA-256 of its file's content}}}

A patient keeps the side that it was given, however much is added later. Once the test set is
frozen, its cases are exactly those of that day: new patients go to the other sides, and a new scan
of a test patient goes nowhere ("held back"): in training it would show what is tested, in the test
it would change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training.collect.collection import write_whole
from training.dataset import DatasetError, Entry, read_case, require_fractions, split_patients
from training.phantom.case import Case

SPLIT = "split.json"
TRAINING, VALIDATION, TEST = "training", "validation", "test"
# The reference's 3800 couples of image and mask to learn from and 800 to test on; a tenth of the
# former validates.
TEST_PART = 800 / 4600
FRACTIONS = {
    TRAINING: (1 - TEST_PART) * 0.9,
    VALIDATION: (1 - TEST_PART) * 0.1,
    TEST: TEST_PART,
}


@dataclass(frozen=True)
class Frozen:
    """The test cases of the day when they were frozen, by the SHA-256 of their content."""

    digest: str
    cases: dict[str, str]


@dataclass(frozen=True)
class Split:
    """Which side each patient is on."""

    seed: int = 0
    fractions: dict[str, float] = field(default_factory=lambda: dict(FRACTIONS))
    patients: dict[str, str] = field(default_factory=dict)
    frozen: Frozen | None = None


def read_split(folder: Path) -> Split | None:
    """The split of a data set; None where it has none. Raises DatasetError where it is damaged."""
    path = folder / SPLIT
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        frozen = content.pop("frozen")
        return Split(**content, frozen=None if frozen is None else Frozen(**frozen))
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise DatasetError(f"{path} is no split: {type(fault).__name__}") from fault


def write_split(folder: Path, split: Split) -> None:
    """Replace the split as a whole."""
    write_whole(folder / SPLIT, (json.dumps(asdict(split), indent=1) + "\n").encode())


def extend(
    split: Split | None, entries: Iterable[Entry], fractions: Mapping[str, float], seed: int
) -> Split:
    """Give every new patient a side, so that all sides come near their fractions.

    Patients of before stay where they are. Raises ValueError where the fractions do not sum to 1,
    or are not those of a split that is there already.
    """
    if split is None:
        require_fractions(fractions)
    elif dict(fractions) != split.fractions:
        told = ", ".join(f"{side} {part:.3g}" for side, part in split.fractions.items())
        anew = "the test set is frozen" if split.frozen else f"to begin anew, delete {SPLIT}"
        raise ValueError(f"the patients are divided already ({told}), and nobody moves; {anew}")
    known = split or Split(seed, dict(fractions))
    entries = list(entries)
    new = [entry for entry in entries if entry.patient_id not in known.patients]
    patients = {entry.patient_id for entry in new}
    aims = _aims(known, len(patients))
    divided = split_patients(new, aims, known.seed) if patients else {}
    sides = {entry.patient_id: side for side, part in divided.items() for entry in part}
    return Split(known.seed, known.fractions, {**known.patients, **sides}, known.frozen)


def _aims(split: Split, new: int) -> dict[str, float]:
    """Which part of the new patients each side needs; a frozen test set needs none."""
    total = len(split.patients) + new
    have = {side: 0 for side in split.fractions}
    for side in split.patients.values():
        have[side] += 1
    needed = {
        side: 0.0
        if side == TEST and split.frozen is not None
        else max(0.0, part * total - have[side])
        for side, part in split.fractions.items()
    }
    if sum(needed.values()) == 0:
        needed[TRAINING] = 1.0
    return {side: number / sum(needed.values()) for side, number in needed.items()}


def freeze(folder: Path, split: Split, entries: Iterable[Entry]) -> Split:
    """Fix the test cases by their content. Raises DatasetError where they are fixed already."""
    if split.frozen is not None:
        raise DatasetError(f"the test set of {folder} is frozen already: {split.frozen.digest}")
    chosen = [entry for entry in entries if split.patients.get(entry.patient_id) == TEST]
    if not chosen:
        raise DatasetError(f"{folder} has no test case to freeze")
    cases = {entry.case_id: content_hash(read_case(folder, entry)) for entry in chosen}
    return Split(split.seed, split.fractions, split.patients, Frozen(digest_of(cases), cases))


def frozen_digest(folder: Path) -> str | None:
    """The SHA-256 of the frozen test set; None for a data set that was never divided.

    Raises DatasetError where it is divided, but the test set may still change.
    """
    split = read_split(folder)
    if split is None:
        return None
    if split.frozen is None:
        raise DatasetError(f"the test set of {folder} is not frozen: divide --freeze")
    return split.frozen.digest


def digest_of(cases: Mapping[str, str]) -> str:
    """One SHA-256 for the whole test set."""
    return hashlib.sha256(json.dumps(sorted(cases.items())).encode()).hexdigest()


def content_hash(case: Case) -> str:
    """SHA-256 of what is measured on: counts, gland, how else it may be read, and nodules, however
    compressed."""
    digest = hashlib.sha256(f"{case.case_id} {case.patient_id} {case.counts.shape}".encode())
    digest.update(case.counts.astype("<u2").tobytes())
    digest.update(np.packbits(case.gland).tobytes())
    for reading in case.readings:
        digest.update(np.packbits(reading).tobytes())
    for nodule in case.nodules:
        digest.update(np.packbits(nodule.mask).tobytes())
    return digest.hexdigest()


def side_of(split: Split, entry: Entry) -> str | None:
    """The side of one case; None where it is held back or was never divided."""
    side = split.patients.get(entry.patient_id)
    if side == TEST and split.frozen is not None and entry.case_id not in split.frozen.cases:
        return None
    return side


def on_side(folder: Path, entries: list[Entry], *sides: str) -> list[Entry]:
    """The cases on these sides; all of them where the data set was never divided."""
    split = read_split(folder)
    if split is None:
        return entries
    return [entry for entry in entries if side_of(split, entry) in sides]


def sides_to_learn_from(
    folder: Path, entries: list[Entry], part: float, seed: int
) -> dict[str, list[Entry]]:
    """Training and validation as the data set is divided; else by `part` of the patients."""
    if read_split(folder) is None:
        return split_patients(entries, {TRAINING: part, VALIDATION: 1 - part}, seed)
    return {side: on_side(folder, entries, side) for side in (TRAINING, VALIDATION)}
