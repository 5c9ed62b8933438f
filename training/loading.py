"""Data set folders -> what training and evaluation read from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from adjuvant.close_up import CloseUp, square_around
from adjuvant.familiar import describe
from training.batches import REGION, Images
from training.dataset import Entry, any_simulated, read_case, read_index
from training.datasets.fingerprint import Tally
from training.datasets.split import (
    TEST,
    TRAINING,
    VALIDATION,
    content_hash,
    digest_of,
    on_side,
    sides_to_learn_from,
)
from training.familiar_scans import familiar_of
from training.outlines import Outliner
from training.phantom.case import READINGS, Case
from training.progress import progress_bar, tracked
from training.recipe import Recipe
from training.train import Data

Learnable = Callable[[Case], tuple[NDArray[np.uint16], NDArray[np.bool_]] | None]


def load_data(
    folder: Path,
    recipe: Recipe,
    console: Console,
    stays: Callable[[Entry], bool] = lambda _: True,
    outliner: Outliner | None = None,
) -> Data:
    """Read all scans into memory, divided by patient as the data set is, else as the recipe says.

    Those that do not stay are left out, without any other changing sides. For a recipe that looks
    for nodules, `outliner` outlines the glands (`training.outlines`).
    Raises ValueError where a side of the split is empty or has no scan that can be learnt from,
    and for an outliner that is missing, or needed by nobody.
    """
    divided = sides_to_learn_from(folder, read_index(folder), recipe.split, recipe.seed)
    sides = {side: [one for one in part if stays(one)] for side, part in divided.items()}
    return read_sides(folder, sides, recipe, console, outliner)


def read_sides(
    folder: Path,
    sides: Mapping[str, list[Entry]],
    recipe: Recipe,
    console: Console,
    outliner: Outliner | None = None,
) -> Data:
    """The same where somebody else has divided the scans into training and validation."""
    entries = sides[TRAINING] + sides[VALIDATION]
    validation = sides[VALIDATION][: recipe.validation_images]
    learnable = _learnable(recipe, outliner)

    def read(part: list[Entry], side: str) -> _Loaded:
        return _read((folder, part), learnable, side, console)

    training = read(sides[TRAINING], TRAINING)
    validating = read(validation, VALIDATION)
    shown = () if outliner else _with_gland(training.images)
    seen = tracked(shown, "what they are like", console)
    repeats = [_repeats(entry, recipe.emphasis) for entry in training.entries]
    return Data(
        training=replace(training.images, repeats=tuple(repeats)),
        validation=validating.images,
        training_patients=len({entry.patient_id for entry in sides[TRAINING]}),
        patient_ids=tuple(sorted({entry.patient_id for entry in entries})),
        simulated=any_simulated(entries),
        fingerprint=training.tally.content(),
        familiar=familiar_of([describe(counts) for counts in seen]),
        glands=outliner.name if outliner else None,
        scans=digest_of(training.hashes | validating.hashes),
    )


def _with_gland(images: Images) -> tuple[NDArray[np.uint16], ...]:
    """What a scan of a thyroid is like. Those on which none is seen are other images (a knee, a
    flood source) or unusual ones: many of them would make anything familiar."""
    pairs = zip(images.counts, images.masks, strict=True)
    return tuple(counts for counts, mask in pairs if np.atleast_3d(mask)[..., 0].any())


def _learnable(recipe: Recipe, outliner: Outliner | None) -> Learnable:
    """What a recipe learns from: whole scans, or close-ups of the glands that are outlined."""
    looks_for_nodules = isinstance(recipe.preprocessing, CloseUp)
    if looks_for_nodules and outliner is None:
        raise ValueError(
            f"recipe {recipe.name} looks for nodules inside of the glands that another model "
            "outlines: name that model (--gland models/thyroid/VERSION)"
        )
    if outliner is None:
        return whole_image
    if not looks_for_nodules:
        raise ValueError(f"recipe {recipe.name} outlines glands itself: it takes no --gland")
    return lambda case: close_up_region(case, outliner.gland_of(case))


def whole_image(case: Case) -> tuple[NDArray[np.uint16], NDArray[np.bool_]] | None:
    """Counts and gland, or a stack with the gland by each reader where readings differ; None for a
    flat scan, which the plugin refuses too."""
    if case.counts.min() == case.counts.max():
        return None
    if not case.readings:
        return case.counts.astype(np.uint16), case.gland
    same = (case.gland,) * (READINGS - len(case.readings))
    masks = np.stack([case.gland, *case.readings, *same], axis=-1)
    return case.counts.astype(np.uint16), masks


def close_up_region(
    case: Case, gland: NDArray[np.bool_]
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]] | None:
    """Counts around this outline of the gland, bool (rows, columns), and the masks there: gland,
    nodules, what is neither right nor wrong.

    A nodule that the physics cannot show is neither. None where the outline is empty.
    """
    if not gland.any():
        return None
    square = square_around(gland, REGION)
    nothing = np.zeros_like(gland)
    shown, hidden = (
        np.any([one.mask for one in case.nodules if one.detectable is wanted] or [nothing], axis=0)
        for wanted in (True, False)
    )
    masks = [square.cut(mask) for mask in (gland, shown, hidden & ~shown)]
    return square.cut(case.counts), np.stack(masks, axis=-1)


@dataclass(frozen=True)
class _Loaded:
    images: Images
    entries: list[Entry]
    tally: Tally
    hashes: dict[str, str]


def _read(
    place: tuple[Path, list[Entry]], learnable: Learnable, side: str, console: Console
) -> _Loaded:
    """Counts and masks of these scans; what cannot be learnt from is left out."""
    folder, entries = place
    counts, masks, kept, tally, hashes = [], [], [], Tally(), {}
    with progress_bar(console) as bar:
        for entry in bar.track(entries, description=f"reading {side} scans"):
            case = read_case(folder, entry)
            hashes[case.case_id] = content_hash(case)
            pair = learnable(case)
            if pair is not None:
                tally.add(case)
                counts.append(pair[0])
                masks.append(pair[1])
                kept.append(entry)
    if not entries:
        raise ValueError(
            f"no patient of {folder} is left for {side}: too few, or too small a part "
            "(`split` in the recipe; `divide --validation` where the data set is divided)"
        )
    if not kept:
        raise ValueError(f"{folder} has no scan for {side} that can be learnt from")
    return _Loaded(Images(tuple(counts), tuple(masks)), kept, tally, hashes)


def _repeats(entry: Entry, emphasis: Mapping[str, Mapping[str, int]]) -> int:
    """How often this scan is shown: the product over its emphasised properties."""
    return math.prod(
        values.get(str(entry.properties.get(name)), 1) for name, values in emphasis.items()
    )


def watched_cases(
    folder: Path, limit: int | None, console: Console, side: str = TEST
) -> Iterable[Case]:
    """The cases of a folder one by one, under a progress bar; of a divided one those of a side."""
    entries = on_side(folder, read_index(folder), side)[:limit]

    def cases() -> Iterator[Case]:
        with progress_bar(console) as bar:
            for entry in bar.track(entries, description="measuring"):
                yield read_case(folder, entry)

    return cases()
