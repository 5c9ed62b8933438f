"""A network for tests that need no TensorFlow: a real `Network` with a real contract.

Its answer is analytic: bright pixels, as channel 0 shows them, are thyroid, and dark ones within
the outline, as a close-up shows them, cold nodules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adjuvant.model import Model
from adjuvant.network import Network, linked

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


def cold_model(**changes: Any) -> Model:
    """A valid contract of a model that looks for cold nodules; `changes` as for `model`."""
    output = {"labels": ["cold nodule"], "threshold": 0.5, "minimum_area_pixels": 20}
    closer = {"preprocessing": {"margin": 1.25, "size": 128}, "output": output}
    return model(**{"name": "cold-nodules", **closer, **changes})


def cold_network(contract: Model | None = None) -> Network:
    """Answers how much darker than the gland's bright level it is within the outline."""

    def run(inputs: np.ndarray) -> np.ndarray:
        inside = inputs[..., 1:] > 0.99
        return np.where(inside, np.clip(1 - inputs[..., :1], 0, 1), 0).astype(np.float32)

    return Network(contract or cold_model(), "CPU", run)


def both_networks() -> Network:
    """The chain of both."""
    return linked([bright_network(), cold_network()])
