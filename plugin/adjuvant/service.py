"""Wires the engine together: configuration, ledger, archive, network, worker.

Runs in a thread of its own from Orthanc's start to its stop. Heavy packages are imported by this
module, so it is imported in that thread as well, when Orthanc is already storing.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from adjuvant.api import Desk
from adjuvant.archive import Archive, connection, wait_for_archive
from adjuvant.change_record import RecordFault
from adjuvant.config import SECTION, ConfigFault, Settings, locate, read_settings
from adjuvant.corrections.office import Office
from adjuvant.demand import Demand, Patience
from adjuvant.errors import ArchiveFault, Fault, RuleFault
from adjuvant.first_start import FILE as FIRST_START_FILE
from adjuvant.first_start import read_first_start
from adjuvant.health import Log
from adjuvant.image import Limits
from adjuvant.inbox import CURSOR
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import told
from adjuvant.keeping import Folders, ModelKeeping
from adjuvant.ledger import Ledger, LedgerCorrupt, LedgerFault, set_aside
from adjuvant.lock import LedgerHeld, hold
from adjuvant.metrics import Publish, publishing
from adjuvant.network import load_network
from adjuvant.pause import recall
from adjuvant.reader import choose
from adjuvant.registry import Announcer
from adjuvant.routing.destination import Ourselves
from adjuvant.routing.routing import Routing, Way
from adjuvant.rule_desk import RuleDesk
from adjuvant.rulebook import Rulebook, Written
from adjuvant.rules.syntax import DEFAULT_RULES, Known, read_rules
from adjuvant.shadow import Means
from adjuvant.standby import shares_index, stand_by, take_over
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.whole_file import write_whole
from adjuvant.worker import Worker
from adjuvant.written import read_section

LEDGER_FILE = "ledger.sqlite"
ROUTING_FILE = "routing.sqlite"
SINCE_FILE = "since"
SHOWN_PACKAGES = ("highdicom", "pydicom", "tensorflow")
SWITCH_INTERVAL_S = 0.0005
UNHURRIED_S = (5.0, 60.0)  # to connect, to answer: what only the shadow waits for


@dataclass(frozen=True)
class Host:
    """What Orthanc tells us: its configuration, the folder that paths in it are relative to,
    the authorization token of its plugins, the folder that holds our `plugin/`, where figures for
    monitoring go, and where the configuration is on the disk (a file or a folder), if known."""

    configuration: Mapping[str, Any]
    folder: Path
    token: str
    base: Path
    publish: Publish | None = None
    written: Path | None = None


class Service:
    """The engine. `run` returns after `stop` was set and the inbox woken."""

    def __init__(self, host: Host, desk: Desk, log: Log, stop: threading.Event) -> None:
        self._host = host
        self._desk = desk
        self._log = log
        self._stop = stop

    def run(self) -> None:
        """Work until told to stop; where the configuration is wrong, say so and return."""
        with publishing(self._desk, self._host.publish, self._stop):
            self._run()

    def _run(self) -> None:
        try:
            settings = read_settings(self._host.configuration)
            if not settings.enabled:
                self._desk.health.become("off", "Adjuvant.Enabled is false")
                return
            rulebook = self._rulebook(settings)
            archive = self._archive(settings)
        except (ConfigFault, RuleFault, ArchiveFault) as fault:
            self._desk.health.become("off", str(fault))
            self._log.error(f"off: {fault}")
            return
        # Orthanc's callbacks never wait long for the interpreter while we build results.
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._desk.health.become("starting", "loading the models")
        try:
            if wait_for_archive(archive, self._stop, self._unanswered):
                if self._desk.health.settle("archive"):
                    self._log.warning("Orthanc answers us")
                    self._desk.health.become("starting", "loading the models")
                self._work(settings, rulebook, archive)
        finally:
            archive.close()

    def _unanswered(self, fault: ArchiveFault) -> None:
        """Orthanc runs, but not for us: it may speak HTTPS with another certificate, say."""
        self._raise_alarm("archive", f"no scan is read, as Orthanc does not answer us: {fault}")
        self._desk.health.become("degraded", str(fault))

    def _plan(self, settings: Settings, keeping: ModelKeeping, rulebook: Rulebook) -> Plan:
        return Plan(
            readers=keeping.readers,
            load=keeping.load,
            limits=Limits(settings.maximum_matrix, settings.maximum_frames),
            presentation=settings.presentation,
            calibration=settings.calibration,
            replace_earlier=settings.earlier_results == "replace",
            maximum_attempts=settings.maximum_attempts,
            retry_s=settings.retry_seconds,
            job_s=settings.job_seconds,
            sweep_s=settings.sweep_seconds,
            keep_s=settings.keep_jobs_days * 86400.0,
            maximum_jobs=settings.maximum_jobs,
            rulebook=rulebook,
            hooks=keeping.hooks,
        )

    def _keeping(self, settings: Settings) -> ModelKeeping:
        models, data = (
            locate(path, self._host.base)
            for path in (settings.models_directory, settings.data_directory)
        )
        return ModelKeeping(
            Folders(models, data),
            settings.models,
            choose(settings.models, INTERPRETATIONS),
            partial(load_network, device=settings.device, threads=settings.threads),
            Announcer(self._desk.health, self._log),
            settings.models_named,
        )

    def _rulebook(self, settings: Settings) -> Rulebook:
        known = self._known(settings)
        return Rulebook(read_rules(settings.rules, known, f"{SECTION}.Rules"))

    def _open_rulebook(self, settings: Settings, rulebook: Rulebook) -> None:
        """The rules in force; what is wrong with those activated over REST is an alarm."""
        folder = locate(settings.data_directory, self._host.base)
        written = Written(rulebook.active.rules, self._known(settings), self._again)
        wrong = rulebook.open(folder, written)
        if wrong:
            self._raise_alarm("rules", wrong)
        active = rulebook.active
        self._log.info(f"rules of {active.source}: {active.rules.digest}")

    def _known(self, settings: Settings) -> Known:
        names = tuple(one.name for one in choose(settings.models, INTERPRETATIONS))
        return Known(names, tuple(settings.routes))

    def _again(self) -> object:
        """What the configuration on the disk says now; without the key, the default."""
        if self._host.written is None:
            raise Fault("Orthanc does not say where its configuration is")
        return read_section(self._host.written, SECTION).get("Rules", DEFAULT_RULES)

    def _archive(self, settings: Settings) -> Archive:
        where = connection(self._host.configuration, self._host.folder, self._host.token)
        return Archive(where, settings.maximum_instance_megabytes << 20)

    def _way(self, settings: Settings) -> Way:
        configuration = self._host.configuration
        ports = configuration.get("HttpPort", 8042), configuration.get("DicomPort", 4242)
        path = locate(settings.data_directory, self._host.base) / ROUTING_FILE
        return Way(settings.routes, path, Ourselves(*ports), settings.retry_seconds)

    def _work(self, settings: Settings, rulebook: Rulebook, archive: Archive) -> None:
        path = locate(settings.data_directory, self._host.base) / LEDGER_FILE
        tempfile.tempdir = str(path.parent)  # packages write nowhere else either
        while not self._stop.is_set():
            try:
                self._session(path, settings, rulebook, archive)
            except (LedgerFault, RecordFault, ArchiveFault) as fault:
                if isinstance(fault, LedgerHeld) and shares_index(self._host.configuration):
                    stand_by(self._desk, self._log, fault.holder)
                else:
                    self._trouble(path, fault)
                self._stop.wait(settings.retry_seconds)

    def _session(
        self, path: Path, settings: Settings, rulebook: Rulebook, archive: Archive
    ) -> None:
        """Work with one open ledger, until told to stop or the ledger breaks."""
        with hold(path.parent), closing(Ledger(path)) as ledger:
            take_over(self._desk, self._log)
            self._begin(ledger, settings, archive)
            self._open_rulebook(settings, rulebook)
            health = self._desk.health
            rules = RuleDesk(rulebook, archive, health, self._log)
            routing = Routing(self._way(settings), archive, ledger, health, self._log)
            around = Surroundings(
                archive, ledger, self._desk.inbox, health, self._log, routing.offer
            )
            keeping = self._keeping(settings)
            worker = Worker(around, self._plan(settings, keeping, rulebook), self._stop)
            limits = Limits(settings.maximum_matrix, settings.maximum_frames)
            unhurried = archive.another(UNHURRIED_S)
            corrections = Office(path.parent, archive, (health, self._log), self._stop.is_set)
            since = self._since(path.parent, settings, archive)
            # Only now: what fails above is tried again and again, as one alarm since its beginning.
            health.settle("ledger")
            self._desk.rules, self._desk.ledger = rules, ledger
            self._desk.models = keeping.desk(worker.loading)
            self._desk.corrections = corrections.open(
                tuple(INTERPRETATIONS), settings.sweep_seconds, since, lambda: worker.goes_first
            )
            keeping.shadow.start(
                Means(unhurried, limits, lambda: worker.busy, lambda: worker.loading.networks)
            )
            self._desk.demand = Demand(around, worker.readers, self._patience(settings))
            self._desk.routing = routing
            routing.start()
            try:
                worker.run()
            finally:
                desk = self._desk
                if desk.demand is not None:
                    desk.demand.close()
                if desk.models is not None:
                    desk.models.close()
                desk.demand = desk.ledger = desk.routing = desk.rules = desk.models = None
                desk.corrections = None
                corrections.close()
                rules.close()
                routing.close()
                keeping.shadow.close()
                unhurried.close()

    def _patience(self, settings: Settings) -> Patience:
        threads = self._host.configuration.get("HttpThreadsCount", 50)  # Orthanc's own default
        return Patience(settings.synchronous_seconds, threads, self._stop)

    def _begin(self, ledger: Ledger, settings: Settings, archive: Archive) -> None:
        """Queue what was cut short; at the very first start, decide where the log begins."""
        recall(ledger.path.parent, self._desk.health)
        self._desk.health.know(orthanc=archive.version(), **_installed())
        for job in ledger.fail_crashed(settings.maximum_attempts):
            self._log.error(told("job-failed", job, code=job.code, reason=job.reason))
        recovered = ledger.recover()
        if recovered:
            self._log.warning(f"{recovered} jobs were cut short and are queued again")
        if ledger.note(CURSOR) is None:
            ledger.keep_note(CURSOR, self._since(ledger.path.parent, settings, archive))

    def _since(self, folder: Path, settings: Settings, archive: Archive) -> int:
        """The change from which on scans are ours. Kept beside the ledger: it outlives it. Where
        the file is damaged, it is found out once more."""
        path = folder / SINCE_FILE
        try:
            if path.exists():
                with suppress(ValueError):
                    return int(path.read_text())
                self._log.error(f"{path} is damaged and written anew")
            since = 0 if settings.analyse_existing else self._first_change(folder, archive)
            write_whole(str(path), f"{since}\n")
            return since
        except OSError as fault:
            raise LedgerFault(f"{path} cannot be used: {fault}") from fault

    def _first_change(self, folder: Path, archive: Archive) -> int:
        """The newest change before our very first start: what came since then is ours, though we
        were not up yet to be told."""
        moment = read_first_start(str(folder / FIRST_START_FILE))
        return archive.last_change() if moment is None else archive.last_change(before=moment)

    def _trouble(self, path: Path, fault: LedgerFault | RecordFault | ArchiveFault) -> None:
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


def _installed() -> dict[str, str]:
    """The versions of the packages that matter, without importing any."""
    found = {}
    for name in SHOWN_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
