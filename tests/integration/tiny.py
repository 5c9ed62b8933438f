"""A valid model that needs no training: the gland is where channel 0 is bright."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np

from adjuvant.preprocess import CHANNELS

BRIGHT = 0.5
STEEPNESS = 40.0


def write_tiny_model(folder: Path) -> Path:
    """Write `folder` (…/thyroid/0.1.0) as `adjuvant.model` wants it."""
    folder.mkdir(parents=True)
    inputs = keras.Input((None, None, CHANNELS))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")
    network = keras.Model(inputs, layer(inputs))
    kernel = np.array([STEEPNESS, 0.0], np.float32).reshape(1, 1, CHANNELS, 1)
    layer.set_weights([kernel, np.array([-BRIGHT * STEEPNESS], np.float32)])
    weights = folder / "tiny.keras"
    network.save(weights)
    contract = {
        "name": "thyroid",
        "version": folder.name,
        "weights": {"file": weights.name, "sha256": _sha256(weights)},
        "preprocessing": {"size": 256},
        "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 20},
        "training": {
            "data": "simulated",
            "images": 1,
            "patients": 1,
            "recipe": "tiny",
            "commit": "0" * 40,
            "date": "2026-01-01",
        },
        "figures": {},
    }
    (folder / "model.json").write_text(json.dumps(contract))
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
