"""Who reads a scan: one interpretation together with the model versions chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adjuvant.chain import Algorithm, chained
from adjuvant.config import ConfigFault
from adjuvant.health import ModelInUse
from adjuvant.interpretations import Interpretation
from adjuvant.job import Task
from adjuvant.model import Model


@dataclass(frozen=True)
class Link:
    """One model of a chain: its contract, and the folder of its version."""

    model: Model
    folder: Path


@dataclass(frozen=True)
class Reader:
    """An interpretation, the contract of its model, and the folder of that model's version; then
    the models that look closer at what the first one finds."""

    interpretation: Interpretation
    model: Model
    folder: Path
    then: tuple[Link, ...] = ()

    @property
    def links(self) -> tuple[Link, ...]:
        """The whole chain."""
        return (Link(self.model, self.folder), *self.then)

    @property
    def algorithm(self) -> Algorithm:
        """What makes the results: the model, or the chain of all of them."""
        return chained([one.model for one in self.links])

    def with_link(self, link: Link) -> Reader:
        """The same with another version of one of its models."""
        names = [one.model.name for one in self.links]
        first, *then = (
            link if name == link.model.name else one
            for name, one in zip(names, self.links, strict=True)
        )
        return replace(self, model=first.model, folder=first.folder, then=tuple(then))

    def task(self, resource: str, priority: int = 0, level: str = "instance") -> Task:
        """What the ledger keeps about reading what has this identifier of Orthanc's."""
        name, made_by = self.interpretation.name, self.algorithm
        return Task(resource, name, made_by.title, made_by.digest, priority, level)

    @property
    def in_use(self) -> tuple[ModelInUse, ...]:
        """Its models as the status shows them."""
        return tuple(
            ModelInUse(one.model.name, one.model.version, one.model.digest, one.model.simulated)
            for one in self.links
        )


def choose(
    models: Mapping[str, str], registry: Mapping[str, Interpretation]
) -> tuple[Interpretation, ...]:
    """The interpretations whose model is in service; those that look closer may be missing.

    Raises ConfigFault for a model that no interpretation uses, or that none in service does.
    """
    known = sorted({name for one in registry.values() for name in one.models})
    found = tuple(one for one in registry.values() if one.model in models)
    used = {name for one in found for name in one.models}
    for name, version in models.items():
        if name not in known:
            offer = ", ".join(known)
            raise ConfigFault(f"Adjuvant.Models.{name}: unknown model, got {version!r} ({offer})")
        if name not in used:
            raise ConfigFault(
                f"Adjuvant.Models.{name}: looks closer at what another model finds, and that one "
                f"is not in Models, got {version!r}"
            )
    return found
