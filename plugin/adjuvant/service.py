"""Wires the engine together: configuration, ledger, archive, network, worker.

Runs in a thread of its own from Orthanc's start to its stop. Heavy packages are imported by this
module, so it is imported in that thread as well, when Orthanc is already storing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adjuvant.api import Desk
from adjuvant.archive import Archive, connection
from adjuvant.config import ConfigFault, Settings, locate, read_settings
from adjuvant.demand import Demand
from adjuvant.errors import ArchiveFault
from adjuvant.health import Log
from adjuvant.image import Limits
from adjuvant.inbox import CURSOR
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.ledger import Ledger, LedgerCorrupt, LedgerFault, set_aside
from adjuvant.network import load_network
from adjuvant.reader import choose, read_readers
from adjuvant.worker import Plan, Surroundings, Worker, wait_for_archive

LEDGER_FILE = "ledger.sqlite"
SINCE_FILE = "since"
SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True)
class Host:
    """What Orthanc tells us: its configuration, the folder that paths in it are relative to,
    the authorization token of its plugins, and the folder that holds our `plugin/`."""

    configuration: Mapping[str, Any]
    folder: Path
    token: str
    base: Path


class Service:
    """The engine. `run` returns after `stop` was set and the inbox woken."""

    def __init__(self, host: Host, desk: Desk, log: Log, stop: threading.Event) -> None:
        self._host = host
        self._desk = desk
        self._log = log
        self._stop = stop

    def run(self) -> None:
        """Work until told to stop; where the configuration is wrong, say so and return."""
        try:
            settings = read_settings(self._host.configuration)
            if not settings.enabled:
                self._desk.health.become("off", "Adjuvant.Enabled is false")
                return
            plan = self._plan(settings)
            archive = self._archive(settings)
        except (ConfigFault, ArchiveFault) as fault:
            self._desk.health.become("off", str(fault))
            self._log.error(f"off: {fault}")
            return
        # Orthanc's callbacks never wait long for the interpreter while we build results.
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._desk.health.become("starting", "loading the models")
        try:
            if wait_for_archive(archive, self._stop):
                self._work(settings, plan, archive)
        finally:
            archive.close()

    def _plan(self, settings: Settings) -> Plan:
        chosen = choose(settings.models, INTERPRETATIONS)
        models_folder = locate(settings.models_directory, self._host.base)
        return Plan(
            readers=partial(read_readers, chosen, models_folder),
            load=partial(load_network, device=settings.device, threads=settings.threads),
            limits=Limits(settings.maximum_matrix, settings.maximum_frames),
            presentation=settings.presentation,
            replace_earlier=settings.earlier_results == "replace",
            maximum_attempts=settings.maximum_attempts,
            retry_s=settings.retry_seconds,
            sweep_s=settings.sweep_seconds,
        )

    def _archive(self, settings: Settings) -> Archive:
        where = connection(self._host.configuration, self._host.folder, self._host.token)
        return Archive(where, settings.maximum_instance_megabytes << 20)

    def _work(self, settings: Settings, plan: Plan, archive: Archive) -> None:
        path = locate(settings.data_directory, self._host.base) / LEDGER_FILE
        while not self._stop.is_set():
            try:
                self._session(path, settings, plan, archive)
            except (LedgerFault, ArchiveFault) as fault:
                self._trouble(path, fault)
                self._stop.wait(settings.retry_seconds)

    def _session(self, path: Path, settings: Settings, plan: Plan, archive: Archive) -> None:
        """Work with one open ledger, until told to stop or the ledger breaks."""
        with closing(Ledger(path)) as ledger:
            self._begin(ledger, settings, archive)
            self._desk.ledger = ledger
            self._desk.health.settle("ledger")
            health = self._desk.health
            around = Surroundings(archive, ledger, self._desk.inbox, health, self._log)
            worker = Worker(around, plan, self._stop)
            self._desk.demand = Demand(around, worker.readers)
            try:
                worker.run()
            finally:
                self._desk.demand = self._desk.ledger = None

    def _begin(self, ledger: Ledger, settings: Settings, archive: Archive) -> None:
        """Queue what was cut short; at the very first start, decide where the log begins."""
        recovered = ledger.recover(settings.maximum_attempts)
        if recovered:
            self._log.warning(f"{recovered} jobs were cut short and are queued again")
        if ledger.note(CURSOR) is None:
            ledger.keep_note(CURSOR, self._since(ledger.path.parent, settings, archive))

    def _since(self, folder: Path, settings: Settings, archive: Archive) -> int:
        """The change from which on scans are ours. Kept beside the ledger: it outlives it."""
        path = folder / SINCE_FILE
        try:
            if path.exists():
                return int(path.read_text())
            since = 0 if settings.analyse_existing else archive.last_change()
            path.write_text(f"{since}\n")
            return since
        except (OSError, ValueError) as fault:
            raise LedgerFault(f"{path} cannot be used: {fault}") from fault

    def _trouble(self, path: Path, fault: LedgerFault | ArchiveFault) -> None:
        """Raise the alarm; a corrupt ledger is set aside, and the change log fills a new one."""
        what = str(fault)
        if isinstance(fault, LedgerCorrupt):
            try:
                what += f"; it was set aside as {set_aside(path).name}"
            except LedgerFault as second:
                what += f"; it cannot be set aside: {second}"
            self._raise_alarm("corrupt", what)
        else:
            self._raise_alarm("ledger", what)
        self._desk.health.become("degraded", what)

    def _raise_alarm(self, key: str, what: str) -> None:
        if self._desk.health.alarm(key, what):
            self._log.error(f"alarm: {what}")
