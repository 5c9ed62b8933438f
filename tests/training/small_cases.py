"""Small cases for tests that need no network: nothing heavy is imported."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from training.phantom.case import Case

SIDE = 32
QUIET = Console(quiet=True)


def small_case(number: int) -> Case:
    """A bright ellipse on 32 x 32; two scans a patient, each patient's gland of another shape."""
    generator = np.random.default_rng(number // 2)
    y, x = np.mgrid[:SIDE, :SIDE] - generator.uniform(11, 20, 2)[:, None, None]
    gland = (y / generator.uniform(4, 8)) ** 2 + (x / generator.uniform(3, 5)) ** 2 < 1
    counts = np.random.default_rng(number).poisson(3 + 40 * gland).astype(np.uint16)
    properties = {
        "isotope": "Tc-99m",
        "collimator": "LEHR",
        "view": "anterior",
        "disease": "normal",
        "spacing_mm": 2.0,
    }
    return Case(f"case{number:02}", f"patient{number // 2}", counts, gland, properties)
