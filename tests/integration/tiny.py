"""Valid models that need no training: the gland is where channel 0 is bright."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from adjuvant.config import Settings
from adjuvant.preprocess import CHANNELS

# The version of the gland's model that is in service where nothing is configured.
IN_SERVICE = Settings().models["thyroid"]
BRIGHT = 0.5
STEEPNESS = 40.0
WEIGHTS = "tiny.keras"


def write_tiny_model(folder: Path) -> Path:
    """Write `folder` (…/thyroid/0.1.0) as `adjuvant.model` wants it."""
    return _write(folder, kernel=(STEEPNESS, 0.0), bias=-BRIGHT * STEEPNESS)


def _write(folder: Path, kernel: tuple[float, float], bias: float, **changes: Any) -> Path:
    """A network of one layer: the sigmoid of a weighted sum of both channels."""
    import keras

    folder.mkdir(parents=True)
    inputs = keras.Input((None, None, CHANNELS))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")
    network = keras.Model(inputs, layer(inputs))
    weights = np.array(kernel, np.float32).reshape(1, 1, CHANNELS, 1)
    layer.set_weights([weights, np.array([bias], np.float32)])
    path = folder / WEIGHTS
    network.save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps({**contract(folder.name, digest), **changes}))
    return folder


def contract(version: str = "0.1.0", sha256: str = "0" * 64) -> dict[str, Any]:
    """What model.json says of it."""
    training = {"data": "simulated", "images": 1, "patients": 1, "recipe": "tiny"}
    return {
        "name": "thyroid",
        "version": version,
        "weights": {"file": WEIGHTS, "sha256": sha256},
        "preprocessing": {"size": 256},
        "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 20},
        "training": {**training, "commit": "0" * 40, "date": "2026-01-01"},
        "figures": {},
    }


def write_tiny_nodule_model(folder: Path) -> Path:
    """Write `folder` (…/cold-nodules/0.1.0): nodules are dark within the outline."""
    layers = {"labels": ["cold nodule"], "threshold": 0.5, "minimum_area_pixels": 20}
    closer = {"name": "cold-nodules", "preprocessing": {"margin": 1.25}, "output": layers}
    # Channel 0 is 1 where the gland is bright, channel 1 is 1 inside of its outline.
    return _write(folder, kernel=(-STEEPNESS, 2 * STEEPNESS), bias=-1.5 * STEEPNESS, **closer)
