"""Scans to learn from -> what images a network is familiar with, for the model's contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from adjuvant.familiar import LEAST, MEASURES, USUAL, Familiar, Measures
from training.collect.collection import write_whole
from training.errors import TrainingError

FAMILIAR = "familiar.json"
# For each measure. With fewer, the correlations between measures are chance.
LEAST_SCANS = 10

_FILE = TypeAdapter(Familiar)


def familiar_of(described: Sequence[Measures]) -> Familiar | None:
    """What scans make familiar that are described so (`adjuvant.familiar.describe`), one each; None
    where they are too few to say what is usual."""
    scans, number = len(described), len(MEASURES)
    if scans < LEAST_SCANS * number:
        return None
    measured = np.stack(described)
    mean, deviation = measured.mean(axis=0), np.maximum(measured.std(axis=0), LEAST)
    # Without the small ridge, two measures that always agree make any difference infinite.
    correlation = np.cov((measured - mean).T / deviation[:, None]) + 1e-3 * np.eye(number)
    precision = tuple(_rounded(row) for row in np.linalg.inv(correlation))

    def at(limit: float) -> Familiar:
        return Familiar(
            tuple(MEASURES), _rounded(mean), _rounded(deviation), precision, limit, scans
        )

    distances = [at(1.0).distance(one) for one in measured]
    return at(round(float(np.percentile(distances, USUAL)), 4))


def write_familiar(run: Path, familiar: Familiar) -> None:
    """Store it in a run, until it is released."""
    write_whole(run / FAMILIAR, _FILE.dump_json(familiar, indent=1) + b"\n")


def read_familiar(run: Path) -> Familiar | None:
    """What a run is familiar with; None where it had too few scans. Raises TrainingError where the
    file is damaged."""
    path = run / FAMILIAR
    if not path.exists():
        return None
    try:
        return _FILE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as fault:
        raise TrainingError(f"cannot read {path}: {fault}") from fault


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(one), 6) for one in values)
