"""From the inbox and the change log into the ledger: every instance that may be a scan, once."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from adjuvant.archive import Archive
from adjuvant.inbox import READABLE_SOP_CLASSES, Inbox, Sweep
from adjuvant.job import Job, Task
from adjuvant.ledger import Ledger
from adjuvant.reader import Reader


@dataclass
class Intake:
    """Queues what arrived. `due` is the monotonic time of the next page of the change log."""

    archive: Archive
    ledger: Ledger
    inbox: Inbox
    sweep_s: float
    due: float = 0.0
    _sweep: Sweep = field(init=False)

    def __post_init__(self) -> None:
        self._sweep = Sweep(self.archive, self.ledger)

    def collect(self, readers: Collection[Reader]) -> None:
        """Queue what the callback dropped, then one page of the change log if a walk is due."""
        for instance in self.inbox.take():
            for reader in readers:
                queue(reader.task(instance), self.ledger, self.archive)
            self.inbox.put_away(instance)
        if time.monotonic() >= self.due:
            self._page(readers)

    def _page(self, readers: Collection[Reader]) -> None:
        instances, done = self._sweep.page()
        scans = [one for one in instances if self._is_readable(one)]
        self.ledger.add([reader.task(one) for one in scans for reader in readers])
        if done:
            self._sweep.finish()
            self.due = time.monotonic() + self.sweep_s

    def _is_readable(self, instance: str) -> bool:
        if self.inbox.settled(instance):
            return False
        readable = self.archive.sop_class(instance) in READABLE_SOP_CLASSES
        if not readable:
            self.inbox.settle(instance)
        return readable


def queue(task: Task, ledger: Ledger, archive: Archive) -> bool:
    """Queue what was sent again or asked for: perhaps it was deleted before, perhaps it is whole
    this time. What waits, runs, or is done with results that still stand, stays as it is: False.
    """
    job = ledger.find(task)
    if job is None:
        ledger.add([task])
        return True
    if job.state in ("refused", "failed") or not _results_stand(job, archive):
        ledger.reopen(job)
        return True
    return False


def _results_stand(job: Job, archive: Archive) -> bool:
    results = job.results if job.state == "done" else []
    return all(archive.holds(result["instance"]) for result in results)
