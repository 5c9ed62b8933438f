"""The models in use: read, loaded and rehearsed before the first scan, tried again where not."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from adjuvant.backoff import doubled
from adjuvant.errors import ModelFault
from adjuvant.image import Limits
from adjuvant.network import Network, linked
from adjuvant.reader import Reader
from adjuvant.rehearsal import rehearse
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.watchdog import Hung, Watchdog

LONGEST_RETRY_S = 600.0
LIMIT_S = 900.0  # TensorFlow's first import from a slow disk takes minutes


class Unusable(ModelFault):
    """One of the models cannot be used."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(reason)
        self.model = model


@dataclass(frozen=True)
class Prepared:
    """Readers and networks by interpretation that take over between two jobs; `done` says so."""

    readers: Mapping[str, Reader]
    networks: Mapping[str, Network]
    done: threading.Event = field(default_factory=threading.Event)


class Loading:
    """The readers and chains of networks by name of their interpretation.

    `readers` is empty as long as no contract could be read, `networks` as long as not every
    model could be loaded. `due` is the monotonic time of the next attempt.
    """

    def __init__(self, around: Surroundings, plan: Plan, watchdog: Watchdog) -> None:
        self._around = around
        self._plan = plan
        self._watchdog = watchdog
        self._failures = 0
        self._lock = threading.Lock()
        self._prepared: list[Prepared] = []
        self.readers: dict[str, Reader] = {}
        self.networks: dict[str, Network] = {}
        self.due = 0.0

    @property
    def complete(self) -> bool:
        """True where every reader has its network: scans can be read."""
        return bool(self.readers) and len(self.networks) == len(self.readers)

    def load_if_due(self) -> None:
        """Load what is to be used, if it is not there and it is time for it."""
        if self.complete or time.monotonic() < self.due:
            return
        try:
            self._load()
        except (ModelFault, Hung) as fault:
            if isinstance(fault, Unusable) and self._plan.hooks.refused(fault.model, str(fault)):
                return
            delay = doubled(self._plan.retry_s, self._failures, LONGEST_RETRY_S)
            self._failures += 1
            self.due = time.monotonic() + delay
            self._around.raise_alarm("model", f"no scan can be read: {fault}")
            self._around.health.become("degraded", str(fault))

    def renew(self) -> None:
        """Load everything afresh before the next scan: something of it hangs, or is not wanted."""
        self.networks = {}
        self.due = 0.0

    def switch(self, prepared: Prepared) -> None:
        """Let what was prepared beside us read scans, from the next job on. From any thread."""
        with self._lock:
            self._prepared.append(prepared)
        self._around.inbox.wake()

    def adopt(self) -> None:
        """Between two jobs: what was prepared takes over."""
        with self._lock:
            prepared, self._prepared = self._prepared, []
        for one in prepared:
            if self.complete and one.networks:
                self.readers = {**self.readers, **one.readers}
                self.networks = {**self.networks, **one.networks}
                self._announce()
            else:  # nothing is read, or was when it was prepared: all is loaded, as wanted by now
                self.renew()
            one.done.set()

    def _load(self) -> None:
        readers = {one.interpretation.name: one for one in self._plan.readers()}
        self.readers = readers
        networks = self._watchdog.call(partial(self._prepare, readers), LIMIT_S)
        self._plan.hooks.loaded(tuple(readers.values()))
        self.networks = networks
        # TensorFlow leaves a million objects that live for ever: without them a collection, which
        # makes Orthanc's callbacks wait, takes a millisecond, and so does the end of the process.
        gc.collect()
        gc.freeze()
        self._failures = 0
        self._announce()

    def _prepare(self, readers: dict[str, Reader]) -> dict[str, Network]:
        return {name: self._prepare_one(one) for name, one in readers.items()}

    def _prepare_one(self, reader: Reader) -> Network:
        """Its models, one after the other, so that what goes wrong is the fault of one."""
        networks: list[Network] = []
        for link in reader.links:
            try:
                networks.append(self._plan.load(link.folder))
                # The limits of the site are for its scans: ours is drawn.
                rehearse(reader.interpretation, linked(networks), Limits())
            except MemoryError as fault:
                raise ModelFault("memory does not suffice to load the models") from fault
            except ModelFault as fault:
                raise Unusable(link.model.name, str(fault)) from fault
        return linked(networks)

    def _announce(self) -> None:
        readers = self.readers.values()
        device = ", ".join(sorted({network.device for network in self.networks.values()}))
        models = [model for one in readers for model in self._plan.hooks.in_use(one)]
        self._around.health.use(device, tuple(models))
        self._around.health.settle("model")
        self._around.health.become("ready", "waiting for scans")
        names = ", ".join(one.algorithm.title for one in readers)
        self._around.log.warning(f"ready: {names} on {device}")
