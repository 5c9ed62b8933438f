"""A folder of cases: `index.csv` and one compressed file per case, safe against interruption."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phantom.case import Case, Nodule, Property

INDEX = "index.csv"
CASES = "cases"
FIXED_COLUMNS = ("case_id", "patient_id")


@dataclass(frozen=True)
class Entry:
    """One line of the index: enough to choose cases without opening them."""

    case_id: str
    patient_id: str
    properties: dict[str, Property]


class DatasetError(Exception):
    """A data set's file is missing or is not what it should be; the text names it."""


def case_path(folder: Path, case_id: str) -> Path:
    """Where the pixels of a case are."""
    return folder / CASES / f"{case_id}.npz"


def write_case(folder: Path, case: Case) -> Entry:
    """Store pixels, truth and properties in one file, which appears whole or not at all."""
    path = case_path(folder, case.case_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "patient_id": case.patient_id,
        "properties": case.properties,
        "nodules": [_without_mask(nodule) for nodule in case.nodules],
        "readings": len(case.readings),
    }
    arrays: dict[str, Any] = {} if case.parts is None else {"parts": case.parts}
    if case.readings:
        arrays["readings"] = np.packbits(case.readings)
    if case.nodules:
        arrays["nodules"] = np.packbits([nodule.mask for nodule in case.nodules])
    with _whole(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(
            file,
            counts=case.counts,
            gland=np.packbits(case.gland),
            about=np.array(json.dumps(about)),
            **arrays,
        )
    return Entry(case.case_id, case.patient_id, case.properties)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path`, which takes its place once it is written, or is removed."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed has left half-written."""
    for path in folder.rglob("*.part"):
        path.unlink()


def read_case(folder: Path, entry: Entry) -> Case:
    """The case of an index line. Raises DatasetError when its file is missing or damaged."""
    stored = _read(case_path(folder, entry.case_id))
    return Case(
        entry.case_id,
        entry.patient_id,
        stored.counts,
        stored.gland,
        entry.properties,
        stored.nodules,
        stored.parts,
        stored.readings,
    )


def read_entry(folder: Path, case_id: str) -> Entry:
    """The index line of a stored case, from its own file."""
    about = _read(case_path(folder, case_id)).about
    return Entry(case_id, about["patient_id"], about["properties"])


@dataclass(frozen=True)
class _Stored:
    """What the file of a case holds."""

    counts: NDArray[np.uint16]
    gland: NDArray[np.bool_]
    nodules: tuple[Nodule, ...]
    parts: NDArray[np.uint8] | None
    readings: tuple[NDArray[np.bool_], ...]
    about: dict[str, Any]


def _read(path: Path) -> _Stored:
    try:
        with np.load(path, allow_pickle=False) as stored:
            counts, about = stored["counts"], json.loads(str(stored["about"]))
            gland = _unpacked(stored["gland"], (1, *counts.shape))[0]
            described = about.get("nodules", [])
            masks: Iterable[NDArray[np.bool_]] = ()
            if described:
                masks = _unpacked(stored["nodules"], (len(described), *counts.shape))
            nodules = [Nodule(mask=m, **d) for m, d in zip(masks, described, strict=True)]
            readings: Iterable[NDArray[np.bool_]] = ()
            if number := about.get("readings"):
                readings = _unpacked(stored["readings"], (number, *counts.shape))
            parts = stored.get("parts")
            return _Stored(counts, gland, tuple(nodules), parts, tuple(readings), about)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as fault:
        raise DatasetError(f"cannot read {path}: {fault}") from fault


def _unpacked(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    masks: NDArray[np.bool_] = np.unpackbits(bits, count=math.prod(shape)).astype(bool)
    return masks.reshape(shape)


def _without_mask(nodule: Nodule) -> dict[str, float | bool]:
    values = {field.name: getattr(nodule, field.name) for field in fields(nodule)}
    del values["mask"]
    return values


def write_index(folder: Path, entries: Iterable[Entry]) -> None:
    """Write `index.csv`, ordered by case; one column for each property."""
    ordered = sorted(entries, key=lambda entry: entry.case_id)
    names = sorted({name for entry in ordered for name in entry.properties})
    with (
        _whole(folder / INDEX) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow((*FIXED_COLUMNS, *names))
        for entry in ordered:
            values = (json.dumps(entry.properties.get(name)) for name in names)
            writer.writerow((entry.case_id, entry.patient_id, *values))


def read_index(folder: Path) -> list[Entry]:
    """Every case of the data set. Raises DatasetError when there is no readable index."""
    path = folder / INDEX
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_entry(row) for row in csv.DictReader(file)]
    except OSError as fault:
        raise DatasetError(f"cannot read {path}: {fault.strerror}") from fault
    except (KeyError, TypeError, ValueError) as fault:
        raise DatasetError(f"{path} is not an index of cases: {fault}") from fault


def _entry(row: Mapping[str, str]) -> Entry:
    properties = {
        name: json.loads(value) for name, value in row.items() if name not in FIXED_COLUMNS
    }
    return Entry(row["case_id"], row["patient_id"], properties)


def any_simulated(entries: Iterable[Entry]) -> bool:
    """Whether one of these cases is simulated: then every figure has to say so."""
    return any(entry.properties.get("simulated", True) for entry in entries)


def require_fractions(fractions: Mapping[str, float]) -> None:
    """Raises ValueError where they are no parts of one whole."""
    if min(fractions.values()) < 0 or abs(sum(fractions.values()) - 1) > 1e-9:
        told = ", ".join(f"{side} {part:g}" for side, part in fractions.items())
        raise ValueError(f"the fractions must sum to 1 together, none below 0: {told}")


def split_patients(
    entries: Iterable[Entry], fractions: Mapping[str, float], seed: int
) -> dict[str, list[Entry]]:
    """Divide cases so that no patient is on two sides; `fractions` of the patients, by name.

    The same entries, fractions and seed give the same split. Raises ValueError when the fractions
    do not sum to 1.
    """
    require_fractions(fractions)
    entries = list(entries)
    patients = sorted({entry.patient_id for entry in entries})
    np.random.default_rng(seed).shuffle(patients)
    ends = np.rint(np.cumsum(list(fractions.values())) * len(patients)).astype(int)
    side_of = {
        patient: name
        for name, low, high in zip(fractions, (0, *ends[:-1]), ends, strict=True)
        for patient in patients[low:high]
    }
    split: dict[str, list[Entry]] = {name: [] for name in fractions}
    for entry in entries:
        split[side_of[entry.patient_id]].append(entry)
    return split
