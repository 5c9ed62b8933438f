"""Tiny scans with a nodule, and a recipe that learns to look for it in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from ellipses import RECIPE, SIDE, ellipse_case, finished_run

from training.dataset import write_case, write_index
from training.phantom.case import Case, Nodule
from training.recipe import Recipe
from training.release import Request, release

NODULE_RECIPE = Recipe.model_validate(
    RECIPE.model_dump()
    | {
        "model": "cold-nodules",
        "labels": ("cold nodule",),
        "split": 0.5,
        "preprocessing": {"margin": 1.25, "size": SIDE},
        "augmentation": {"probability": 0.5, "outline": 0.03},
        "stages": RECIPE.model_dump()["stages"][1:],
    }
)


def tiny(number: int) -> Case:
    """An ellipse with a dark corner in it that is its nodule."""
    one = ellipse_case(number)
    rows, columns = (np.flatnonzero(one.gland.any(axis=axis)) for axis in (1, 0))
    mask = np.zeros_like(one.gland)
    mask[rows[0] : rows[rows.size // 2], columns[0] : columns[columns.size // 2]] = True
    mask &= one.gland
    counts = np.where(mask, 3, one.counts).astype(np.uint16)
    return replace(one, counts=counts, nodules=(Nodule(mask, 12.0, 0.9, 20.0, True),))


def stored(folder: Path, numbers: range) -> Path:
    """A data set of these."""
    folder.mkdir()
    write_index(folder, [write_case(folder, tiny(number)) for number in numbers])
    return folder


def gland_model(folder: Path) -> Path:
    """A released model that outlines their glands, below `folder`."""
    run, model = finished_run(folder / "gland-run"), folder / "models" / "thyroid" / "0.0.1"
    release(Request(run, model, "0.0.1"), [tiny(n) for n in range(100, 106)], lambda *_: None)
    return model
