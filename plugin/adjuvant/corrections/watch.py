"""The thread that looks at every segmentation that Orthanc receives, along its change log.

It has a cursor of its own and disturbs no job: nobody waits for it. A result of ours that comes
after the segmentation that a person drew (sent from elsewhere, or read late) is noticed too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from adjuvant.archive import Archive
from adjuvant.corrections.recognise import Looked, Recogniser
from adjuvant.corrections.register import Register
from adjuvant.errors import ArchiveFault, explain
from adjuvant.health import Health, Log, event
from adjuvant.inbox import CURSOR, Sweep
from adjuvant.results.correction import SEGMENTATION_CLASSES
from adjuvant.silence import Silences

ALARM = "corrections"
LOWEST_PRIORITY = 19
JOIN_S = 2.0
FIRST_LOOK_S = 0.25


class Watch:
    """Looks every `sweep_s` seconds, but while others go `first` it asks Orthanc nothing; where
    Orthanc `ends`, it is no fault that it does not answer."""

    def __init__(
        self,
        archive: Archive,
        register: Register,
        interpretations: tuple[str, ...],
        told: tuple[Health, Log],
        sweep_s: float,
        first: Callable[[], bool] = lambda: False,
        ends: Callable[[], bool] = lambda: False,
    ) -> None:
        self._archive = archive
        self._register = register
        self._recogniser = Recogniser(archive, interpretations)
        self._sweep = Sweep(archive, register)
        self._silences = Silences(archive)
        self._health, self._log = told
        self._sweep_s = sweep_s
        self._first = first
        self._ends = ends
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, since: int) -> None:
        """Begin, at the change `since` where nothing was looked at before."""
        if self._register.note(CURSOR) is None:
            self._register.keep_note(CURSOR, since)
        self._thread = threading.Thread(target=self._run, name="adjuvant-corrections", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look at nothing any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def walk(self) -> None:
        """Look at everything up to the end of the change log, or until told to stop."""
        last = False
        while not last and not self._stop.is_set():
            instances, _, last = self._sweep.page()
            try:
                self._look_at_page(instances)
            except Exception:
                self._sweep.again()
                raise
        if last and not self._stop.is_set():
            self._sweep.finish()

    def _look_at_page(self, instances: tuple[str, ...]) -> None:
        for instance in instances:
            while self._first() and not self._stop.wait(FIRST_LOOK_S):
                pass
            if self._stop.is_set():
                return
            self._look(instance)

    def _run(self) -> None:
        """Linux gives threads a priority of their own: ours is the lowest."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        while not self._stop.is_set():
            try:
                self.walk()
                self._health.settle(ALARM)
            except Exception as fault:  # a thread of its own: nobody else would tell
                what = f"corrections are not looked for: {explain(fault)}"
                if not self._leaving() and self._health.alarm(ALARM, what):
                    self._log.error(f"alarm: {what}")
            self._stop.wait(self._sweep_s)

    def _leaving(self) -> bool:
        return self._stop.is_set() or self._ends()

    def _look(self, instance: str) -> None:
        try:
            self._look_at(instance)
        except Exception as fault:
            if not self._silences.only_of(instance, fault):
                raise
            if not isinstance(fault, ArchiveFault) or fault.status is None:  # else: deleted, say
                self._log.error(f"no corrections are looked for in {instance}: {explain(fault)}")

    def _look_at(self, instance: str) -> None:
        if self._archive.sop_class(instance) not in SEGMENTATION_CLASSES:
            return
        looked = self._recogniser.look(instance)
        if looked is None:
            return
        if looked.ours:
            for waiting in self._register.unlinked(looked.scans):
                self._keep(waiting, self._recogniser.look(waiting))
        else:
            self._keep(instance, looked)

    def _keep(self, instance: str, looked: Looked | None) -> None:
        if looked is None:
            return
        for found in looked.found:
            if self._register.put(found):
                self._log.info(
                    event("correction", instance=instance, of=found.model, dice=found.dice)
                )
        if looked.unlinked:
            self._register.keep_unlinked(instance, looked.unlinked)
