"""From the inbox and the change log into the ledger: every instance that may be a scan, once."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from adjuvant.archive import Archive
from adjuvant.inbox import READABLE_SOP_CLASSES, Inbox, Sweep
from adjuvant.ledger import Job, Ledger
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
                self._arrived(reader, instance)
        if time.monotonic() >= self.due:
            self._page(readers)

    def _page(self, readers: Collection[Reader]) -> None:
        instances, done = self._sweep.page()
        scans = [one for one in instances if self._is_readable(one)]
        self.ledger.add([reader.task(one) for one in scans for reader in readers])
        if done:
            self._sweep.finish()
            self.due = time.monotonic() + self.sweep_s

    def _arrived(self, reader: Reader, instance: str) -> None:
        task = reader.task(instance)
        job = self.ledger.find(task)
        if job is None:
            self.ledger.add([task])
        elif job.state in ("refused", "failed") or not self._results_stand(job):
            # It was sent again: perhaps deleted before, perhaps whole this time.
            self.ledger.reopen(job)

    def _results_stand(self, job: Job) -> bool:
        results = job.results if job.state == "done" else []
        return all(self.archive.holds(result["instance"]) for result in results)

    def _is_readable(self, instance: str) -> bool:
        if self.inbox.settled(instance):
            return False
        readable = self.archive.sop_class(instance) in READABLE_SOP_CLASSES
        if not readable:
            self.inbox.settle(instance)
        return readable
