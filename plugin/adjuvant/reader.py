"""Who reads a scan: one interpretation together with the model version chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adjuvant.config import ConfigFault
from adjuvant.health import ModelInUse
from adjuvant.interpretations import Interpretation
from adjuvant.job import Task
from adjuvant.model import Model, read_model


@dataclass(frozen=True)
class Reader:
    """An interpretation, the contract of its model, and the folder of that model's version."""

    interpretation: Interpretation
    model: Model
    folder: Path

    def task(self, instance: str) -> Task:
        """What the ledger keeps about reading `instance` (Orthanc's identifier)."""
        model = f"{self.model.name} {self.model.version}"
        return Task(instance, self.interpretation.name, model, self.model.digest)

    @property
    def in_use(self) -> ModelInUse:
        """The model as the status shows it."""
        model = self.model
        return ModelInUse(model.name, model.version, model.digest, model.simulated)


def choose(
    models: Mapping[str, str], registry: Mapping[str, Interpretation]
) -> tuple[tuple[Interpretation, str], ...]:
    """The interpretations that have a model, each with the version asked for.

    Raises ConfigFault for a model that no interpretation uses.
    """
    known = sorted({one.model for one in registry.values()})
    for name, version in models.items():
        if name not in known:
            offer = ", ".join(known)
            raise ConfigFault(f"Adjuvant.Models.{name}: unknown model, got {version!r} ({offer})")
    return tuple((one, models[one.model]) for one in registry.values() if one.model in models)


def read_readers(
    chosen: tuple[tuple[Interpretation, str], ...], models_folder: Path
) -> tuple[Reader, ...]:
    """Read the contract of every chosen model; the weights are not touched yet.

    Raises ModelFault naming file, key and value.
    """
    folders = [(one, models_folder / one.model / version) for one, version in chosen]
    return tuple(Reader(one, read_model(folder), folder) for one, folder in folders)
