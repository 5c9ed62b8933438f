"""Small model versions in folders, with weights that no network is needed to check."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from adjuvant.keras_archive import LARGEST
from adjuvant.model import Model
from tests.networks import cold_model, model

SIZE = 64


def write_version(models: Path, version: str, **changes: Any) -> Path:
    """`models/thyroid/<version>/` of `tests.networks.bright_network`; the version's folder."""
    return _write(models, version, model, {"preprocessing": {"size": SIZE}, **changes})


def write_cold_version(models: Path, version: str, **changes: Any) -> Path:
    """The same of `tests.networks.cold_network`, in `models/cold-nodules/<version>/`."""
    closer = {"preprocessing": {"margin": 1.25, "size": SIZE}}
    return _write(models, version, cold_model, {**closer, **changes})


def _write(
    models: Path, version: str, contract_of: Callable[..., Model], changes: dict[str, Any]
) -> Path:
    folder = models / contract_of().name / version
    folder.mkdir(parents=True)
    weights = BytesIO()
    with zipfile.ZipFile(weights, "w") as archive:
        for name in LARGEST:
            archive.writestr(name, b"{}" if name.endswith(".json") else version.encode())
    (folder / "weights.keras").write_bytes(weights.getvalue())
    contract = contract_of(
        version=version,
        weights={"file": "weights.keras", "sha256": _digest(folder / "weights.keras")},
        **changes,
    )
    (folder / "model.json").write_text(contract.model_dump_json(exclude_none=True))
    return folder


def give_sample(
    folder: Path, *, right: bool = True, answers: tuple[float, float] = (0.1, 0.9)
) -> None:
    """Add a sample that a network answers as it should, or one that it does not; `answers` are
    what it says of dark and of bright pixels, by default those of `bright_network`."""
    contract = json.loads((folder / "model.json").read_text())
    size = contract["preprocessing"]["size"]
    inputs = np.zeros((1, size, size, 2), np.uint8)
    inputs[0, size // 4 : size // 2, size // 4 : size // 2, 0] = 64
    low, high = answers
    expected = np.where((inputs[..., :1] > 32) == right, high, low).astype(np.float16)
    np.savez_compressed(folder / "sample.npz", inputs=inputs, expected=expected)
    contract["sample"] = {"file": "sample.npz", "sha256": _digest(folder / "sample.npz")}
    (folder / "model.json").write_text(json.dumps(contract))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
