"""Tiny scans with a bright ellipse: enough to learn from in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from training.batches import Images
from training.phantom.case import Case
from training.recipe import Recipe
from training.train import Data

SIDE = 32
QUIET = Console(quiet=True)

RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "model": "thyroid",
        "images_per_epoch": 32,
        "minimum_area_pixels": 3,
        "network": {"filters": 4, "depth": 1},
        "preprocessing": {"size": SIDE},
        "augmentation": {"probability": 0.3},
        "stages": [
            {"size": SIDE // 2, "epochs": 1, "batch": 8, "learning_rate": 0.01},
            {"size": SIDE, "epochs": 2, "batch": 8, "learning_rate": 0.01},
        ],
    }
)


def ellipse_case(number: int, *, visible: bool = True) -> Case:
    """One scan of 32 x 32; two scans a patient."""
    generator = np.random.default_rng(number)
    y, x = np.mgrid[:SIDE, :SIDE] - generator.uniform(11, 20, 2)[:, None, None]
    gland = (y / generator.uniform(4, 8)) ** 2 + (x / generator.uniform(3, 5)) ** 2 < 1
    gland &= visible
    return Case(
        f"case{number}",
        f"patient{number // 2}",
        generator.poisson(3 + 40 * gland).astype(np.uint16),
        gland,
        {
            "isotope": "Tc-99m",
            "collimator": "LEHR",
            "view": "anterior",
            "disease": "normal",
            "spacing_mm": 2.0,
        },
    )


def ellipse_data(count: int = 16) -> Data:
    """Scans to learn from, and as many others."""

    def images(first: int) -> Images:
        cases = [ellipse_case(number) for number in range(first, first + count)]
        return Images(tuple(c.counts for c in cases), tuple(c.gland for c in cases))

    patients = tuple(f"patient{number}" for number in range(count))
    return Data(images(0), images(count), count // 2, patients)


def finished_run(folder: Path) -> Path:
    """A run that was trained to its end, short as that is."""
    from training.train import train

    train(RECIPE, ellipse_data(), folder, QUIET)
    return folder
