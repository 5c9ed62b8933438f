"""A network for tests that need no TensorFlow: a real `Network` with a real contract.

Its answer is analytic: bright pixels, as channel 0 shows them, are thyroid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adjuvant.model import Model
from adjuvant.network import Network

BRIGHT = 0.5


def model(**changes: Any) -> Model:
    """A valid contract; `changes` replace parts of it, given as model.json would."""
    contract: dict[str, Any] = {
        "name": "thyroid",
        "version": "0.1.0",
        "weights": {"file": "weights.keras", "sha256": "0" * 64},
        "preprocessing": {"size": 256},
        "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 20},
        "training": {
            "data": "simulated",
            "images": 10,
            "patients": 10,
            "recipe": "test",
            "commit": "none",
            "date": "2026-11-20",
        },
        "figures": {},
    }
    return Model.model_validate({**contract, **changes})


def bright_network(contract: Model | None = None) -> Network:
    """Answers 0.9 where the smoothed scan is bright and 0.1 elsewhere."""

    def run(inputs: np.ndarray) -> np.ndarray:
        return np.where(inputs[..., :1] > BRIGHT, 0.9, 0.1).astype(np.float32)

    return Network(contract or model(), "CPU", run)
