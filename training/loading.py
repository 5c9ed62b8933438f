"""Data set folders -> what training and evaluation read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from training.batches import Images
from training.dataset import Entry, read_case, read_index, split_patients
from training.phantom.case import Case
from training.progress import progress_bar
from training.recipe import Recipe
from training.train import Data


def load_data(folder: Path, recipe: Recipe, console: Console) -> Data:
    """Read all scans into memory, split by patient as the recipe says.

    Raises ValueError where a side of the split is empty or has no scan that can be learnt from.
    """
    entries = read_index(folder)
    fractions = {"training": recipe.split, "validation": 1 - recipe.split}
    sides = split_patients(entries, fractions, recipe.seed)
    validation = sides["validation"][: recipe.validation_images]
    training = _read(folder, sides["training"], "reading training scans", console)
    return Data(
        training=training,
        validation=_read(folder, validation, "reading validation scans", console),
        training_patients=len({entry.patient_id for entry in sides["training"]}),
        patient_ids=tuple(sorted({entry.patient_id for entry in entries})),
    )


def _read(folder: Path, entries: list[Entry], title: str, console: Console) -> Images:
    """Counts and masks of these scans; flat ones, which the plugin refuses too, are left out."""
    counts, masks = [], []
    with progress_bar(console) as bar:
        for entry in bar.track(entries, description=title):
            case = read_case(folder, entry)
            if case.counts.min() < case.counts.max():
                counts.append(case.counts.astype(np.uint16))
                masks.append(case.gland)
    if not counts:
        raise ValueError(f"{folder} has no scan for {title.removeprefix('reading ')}")
    return Images(tuple(counts), tuple(masks))


def watched_cases(folder: Path, limit: int | None, console: Console) -> Iterable[Case]:
    """The cases of a folder one by one, under a progress bar."""
    entries = read_index(folder)[:limit]

    def cases() -> Iterator[Case]:
        with progress_bar(console) as bar:
            for entry in bar.track(entries, description="measuring"):
                yield read_case(folder, entry)

    return cases()
