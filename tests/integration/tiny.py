"""A valid model that needs no training: the gland is where channel 0 is bright."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from adjuvant.preprocess import CHANNELS

BRIGHT = 0.5
STEEPNESS = 40.0
WEIGHTS = "tiny.keras"


def write_tiny_model(folder: Path) -> Path:
    """Write `folder` (…/thyroid/0.1.0) as `adjuvant.model` wants it."""
    import keras

    folder.mkdir(parents=True)
    inputs = keras.Input((None, None, CHANNELS))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")
    network = keras.Model(inputs, layer(inputs))
    kernel = np.array([STEEPNESS, 0.0], np.float32).reshape(1, 1, CHANNELS, 1)
    layer.set_weights([kernel, np.array([-BRIGHT * STEEPNESS], np.float32)])
    weights = folder / WEIGHTS
    network.save(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(contract(folder.name, digest)))
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
