"""What a person asks for, rather than what arrives: what was read, and to have it read again.

Called in Orthanc's HTTP threads, never in OnStoredInstance. Orthanc is asked over HTTP: while we
wait, the interpreter is free for Orthanc's callbacks. The answer needs another HTTP thread of
Orthanc (it has 50), so that only a few of ours may wait at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjuvant.archive import Archive
from adjuvant.errors import ArchiveFault, ModelFault
from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.intake import queue
from adjuvant.job import Filter
from adjuvant.reader import Reader

if TYPE_CHECKING:
    from adjuvant.worker import Surroundings

AT_ONCE = 4
PATIENCE_S = 10.0
TIMEOUT_S = (1.0, 5.0)
MOST_JOBS = 10_000


@dataclass(frozen=True)
class Held:
    """Orthanc's identifiers of the instances of a resource; `readable` are those that can be a
    scan: of its classes, and no results of ours as far as is known."""

    instances: tuple[str, ...]
    readable: tuple[str, ...]


class Demand:
    """Safe to use from any thread. Raises ArchiveFault where Orthanc does not answer in time, and
    where too much is asked at once."""

    def __init__(self, around: Surroundings, readers: Callable[[], tuple[Reader, ...]]) -> None:
        self._around = around
        self._readers = readers
        self._turns = threading.BoundedSemaphore(AT_ONCE)

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

    def queue(self, held: Held) -> int:
        """Have every readable instance read by every reader; how many jobs are queued by that.

        What is done stays as it is, unless its results are gone. Raises ModelFault as long as no
        model could be read.
        """
        readers = self._readers()
        if not readers:
            raise ModelFault(f"no model is in use: {self._around.health.snapshot()['reason']}")
        ledger = self._around.ledger
        tasks = [reader.task(one) for one in held.readable for reader in readers]
        with self._archive() as archive:
            queued = sum(queue(task, ledger, archive) for task in tasks)
        ledger.hurry(held.readable)
        self._around.inbox.wake()
        return queued

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
