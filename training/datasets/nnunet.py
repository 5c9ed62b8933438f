"""The layout of nnU-Net (version 2), which other tools read as well: NIfTI and `dataset.json`.

    imagesTr/<case>_0000.nii.gz  labelsTr/<case>.nii.gz    training and validation
    imagesTs/<case>_0000.nii.gz  labelsTs/<case>.nii.gz    test
    dataset.json  patients.csv  splits_final.json

A planar scan is a volume of one slice, as nnU-Net does it for pictures: (columns, rows, 1), axes as
ITK writes them, 999 mm between slices. Labels: 1 the gland, 2 a nodule within it; the region
"gland" is both. `patients.csv` and `splits_final.json` carry what nnU-Net's own layout cannot: who
is whose, and which patients validate.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from rich.console import Console

from training.collect.collection import write_whole
from training.dataset import (
    INDEX,
    DatasetError,
    Entry,
    read_case,
    read_index,
    remove_unfinished,
    write_case,
    write_index,
)
from training.datasets.nodules import nodules_of
from training.datasets.properties import PINHOLE
from training.datasets.split import (
    TEST,
    TRAINING,
    VALIDATION,
    Split,
    read_split,
    side_of,
    write_split,
)
from training.phantom.case import Case, Property
from training.progress import progress_bar
from training.rois.placing import Placed

SLICE_MM = 999.0
PATIENTS = "patients.csv"
SPLITS = "splits_final.json"
FOLDERS = {TRAINING: "Tr", VALIDATION: "Tr", TEST: "Ts"}
GLAND, NODULE = 1, 2
ENDING = ".nii.gz"
CHANNEL = "_0000"


def export_nnunet(folder: Path, out: Path, console: Console) -> int:
    """Write the data set for nnU-Net; how many cases. `dataset.json`, written last, makes it whole.

    Cases that are held back stay out. Raises DatasetError where `out` holds something already.
    """
    if (out / "dataset.json").exists():
        raise DatasetError(f"{out} holds a data set already; choose another folder")
    split = read_split(folder)
    sides = {
        entry.case_id: side_of(split, entry) if split else TRAINING for entry in read_index(folder)
    }
    entries = [entry for entry in read_index(folder) if sides[entry.case_id] is not None]
    with progress_bar(console) as bar:
        for entry in bar.track(entries, description="writing NIfTI"):
            case = read_case(folder, entry)
            ending = FOLDERS[str(sides[entry.case_id])]
            write_whole(
                out / f"images{ending}" / f"{entry.case_id}{CHANNEL}{ENDING}",
                _nifti(case.counts, entry),
            )
            write_whole(
                out / f"labels{ending}" / f"{entry.case_id}{ENDING}", _nifti(labels_of(case), entry)
            )
    _write_tables(out, entries, sides)
    return len(entries)


def labels_of(case: Case) -> NDArray[np.uint8]:
    """0 background, 1 gland, 2 nodule: what a nodule has outside of the gland's outline is
    background, as 1 and 2 together are read as the gland again."""
    labels = case.gland.astype(np.uint8) * GLAND
    for nodule in case.nodules:
        labels[nodule.mask & case.gland] = NODULE
    return labels


def _nifti(image: NDArray[Any], entry: Entry) -> bytes:
    """The file's bytes, the same for the same content: neither names nor times are in them."""
    spacing = float(entry.properties.get("spacing_mm") or 1.0)
    affine = np.diag([-spacing, -spacing, SLICE_MM, 1.0])
    volume = nibabel.Nifti1Image(np.ascontiguousarray(image.T[:, :, None]), affine)
    volume.header.set_xyzt_units("mm")
    return gzip.compress(volume.to_bytes(), mtime=0)


def _write_tables(out: Path, entries: list[Entry], sides: dict[str, str | None]) -> None:
    learnt = [one for one in entries if sides[one.case_id] != TEST]
    lines = [("case_id", "patient_id", "properties")]
    lines += [(one.case_id, one.patient_id, json.dumps(one.properties)) for one in entries]
    path = out / PATIENTS
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    validation = [one.case_id for one in learnt if sides[one.case_id] == VALIDATION]
    if validation:
        training = [one.case_id for one in learnt if sides[one.case_id] == TRAINING]
        splits = [{"train": training, "val": validation}]
        write_whole(out / SPLITS, json.dumps(splits, indent=1).encode())
    about = {
        "channel_names": {"0": "NM"},
        "labels": {"background": 0, "gland": [GLAND, NODULE], "nodule": [NODULE]},
        "regions_class_order": [GLAND, NODULE],
        "numTraining": len(learnt),
        "file_ending": ENDING,
    }
    write_whole(out / "dataset.json", (json.dumps(about, indent=1) + "\n").encode())


def import_nnunet(source: Path, folder: Path, console: Console) -> int:
    """Make a data set of a folder in nnU-Net's layout; how many cases.

    Without `patients.csv` every case is a patient of its own. Raises DatasetError where a file is
    missing, damaged, or has labels that are no gland and nodule, and where `folder` is a data set
    already: its index, and a test set that is frozen, would be lost.
    """
    if (folder / INDEX).exists():
        raise DatasetError(f"{folder} holds a data set already; choose another folder")
    if not (source / "dataset.json").exists():
        raise DatasetError(f"{source} has no dataset.json: it is not in nnU-Net's layout")
    try:
        _require_labels(source)
        known, validation = _patients(source), _validation(source)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as fault:
        name = type(fault).__name__
        raise DatasetError(
            f"{source}: a damaged dataset.json, {PATIENTS} or {SPLITS} ({name})"
        ) from fault
    remove_unfinished(folder)
    entries, patients = [], {}
    images = sorted(
        (*source.glob(f"imagesTr/*{CHANNEL}{ENDING}"), *source.glob(f"imagesTs/*{CHANNEL}{ENDING}"))
    )
    if not images:
        raise DatasetError(f"{source} has no imagesTr/*{CHANNEL}{ENDING}")
    with progress_bar(console) as bar:
        for path in bar.track(images, description="reading NIfTI"):
            case = _case(source, path, known)
            entries.append(write_case(folder, case))
            side = TEST if path.parent.name == "imagesTs" else TRAINING
            patients[case.patient_id] = VALIDATION if case.case_id in validation else side
    if TEST in patients.values() or validation:
        write_split(folder, Split(patients=patients))
    write_index(folder, entries)
    return len(entries)


def _case(source: Path, path: Path, known: dict[str, Entry]) -> Case:
    case_id = path.name.removesuffix(f"{CHANNEL}{ENDING}")
    counts, spacing = _slice(path)
    labels, _ = _slice(source / path.parent.name.replace("images", "labels") / f"{case_id}{ENDING}")
    if labels.shape != counts.shape:
        raise DatasetError(f"{case_id}: labels of {labels.shape} on an image of {counts.shape}")
    if not np.isin(labels, (0, GLAND, NODULE)).all():
        raise DatasetError(f"{case_id}: a label is none of 0 background, 1 gland, 2 nodule")
    if counts.min() < 0 or counts.max() > 65535 or not np.array_equal(counts, np.rint(counts)):
        raise DatasetError(f"{case_id}: an image of counts holds whole numbers from 0 to 65535")
    gland, nodule = labels >= GLAND, labels == NODULE
    placed = Placed(gland, nodule)
    own: dict[str, Property] = {
        "simulated": False,
        "isotope": "not told",
        "collimator": None,
        "view": "not told",
        "disease": "not told",
        "spacing_mm": spacing,
        "rows": counts.shape[0],
        "columns": counts.shape[1],
        "total_counts": float(counts.sum()),
        "reader": "nnunet",
        "source_hash": hashlib.sha256(path.read_bytes()).hexdigest()[:32],
    }
    entry = known.get(case_id, Entry(case_id, case_id, {}))
    # A table written by hand says whose a case is, and no more.
    entry = entry if entry.properties else replace(entry, properties=own)
    sized = _has_size(entry) if case_id in known else True
    pixel = (spacing, spacing) if sized and spacing is not None else None
    nodules = nodules_of(placed, counts.astype(np.float32), pixel)
    own["nodules"] = float(len(nodules))
    return Case(
        case_id, entry.patient_id, counts.astype(np.uint16), gland, entry.properties, nodules
    )


def _has_size(known: Entry) -> bool:
    """Whether the volume's spacing is one: without any it is a placeholder, and behind a pinhole a
    pixel is of another size at every depth."""
    spacing, collimator = (known.properties.get(name) for name in ("spacing_mm", "collimator"))
    return bool(spacing) and collimator != PINHOLE


def _slice(path: Path) -> tuple[NDArray[Any], float | None]:
    """(rows, columns) of the only slice, and its pixel size in mm where pixels are square."""
    try:
        volume: Any = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        values = np.asarray(volume.dataobj)
        across, down = map(float, volume.header.get_zooms()[:2])
    except (ImageFileError, OSError, EOFError, ValueError, IndexError) as fault:
        raise DatasetError(f"cannot read {path}: {type(fault).__name__}") from fault
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2:
        raise DatasetError(f"{path} is not one slice, got {values.shape}")
    square = abs(across - down) < 1e-3 * across
    return np.ascontiguousarray(values.T), across if square else None


def _require_labels(source: Path) -> None:
    labels = json.loads((source / "dataset.json").read_text("utf-8"))["labels"]
    values = {int(one) for value in labels.values() for one in np.atleast_1d(value)}
    if not values <= {0, GLAND, NODULE}:
        raise DatasetError(f"{source}: labels are 0 background, 1 gland, 2 nodule, got {values}")


def _patients(source: Path) -> dict[str, Entry]:
    path = source / PATIENTS
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["case_id"]: Entry(
                row["case_id"], row["patient_id"], json.loads(row.get("properties") or "{}")
            )
            for row in csv.DictReader(file)
        }


def _validation(source: Path) -> set[str]:
    path = source / SPLITS
    return set(json.loads(path.read_text("utf-8"))[0]["val"]) if path.exists() else set()
