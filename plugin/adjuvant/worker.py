"""The thread that does the work: find what arrived, claim, have it done.

Whatever goes wrong with one scan ends in the ledger as a refusal or a failure; whatever goes
wrong with us is an alarm, and is tried again after a growing delay.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adjuvant.backoff import doubled
from adjuvant.errors import ArchiveFault, explain
from adjuvant.execution import Execution
from adjuvant.intake import Intake
from adjuvant.ledger import LedgerCorrupt
from adjuvant.loading import LONGEST_RETRY_S, Loading
from adjuvant.reader import Reader
from adjuvant.reconciliation import Reconciliation
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.watchdog import Watchdog

PRUNE_S = 600.0
# Scans that arrive in a second: more is a flood, as when an archive is moved. Then the next scan is
# read when the flood has passed, or after so long.
FLOOD = 20.0
LONGEST_WAY_S = 10.0
FLOOD_LOOK_S = 0.25
HUNG_LOOK_S = 5.0


@dataclass(frozen=True)
class Search:
    """Something that is looked for in the archive: the key of its alarm, what the alarm says before
    the reason, and the log when it is over."""

    key: str
    alarm: str
    over: str


ARRIVING = Search("intake", "new scans may not be noticed", "new scans are noticed again")
WALKING = Search(
    "reconciliation", "the archive is not searched further", "the archive is searched further"
)


class Attempts:
    """A search that is an alarm, and is tried ever later, as long as Orthanc does not answer.
    `due` is the monotonic time of the next attempt, `failures` how many failed in a row."""

    def __init__(
        self, search: Search, around: Surroundings, retry_s: float, stop: threading.Event
    ) -> None:
        self._search = search
        self._around = around
        self._retry_s = retry_s
        self._stop = stop
        self.due = 0.0
        self.failures = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time for an attempt."""
        return time.monotonic() >= self.due

    @contextmanager
    def tried(self) -> Iterator[None]:
        """An attempt is made inside of it; its ArchiveFault ends here."""
        try:
            yield
        except ArchiveFault as fault:
            if self._stop.is_set():  # Orthanc ends, and does not answer any more
                return
            delay_s = doubled(self._retry_s, self.failures, LONGEST_RETRY_S)
            self.failures += 1
            self.due = time.monotonic() + delay_s
            self._around.raise_alarm(self._search.key, f"{self._search.alarm}: {fault}")
        else:
            self.failures = 0
            if self._around.health.settle(self._search.key):
                self._around.log.warning(self._search.over)


class Worker:
    """One thread's work. `run` returns soon after `stop` is set and the inbox was woken."""

    def __init__(self, around: Surroundings, plan: Plan, stop: threading.Event) -> None:
        self._around = around
        self._plan = plan
        self._stop = stop
        self._watchdog = Watchdog(stop)
        self._intake = Intake(
            around.archive, around.ledger, around.inbox, plan.sweep_s, plan.rulebook, around.log
        )
        self._reconciliation = Reconciliation(around, self._intake.tasks)
        self._loading = Loading(around, plan, self._watchdog)
        self._execution = Execution(around, plan, self._loading, self._watchdog)
        self._arriving = Attempts(ARRIVING, around, plan.retry_s, stop)
        self._walking = Attempts(WALKING, around, plan.retry_s, stop)
        self._prune_due = 0.0
        self._abandoned = 0
        self._stumbles = 0
        self._reading = self._making_way = False

    def run(self) -> None:
        """Work until told to stop. Raises LedgerCorrupt: then a new ledger is needed."""
        try:
            while not self._stop.is_set():
                try:
                    idle_s = self._step()
                    self._recovered()
                    if not self._stop.is_set():  # the step may have taken the bell's ring with it
                        self._around.inbox.wait(idle_s)
                except LedgerCorrupt:
                    raise
                except Exception as fault:
                    self._stumbled(fault)
        finally:
            self._watchdog.close()

    def readers(self) -> tuple[Reader, ...]:
        """Who reads scans: empty as long as no model could be read. Safe from any thread."""
        return tuple(self._loading.readers.values())

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a scan, as far as is known without asking the ledger."""
        return self._reading or len(self._around.inbox) > 0

    @property
    def goes_first(self) -> bool:
        """Whether a scan is read, or scans come in a flood, so that what can wait should wait: a
        thread of low priority that TensorFlow's threads interrupt keeps the interpreter's lock,
        and reception waits for it."""
        return self._reading or self._making_way

    @property
    def loading(self) -> Loading:
        """The models in use, and the way to put others in their place."""
        return self._loading

    def _step(self) -> float:
        """Do one thing; the seconds for which there is nothing to do."""
        self._execution.write_down()
        self._look_at_hung()
        self._prune_if_due()
        if not self._watchdog.exhausted:
            self._loading.load_if_due()
        self._loading.adopt()
        readers = self._loading.readers.values()
        if not readers:
            return self._idle_s()
        walking = self._collect(readers)
        job = self._around.ledger.claim() if self._ready else None
        self._reading = job is not None
        if job is not None:
            begun, before = time.monotonic(), self._around.inbox.arrivals
            self._execution.run(job)
            self._make_way(before, begun)
            return 0.0
        return 0.0 if walking else self._idle_s()

    def _collect(self, readers: Collection[Reader]) -> bool:
        """Queue what arrived and what is found; True where there is more to find. What is queued
        is read also while Orthanc cannot tell what else there is, and what arrives is queued also
        while the reconciliation cannot go on."""
        walking = False
        if self._arriving.is_due:
            with self._arriving.tried():
                self._intake.collect(readers)
        if self._walking.is_due and not self._arriving.failures:
            with self._walking.tried():
                walking = self._reconciliation.step(readers)
        return walking

    def _make_way(self, before: int, since: float) -> None:
        """Leave the machine to reception while scans come in a flood, for a while at most, and
        until somebody asks for something.

        `before` is how many had arrived at `since`, when the reading of the last scan began. Each
        result is stored through the same index as what arrives, and slows it down: measured with
        eight senders at full speed, to 83 % of what Orthanc receives alone.
        """
        inbox, calls = self._around.inbox, self._around.inbox.calls
        until = time.monotonic() + LONGEST_WAY_S
        try:
            while is_flood(inbox.arrivals - before, time.monotonic() - since):
                self._making_way = True
                before, since = inbox.arrivals, time.monotonic()
                if since >= until or inbox.calls > calls or self._stop.wait(FLOOD_LOOK_S):
                    return
        finally:
            self._making_way = False

    @property
    def _ready(self) -> bool:
        return self._loading.complete and not self._around.health.paused

    def _idle_s(self) -> float:
        now = time.monotonic()
        pending = [self._prune_due - now]
        if self._loading.readers:  # without any, nothing is queued and nothing looked for
            pending.append(max(self._intake.due, self._arriving.due) - now)
            if self._walking.failures:
                pending.append(max(self._walking.due, self._arriving.due) - now)
        if self._ready:
            wait_s = self._around.ledger.wait_s()
            pending += [] if wait_s is None else [wait_s]
        elif not self._loading.complete and not self._watchdog.exhausted:
            pending.append(self._loading.due - now)
        if self._abandoned:
            pending.append(HUNG_LOOK_S)
        return max(min(pending), 0.0)

    def _prune_if_due(self) -> None:
        if time.monotonic() < self._prune_due:
            return
        pruned = self._around.ledger.prune(self._plan.keep_s, self._plan.maximum_jobs)
        self._prune_due = time.monotonic() + (0.0 if pruned else PRUNE_S)

    # Alarms

    def _look_at_hung(self) -> None:
        """Threads that hang are an alarm as long as they do; too many of them stop the reading."""
        before, self._abandoned = self._abandoned, self._watchdog.abandoned
        if self._abandoned == before:
            return
        health, number = self._around.health, self._abandoned
        if self._watchdog.exhausted:
            what = f"{number} scans hang, and no further one is read: restart Orthanc"
            self._around.raise_alarm("hung", what)
            health.become("degraded", what)
        elif number:
            what = f"{number} scans hang and keep their memory: restart Orthanc when it suits"
            self._around.raise_alarm("hung", what)
        else:
            health.settle("hung")
            self._around.log.warning("nothing hangs any more")

    def _stumbled(self, fault: Exception) -> None:
        if self._stop.is_set():
            return
        self._stumbles += 1
        reason = explain(fault)
        self._around.raise_alarm("worker", reason)
        self._around.health.become("degraded", reason)
        self._stop.wait(doubled(self._plan.retry_s, self._stumbles - 1, LONGEST_RETRY_S))

    def _recovered(self) -> None:
        self._stumbles = 0
        if self._around.health.settle("worker"):
            if self._loading.complete:
                self._around.health.become("ready", "waiting for scans")
            self._around.log.warning("works again")


def is_flood(arrived: int, in_s: float) -> bool:
    """Whether so many scans in so many seconds leave no room for reading others."""
    return arrived > FLOOD * in_s
