"""Who reads a scan: one interpretation together with the model version chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adjuvant.config import ConfigFault
from adjuvant.health import ModelInUse
from adjuvant.interpretations import Interpretation
from adjuvant.job import Task
from adjuvant.model import Model


@dataclass(frozen=True)
class Reader:
    """An interpretation, the contract of its model, and the folder of that model's version."""

    interpretation: Interpretation
    model: Model
    folder: Path

    def task(self, resource: str, priority: int = 0, level: str = "instance") -> Task:
        """What the ledger keeps about reading what has this identifier of Orthanc's."""
        model = f"{self.model.name} {self.model.version}"
        name, digest = self.interpretation.name, self.model.digest
        return Task(resource, name, model, digest, priority, level)

    @property
    def in_use(self) -> ModelInUse:
        """The model as the status shows it."""
        model = self.model
        return ModelInUse(model.name, model.version, model.digest, model.simulated)


def choose(
    models: Mapping[str, str], registry: Mapping[str, Interpretation]
) -> tuple[Interpretation, ...]:
    """The interpretations whose model is in service.

    Raises ConfigFault for a model that no interpretation uses.
    """
    known = sorted({one.model for one in registry.values()})
    for name, version in models.items():
        if name not in known:
            offer = ", ".join(known)
            raise ConfigFault(f"Adjuvant.Models.{name}: unknown model, got {version!r} ({offer})")
    return tuple(one for one in registry.values() if one.model in models)
