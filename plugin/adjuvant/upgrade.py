"""Another version takes over while scans are read: loaded and tried beside the one in use, written
down, then switched between two jobs. What was in use stays loaded, ready to come back.
"""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from adjuvant.change_record import RecordFault
from adjuvant.errors import AdjuvantError, ModelFault, explain
from adjuvant.health import utc
from adjuvant.interpretations import Interpretation
from adjuvant.loading import LIMIT_S, Loading, Prepared
from adjuvant.model import Model
from adjuvant.network import Network, linked
from adjuvant.reader import Link
from adjuvant.registry import Announcer, Decision, Registry
from adjuvant.trial import Company, Load, Tried, try_out

UNCHECKED = "this version has no sample of its own: it was loaded, but its answers were not checked"


class Conflict(AdjuvantError):
    """What was asked for cannot be done as things stand."""


@dataclass(frozen=True)
class Progress:
    """How far a change has come. `state` is loading, switching, active or refused; `checked` says
    whether the version answered its own sample as it should (None: not known, or it has none)."""

    change: str
    version: str
    who: str
    asked: str | None
    state: str = "loading"
    reason: str | None = None
    checked: bool | None = None
    mean_difference: float | None = None
    dice: float | None = None
    ended: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in ("loading", "switching")


class Upgrades:
    """Safe to use from any thread; one change at a time."""

    def __init__(
        self,
        registry: Registry,
        announcer: Announcer,
        loading: Loading,
        load: Load,
        interpretations: tuple[Interpretation, ...],
    ) -> None:
        self._registry = registry
        self._announcer = announcer
        self._loading = loading
        self._load = load
        self._interpretations = interpretations
        self._company = Company(registry, load, lambda one: loading.networks.get(one.name))
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}
        self._current: threading.Thread | None = None
        self._until = 0.0
        self._stock: dict[str, dict[str, Network]] = {}

    def progress(self, name: str) -> Progress | None:
        """The last change of a model that was asked for since the start."""
        with self._lock:
            return self._progress.get(name)

    def ready(self, name: str) -> frozenset[str]:
        """The digests of the versions that are loaded, besides what read the first scan."""
        with self._lock:
            return frozenset(self._stock.get(name, {}))

    def begin(self, decision: Decision, model: Model) -> Progress:
        """Start a change in the background. Raises Conflict while another one is under way."""
        with self._lock:
            busy = self._current is not None and self._current.is_alive()
            # After its limit it hangs, and does not switch anything any more: see `_is_current`.
            if busy and time.monotonic() < self._until:
                raise Conflict("another version is being loaded: wait until it is")
            thread = threading.Thread(
                target=self._run, args=(decision, model), name="adjuvant-upgrade", daemon=True
            )
            self._current, self._until = thread, time.monotonic() + LIMIT_S
            progress = Progress(decision.change, model.version, decision.who, utc(time.time()))
            self._progress[decision.name] = progress
            thread.start()
            return progress

    def close(self) -> None:
        """Switch nothing any more, and write nothing down: others may have opened the record."""
        with self._lock:
            self._current = None

    def _run(self, decision: Decision, model: Model) -> None:
        try:
            tried = self._try(decision, model)
            if self._is_current():
                self._take_over(decision, tried)
        except (ModelFault, RecordFault) as fault:
            self._refuse(decision, model, str(fault))
        except Exception as fault:  # a thread of its own: nobody else would tell
            self._refuse(decision, model, explain(fault))

    def _try(self, decision: Decision, model: Model) -> Tried:
        name = decision.name
        with self._lock:
            known = self._stock.get(name, {}).get(model.digest)
        folder = self._registry.versions.folder(name, model.version)
        load: Load = self._load if known is None else lambda _: known
        tried = try_out(folder, load, self._of(name), self._company)
        if tried.network.model.digest != model.digest:
            raise ModelFault(f"{folder} changed while it was loaded")
        gc.collect()  # as after the first model: see Loading
        gc.freeze()
        return tried

    def _take_over(self, decision: Decision, tried: Tried) -> None:
        name, model = decision.name, tried.network.model
        found = asdict(tried.agreement) if tried.agreement else None
        folder = self._registry.versions.folder(name, model.version)
        before = self._in_use(name)
        prepared = self._prepare(Link(model, folder), tried.network)
        entry = self._registry.change(decision, model, check=found)
        self._announcer.wrote(entry)
        self._tell(
            name,
            state="switching",
            checked=True if found else None,
            reason=None if found else UNCHECKED,
            **(found or {}),
        )
        self._loading.switch(prepared)
        prepared.done.wait(LIMIT_S)
        with self._lock:  # what was in use, and what is now
            self._stock[name] = {**before, model.digest: tried.network}
        self._announcer.alarms(self._registry)
        self._tell(name, state="active", ended=utc(time.time()))

    def _refuse(self, decision: Decision, model: Model, reason: str) -> None:
        if not self._is_current():
            return
        refusal = replace(decision, change="refused", details=reason)
        try:
            self._announcer.wrote(self._registry.change(refusal, model))
        except RecordFault as fault:
            self._announcer.log.error(f"a refusal was not written down: {fault}")
        self._tell(decision.name, state="refused", reason=reason, ended=utc(time.time()))

    def _prepare(self, link: Link, network: Network) -> Prepared:
        """Whatever reads with this model now, with its new version."""
        readers, networks = self._loading.readers, self._loading.networks
        new = [one for one in self._of(link.model.name) if one.name in networks]
        return Prepared(
            {one.name: readers[one.name].with_link(link) for one in new},
            {one.name: self._company.around(network, one) for one in new},
        )

    def _in_use(self, name: str) -> dict[str, Network]:
        """Digest -> network of what reads scans with this model now."""
        return {
            one.model.digest: linked([one])
            for chain in self._loading.networks.values()
            for one in chain.links
            if one.model.name == name
        }

    def _of(self, name: str) -> tuple[Interpretation, ...]:
        return tuple(one for one in self._interpretations if name in one.models)

    def _is_current(self) -> bool:
        with self._lock:
            return threading.current_thread() is self._current

    def _tell(self, name: str, **changes: Any) -> None:
        with self._lock:
            self._progress[name] = replace(self._progress[name], **changes)
