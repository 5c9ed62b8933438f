"""Opens and closes all that has to do with corrections. Where it cannot be opened, scans are read
all the same, and an alarm says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adjuvant.archive import Archive
from adjuvant.corrections.desk import CorrectionDesk
from adjuvant.corrections.register import INDEX_FILE, Register, RegisterCorrupt
from adjuvant.corrections.watch import ALARM, Watch
from adjuvant.database import set_aside
from adjuvant.errors import explain
from adjuvant.health import Health, Log

TIMEOUT_S = (5.0, 60.0)  # nobody waits for it
RECORD_ALARM = "correction-record"


class Office:
    """The list, the thread that fills it, and the desk. `told` is where alarms and lines go."""

    def __init__(
        self,
        folder: Path,
        archive: Archive,
        told: tuple[Health, Log],
        ends: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder = folder
        self._archive = archive.another(TIMEOUT_S)
        self._told = told
        self._ends = ends
        self._register: Register | None = None
        self._watch: Watch | None = None

    def open(
        self,
        interpretations: tuple[str, ...],
        sweep_s: float,
        since: int,
        first: Callable[[], bool],
    ) -> CorrectionDesk | None:
        """Begin to look, at the change `since` where nothing was looked at before, not while
        others go `first`; the desk, None where the list cannot be opened."""
        try:
            self._register = self._opened()
            if (altered := self._register.record_fault) is not None:
                what = f"the record of decisions about corrections was altered: {altered}"
                self._raise_alarm(RECORD_ALARM, what)
            self._watch = Watch(
                self._archive,
                self._register,
                interpretations,
                self._told,
                sweep_s,
                first,
                self._ends,
            )
            self._watch.start(since)
        except Exception as fault:  # whatever it is, scans are read without it
            what = f"corrections are not looked for until Orthanc restarts: {explain(fault)}"
            self._raise_alarm(ALARM, what)
            return None
        return CorrectionDesk(self._register, self._archive, self._told[1])

    def _raise_alarm(self, key: str, what: str) -> None:
        health, log = self._told
        if health.alarm(key, what):
            log.error(f"alarm: {what}")

    def close(self) -> None:
        """Look at nothing any more; safe to call twice."""
        if self._watch is not None:
            self._watch.close()
        if self._register is not None:
            self._register.close()
        self._archive.close()

    def _opened(self) -> Register:
        """A damaged list is set aside and filled again from the change log; the record of decisions
        is another file."""
        try:
            return Register(self._folder)
        except RegisterCorrupt as fault:
            aside = set_aside(self._folder / INDEX_FILE)
            self._told[1].error(f"{fault}; it was set aside as {aside.name}")
            return Register(self._folder)
