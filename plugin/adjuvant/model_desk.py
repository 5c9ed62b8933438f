"""What people ask about model versions, and what they may change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from adjuvant.choice import Choice
from adjuvant.errors import AdjuvantError, ModelFault
from adjuvant.model import Model
from adjuvant.registry import Announcer, Decision, Registry
from adjuvant.shadow import Shadow
from adjuvant.shadow_tally import Tally
from adjuvant.upgrade import Conflict, Progress, Upgrades
from adjuvant.versions import Version


class Unknown(AdjuvantError):
    """There is no such model or version."""


class ModelDesk:
    """Safe to use from any thread. Every method that names a model raises Unknown where
    orthanc.json does not."""

    def __init__(
        self, registry: Registry, upgrades: Upgrades, announcer: Announcer, shadow: Shadow
    ) -> None:
        self._registry = registry
        self._upgrades = upgrades
        self._announcer = announcer
        self._shadow = shadow

    def all(self) -> dict[str, Any]:
        """Every version below the models folder, and what is wrong with it."""
        versions = self._registry.versions.all()
        names = sorted({one.name for one in versions} | set(self._registry.configured))
        record = self._registry.record
        return {
            "models": [self._about(name, versions) for name in names],
            "record": {"head": record.head, "fault": record.fault},
        }

    def activate(self, name: str, version: str, who: str) -> Progress:
        """Begin to put a version in service.

        Raises Unknown, ModelFault where it cannot be used, Conflict where it is in service already
        or another one is on its way.
        """
        choice = self._choice(name)
        if choice is not None and choice.version == version:
            raise Conflict(f"{name} {version} is active already")
        model = self._sound(name, version)
        return self._upgrades.begin(Decision("activated", name, version, who), model)

    def roll_back(self, name: str, who: str) -> Progress:
        """Begin to put the version before the active one in service again; raises likewise."""
        choice = self._choice(name)
        if choice is None or choice.previous is None or choice.previous == choice.version:
            raise Conflict(f"no version of {name} was active before")
        model = self._sound(name, choice.previous)
        return self._upgrades.begin(Decision("rolled-back", name, choice.previous, who), model)

    def close(self) -> None:
        """What is being loaded is not put in service any more."""
        self._upgrades.close()

    def run_silently(self, name: str, version: str | None, who: str) -> dict[str, Any]:
        """Let a version run as the shadow of the active one, None: let none; as `shadow`.

        Raises Unknown, ModelFault where its files are not sound, Conflict where it is the active
        one or it is so already, RecordFault.
        """
        choice = self._choice(name)
        if choice is None:
            raise Conflict(f"no version of {name} reads scans yet")
        if version == choice.version:
            raise Conflict(f"{name} {version} is active: there is nothing to compare")
        if version == choice.shadow:
            raise Conflict(f"the shadow of {name} is {version or 'none'} already")
        model = self._sound(name, version) if version is not None else None
        decision = Decision("shadow", name, version, who)
        self._announcer.wrote(self._registry.change(decision, model))
        return self.shadow(name)

    def shadow(self, name: str) -> dict[str, Any]:
        """What comparing the shadow with the active version came to."""
        self._choice(name)
        return self._shadow.report(name)

    def shadows(self) -> dict[str, tuple[str, Tally | None]]:
        """Model -> the version that runs as its shadow, and what comparing it came to so far."""
        return self._shadow.running()

    def changes(self, name: str, limit: int, offset: int) -> dict[str, Any]:
        """The lines of the record about a model, the newest first."""
        self._choice(name)
        entries = self._registry.record.entries(name)[::-1]
        record = self._registry.record
        return {
            "changes": entries[offset : offset + limit],
            "total": len(entries),
            "head": record.head,
            "fault": record.fault,
        }

    def _choice(self, name: str) -> Choice | None:
        if name not in self._registry.configured:
            raise Unknown(f"orthanc.json puts no model {name} in service (Adjuvant.Models)")
        return self._registry.choice(name)

    def _sound(self, name: str, version: str) -> Model:
        found = self._registry.versions.look(name, version)
        if found.model is None and not found.folder.is_dir():
            raise Unknown(f"there is no version {version} of {name} in the models folder")
        if found.model is None or found.fault is not None:
            raise ModelFault(str(found.fault))
        return found.model

    def _about(self, name: str, versions: list[Version]) -> dict[str, Any]:
        choice = self._registry.choice(name)
        progress = self._upgrades.progress(name)
        return {
            "name": name,
            "configured": self._registry.configured.get(name),
            "active": choice.version if choice else None,
            "previous": choice.previous if choice else None,
            "shadow": choice.shadow if choice else None,
            "chosen_by": choice.who if choice else None,
            "chosen_at": choice.at if choice else None,
            "last_change": asdict(progress) if progress else None,
            "versions": [self._version(one, choice) for one in versions if one.name == name],
        }

    def _version(self, one: Version, choice: Choice | None) -> dict[str, Any]:
        model = one.model
        return {
            "version": one.version,
            "state": _state(one, choice),
            "ready": model is not None and model.digest in self._upgrades.ready(one.name),
            "fault": one.fault,
            "digest": model.digest if model else None,
            "weights_sha256": model.weights.sha256 if model else None,
            "has_sample": model is not None and model.sample is not None,
            "simulated": model.simulated if model else None,
            "training": model.training.model_dump(mode="json") if model else None,
            "figures": model.figures if model else None,
        }


def _state(one: Version, choice: Choice | None) -> str:
    if choice is not None and one.version == choice.version:
        return "active"
    if one.fault is not None:
        return "faulty"
    if choice is not None and one.version == choice.shadow:
        return "shadow"
    if choice is not None and one.version == choice.previous:
        return "previous"
    return "available"
