"""Which version of each model reads scans: what orthanc.json names, what people chose since.

Every change is written to the record before it takes effect; the record is the only memory. What
orthanc.json newly names is tried at the start like any activation: a version that cannot be used
is refused, with an alarm, and the one that read scans before goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adjuvant.change_record import ChangeRecord, RecordFault
from adjuvant.choice import CONFIGURATION, Change, Choice, chosen, decides, wanted
from adjuvant.errors import ModelFault
from adjuvant.health import Health, Log, ModelInUse
from adjuvant.interpretations import Interpretation
from adjuvant.model import Model
from adjuvant.reader import Link, Reader
from adjuvant.versions import Versions

FOLDER = "models folder"  # who changed it: nobody whom we know
REPLACED = "its folder holds another model than when this version was chosen"


@dataclass(frozen=True)
class Decision:
    """A change as somebody asked for it: of which model, to which version (None: no shadow any
    more), by whom."""

    change: Change
    name: str
    version: str | None
    who: str
    details: str | None = None


class Registry:
    """Safe to use from any thread. `configured` is model -> version, as orthanc.json has it, or our
    default where it is not `named` there."""

    def __init__(
        self,
        versions: Versions,
        record: ChangeRecord,
        configured: Mapping[str, str],
        named: bool = True,
    ) -> None:
        self.versions = versions
        self.record = record
        self.configured = dict(configured)
        self._named = named
        self._lock = threading.RLock()
        self._refused: dict[str, str] = {}

    def choice(self, name: str) -> Choice | None:
        """What holds for a model; None before its first start."""
        return chosen(self.record.entries(name))

    def wanted(self, name: str) -> str:
        """The version that is to read scans."""
        choice = self.choice(name)
        with self._lock:
            if choice is not None and name in self._refused:
                return choice.version
        return wanted(choice, self.configured[name], self._named)

    def readers(self, interpretations: tuple[Interpretation, ...]) -> tuple[Reader, ...]:
        """Who is to read scans. Raises ModelFault naming file, key and value."""
        found = []
        for interpretation in interpretations:
            first, *then = (self.link(name) for name in self.chain(interpretation))
            found.append(Reader(interpretation, first.model, first.folder, tuple(then)))
        return tuple(found)

    def chain(self, interpretation: Interpretation) -> tuple[str, ...]:
        """The names of its models that orthanc.json puts in service."""
        return tuple(name for name in interpretation.models if name in self.configured)

    def link(self, name: str) -> Link:
        """The version of a model that is to read scans. Raises ModelFault."""
        version = self.wanted(name)
        try:
            model = self.versions.read(name, version)
        except ModelFault as fault:
            self.refuse_configured(name, str(fault))  # raises where there is none before it
            version = self.wanted(name)
            model = self.versions.read(name, version)
        return Link(model, self.versions.folder(name, version))

    def refuse_configured(self, name: str, reason: str) -> None:
        """What orthanc.json newly names cannot be used: the version before it goes on.

        Raises ModelFault with `reason` where nothing was changed, or there is none before it.
        """
        choice, configured = self.choice(name), self.configured[name]
        with self._lock:
            tried = self.wanted(name)
            if choice is None or tried == choice.version or name in self._refused:
                raise ModelFault(reason)
            self._refused[name] = reason
        decision = Decision("refused", name, configured, CONFIGURATION, reason)
        if not self._is_last(decision):  # told again at every start, but written once
            self._write(decision, None)

    def refusals(self) -> dict[str, str]:
        """Model -> the alarm about what orthanc.json names and could not be used."""
        with self._lock:
            refused = dict(self._refused)
        found = {}
        for name, reason in refused.items():
            choice = self.choice(name)
            goes_on = choice.version if choice else None
            found[name] = (
                f"orthanc.json names {name} {self.configured[name]}, which was refused: {reason}; "
                f"{name} {goes_on} goes on"
            )
        return found

    def loaded(self, models: Mapping[str, Model]) -> list[dict[str, Any]]:
        """Everything that is wanted can be used: write down what orthanc.json changed, or somebody
        in the models folder; the lines.

        Raises ModelFault where the record cannot be written.
        """
        decisions = {name: self._undecided(name, model) for name, model in models.items()}
        try:
            return [self.change(one, models[name]) for name, one in decisions.items() if one]
        except RecordFault as fault:
            raise ModelFault(str(fault)) from fault

    def _undecided(self, name: str, model: Model) -> Decision | None:
        """What nobody has written down yet of a model that is about to read scans."""
        choice = self.choice(name)
        with self._lock:
            is_refused = name in self._refused
        if not is_refused and decides(choice, self.configured[name], self._named):
            return Decision("configured", name, model.version, CONFIGURATION)
        if choice is not None and choice.digest not in (None, model.digest):
            return Decision("replaced", name, model.version, FOLDER, REPLACED)
        return None

    def change(self, decision: Decision, model: Model | None, **more: Any) -> dict[str, Any]:
        """Write a change down; it holds from now on. Raises RecordFault: then it does not.

        `model` is what it changes to; `more` is added to the line.
        """
        with self._lock:
            entry = self._write(decision, model, **more)
            if decision.change in ("activated", "rolled-back"):
                self._refused.pop(decision.name, None)
            return entry

    def in_use(self, reader: Reader) -> tuple[ModelInUse, ...]:
        """Its models as the status shows them, with who chose each and what orthanc.json names."""
        return tuple(self._chosen(one) for one in reader.in_use)

    def _chosen(self, model: ModelInUse) -> ModelInUse:
        choice = self.choice(model.name)
        return replace(
            model,
            configured=self.configured[model.name],
            chosen_by=choice.who if choice else CONFIGURATION,
            chosen_at=choice.at if choice else None,
        )

    def _write(self, decision: Decision, model: Model | None, **more: Any) -> dict[str, Any]:
        choice = self.choice(decision.name)
        entry = {
            "change": decision.change,
            "model": decision.name,
            "who": decision.who,
            "configured": self.configured[decision.name],
            "from": self._side(decision.name, choice.version if choice else None),
            "to": {"version": decision.version, "digest": None} if decision.version else None,
            "details": decision.details,
            **more,
        }
        if model is not None:
            entry["to"] = described(model)
        return self.record.append(entry)

    def _is_last(self, decision: Decision) -> bool:
        last = self.record.entries(decision.name)[-1:]
        return any(
            (one.get("change"), one.get("who"), one.get("details"))
            == (decision.change, decision.who, decision.details)
            for one in last
        )

    def _side(self, name: str, version: str | None) -> dict[str, Any] | None:
        if version is None:
            return None
        try:
            return described(self.versions.read(name, version))
        except ModelFault:  # it was removed since
            return {"version": version, "digest": None}


def described(model: Model) -> dict[str, Any]:
    """One side of a change: what was measured of a version travels with it."""
    return {
        "version": model.version,
        "digest": model.digest,
        "weights_sha256": model.weights.sha256,
        "simulated": model.simulated,
        "figures": model.figures,
    }


@dataclass(frozen=True)
class Announcer:
    """Tells the log and the status about changes."""

    health: Health
    log: Log

    def wrote(self, entry: Mapping[str, Any]) -> None:
        """A line was written: its digest goes where no one who edits the record reaches it."""
        to = (entry["to"] or {}).get("version")
        self.log.warning(
            f"{entry['model']}: {entry['change']} {to} by {entry['who']}; "
            f"line {entry['number']} of the record has SHA-256 {entry['sha256']}"
        )

    def alarms(self, registry: Registry) -> None:
        """Raise or settle what the record and orthanc.json give reason for."""
        standing = {f"refused-{name}": what for name, what in registry.refusals().items()}
        if registry.record.fault:
            standing["record"] = f"the record of model changes was altered: {registry.record.fault}"
        for key in ("record", *(f"refused-{name}" for name in registry.configured)):
            if key not in standing:
                self.health.settle(key)
            elif self.health.alarm(key, standing[key]):
                self.log.error(f"alarm: {standing[key]}")
