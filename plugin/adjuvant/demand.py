"""What a person asks for, rather than what arrives: what was read, and to have it read again.

Called in Orthanc's HTTP threads, never in OnStoredInstance. Orthanc is asked over HTTP: while we
wait, the interpreter is free for Orthanc's callbacks. The answer needs another HTTP thread of
Orthanc (it has 50), so that only a few of ours may wait at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from adjuvant.archive import Archive
from adjuvant.errands import Errands
from adjuvant.errors import ArchiveFault, ModelFault
from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.intake import queue
from adjuvant.job import Filter
from adjuvant.reader import Reader

if TYPE_CHECKING:
    from adjuvant.surroundings import Surroundings

AT_ONCE = 4
# Of Orthanc's HTTP threads, the part that may wait until scans are read, and at most so many.
WAITING_SHARE = 0.2
WAITING_AT_ONCE = 10
POLL_S = (0.05, 0.5)
PATIENCE_S = 10.0
TIMEOUT_S = (1.0, 5.0)
MOST_JOBS = 10_000


@dataclass(frozen=True)
class Held:
    """Orthanc's identifiers of the instances of a resource; `readable` are those that can be a
    scan: of its classes, and no results of ours as far as is known."""

    instances: tuple[str, ...]
    readable: tuple[str, ...]


@dataclass(frozen=True)
class Patience:
    """How long a synchronous request waits at most, how many HTTP threads Orthanc has, and what
    ends all waiting at once."""

    limit_s: float = 50.0
    http_threads: int = 50
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def seats(self) -> int:
        """How many may wait at the same time: most threads stay free, for us as for others."""
        return min(int(self.http_threads * WAITING_SHARE), WAITING_AT_ONCE)


class Demand:
    """Safe to use from any thread. Raises ArchiveFault where Orthanc does not answer in time, and
    where too much is asked at once."""

    def __init__(
        self,
        around: Surroundings,
        readers: Callable[[], tuple[Reader, ...]],
        patience: Patience | None = None,
    ) -> None:
        self._around = around
        self._readers = readers
        self._patience = patience or Patience()
        self._errands = Errands(around)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._seats = threading.Semaphore(self._patience.seats)

    def queue_later(self, level: str, resource: str, priority: int | None = None) -> None:
        """Look and queue a moment later, and answer at once. This is what machines ask for: what
        cannot be read is left alone, and what a person cancelled too."""

        def errand() -> None:
            held = self.look(level, resource)
            if held is not None and held.readable:
                self.queue(held, priority, by_person=False)

        self._errands.add(f"{level}/{resource}", errand)

    def close(self) -> None:
        """Queue nothing more that was asked for later."""
        self._errands.close()

    def look(self, level: str, resource: str) -> Held | None:
        """What Orthanc holds; `level` is instances, series or studies. None: no such resource."""
        with self._archive() as archive:
            held = archive.held(level, resource)
        if held is None:
            return None
        instances = tuple(held)
        results = self._results(instances)
        readable = (one for one, sop_class in held.items() if self._can_be_read(one, sop_class))
        return Held(instances, tuple(one for one in readable if one not in results))

    def queue(self, held: Held, priority: int | None = None, *, by_person: bool = True) -> int:
        """Have every readable instance read by every reader; how many jobs are queued by that.

        `priority` is that of these jobs, else 0. What is done stays as it is, unless
        its results are gone. Raises ModelFault as long as no model could be read.
        """
        readers = self._readers()
        if not readers:
            raise ModelFault(f"no model is in use: {self._around.health.snapshot()['reason']}")
        ledger = self._around.ledger
        tasks = [reader.task(one) for one in held.readable for reader in readers]
        if priority is not None:
            tasks = [replace(task, priority=priority) for task in tasks]
        with self._archive() as archive:
            queued = sum(queue(task, ledger, archive, by_person=by_person) for task in tasks)
        ledger.hurry(held.readable)
        self._around.inbox.wake()
        return queued

    def wait(self, held: Held) -> bool:
        """Wait until nothing of `held` is queued nor running. False where that takes too long,
        where too many wait already, where reading is paused, and when we are stopping.

        Looks at the ledger again and again, and asks nothing of Orthanc.
        """
        if not self._seats.acquire(blocking=False):
            return False
        try:
            deadline = time.monotonic() + self._patience.limit_s
            pause_s, longest_s = POLL_S
            while self._is_open(held):
                if self._around.health.paused or time.monotonic() > deadline:
                    return False
                if self._patience.stop.wait(pause_s):
                    return False
                pause_s = min(2 * pause_s, longest_s)
            return True
        finally:
            self._seats.release()

    def _is_open(self, held: Held) -> bool:
        states = (Filter(state, held.readable) for state in ("queued", "running"))
        return any(self._around.ledger.jobs(which, 0, 0)[1] for which in states)

    def _can_be_read(self, instance: str, sop_class: str | None) -> bool:
        if self._around.inbox.settled(instance):
            return False
        return sop_class is None or sop_class in READABLE_SOP_CLASSES

    def _results(self, instances: tuple[str, ...]) -> set[str]:
        """What was made of `instances`: results lie in the study of their scan."""
        jobs, _ = self._around.ledger.jobs(Filter(instances=instances), MOST_JOBS, 0)
        return {result["instance"] for job in jobs for result in job.results}

    @contextmanager
    def _archive(self) -> Iterator[Archive]:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise ArchiveFault("too much is asked at once: try again")
        try:
            with closing(self._around.archive.another(TIMEOUT_S)) as archive:
                yield archive
        finally:
            self._turns.release()
