"""The thread that does the work: find what arrived, claim, read, deliver, write down the end.

Whatever goes wrong with one scan ends in the ledger as a refusal or a failure; whatever goes
wrong with us is an alarm, and is tried again after a growing delay.
"""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjuvant.archive import Archive
from adjuvant.delivery import deliver, deliver_refusal
from adjuvant.errors import AdjuvantError, ArchiveFault, Fault, ModelFault, Refusal
from adjuvant.health import Health, Log
from adjuvant.image import Limits, read_header
from adjuvant.inbox import Inbox
from adjuvant.intake import Intake
from adjuvant.job import End, Job, Task
from adjuvant.ledger import Ledger, LedgerCorrupt
from adjuvant.pipeline import Outcome, analyse
from adjuvant.reader import Reader
from adjuvant.rehearsal import rehearse
from adjuvant.results.presentation import Presentation
from adjuvant.results.provenance import is_own
from adjuvant.superseding import delete_earlier

if TYPE_CHECKING:
    from pydicom import Dataset

    from adjuvant.network import Network

ARCHIVE_POLL_S = 0.2
LONGEST_RETRY_S = 600.0


@dataclass(frozen=True)
class Surroundings:
    """What the worker works with; every part is made and closed by `service`."""

    archive: Archive
    ledger: Ledger
    inbox: Inbox
    health: Health
    log: Log


@dataclass(frozen=True)
class Plan:
    """How it works. `readers` and `load` raise ModelFault as long as a model cannot be used."""

    readers: Callable[[], tuple[Reader, ...]]
    load: Callable[[Path], Network]
    limits: Limits
    presentation: Presentation
    replace_earlier: bool
    maximum_attempts: int
    retry_s: float
    sweep_s: float


class NotAScan(AdjuvantError):
    """The instance is one of our own results."""


class Worker:
    """One thread's work. `run` returns soon after `stop` is set and the inbox was woken."""

    def __init__(self, around: Surroundings, plan: Plan, stop: threading.Event) -> None:
        self._around = around
        self._plan = plan
        self._stop = stop
        self._intake = Intake(around.archive, around.ledger, around.inbox, plan.sweep_s)
        self._readers: dict[str, Reader] = {}
        self._networks: dict[str, Network] = {}
        self._load_due = 0.0
        self._load_failures = 0
        self._stumbles = 0

    def run(self) -> None:
        """Work until told to stop. Raises LedgerCorrupt: then a new ledger is needed."""
        while not self._stop.is_set():
            try:
                self._around.inbox.wait(self._step())
                self._recovered()
            except LedgerCorrupt:
                raise
            except Exception as fault:
                self._stumbled(fault)

    def readers(self) -> tuple[Reader, ...]:
        """Who reads scans: empty as long as no model could be read. Safe from any thread."""
        return tuple(self._readers.values())

    def _step(self) -> float:
        """Do one thing; the seconds for which there is nothing to do."""
        self._load_if_due()
        if not self._readers:
            return self._idle_s()
        self._intake.collect(self._readers.values())
        if len(self._networks) == len(self._readers):
            job = self._around.ledger.claim(time.time())
            if job is not None:
                self._do(job)
                return 0.0
        return self._idle_s()

    def _idle_s(self) -> float:
        now = time.monotonic()
        pending = [self._intake.due - now]
        if len(self._networks) < max(len(self._readers), 1):
            pending.append(self._load_due - now)
        else:
            due = self._around.ledger.next_due()
            pending += [] if due is None else [due - time.time()]
        return max(min(pending), 0.0)

    # Loading

    def _load_if_due(self) -> None:
        complete = self._readers and len(self._networks) == len(self._readers)
        if complete or time.monotonic() < self._load_due:
            return
        try:
            self._load()
        except ModelFault as fault:
            delay = min(self._plan.retry_s * 2.0**self._load_failures, LONGEST_RETRY_S)
            self._load_failures += 1
            self._load_due = time.monotonic() + delay
            self._raise_alarm("model", f"no scan can be read: {fault}")
            self._around.health.become("degraded", str(fault))

    def _load(self) -> None:
        readers = {one.interpretation.name: one for one in self._plan.readers()}
        self._readers = readers
        networks = {name: self._plan.load(one.folder) for name, one in readers.items()}
        for name, one in readers.items():
            # The limits of the site are for its scans: ours is drawn.
            rehearse(one.interpretation, networks[name], Limits())
        self._networks = networks
        # TensorFlow leaves a million objects that live for ever: without them a collection, which
        # makes Orthanc's callbacks wait, takes a millisecond, and so does the end of the process.
        gc.collect()
        gc.freeze()
        self._load_failures = 0
        device = ", ".join(sorted({network.device for network in networks.values()}))
        self._around.health.use(device, tuple(one.in_use for one in readers.values()))
        self._around.health.settle("model")
        self._around.health.become("ready", "waiting for scans")
        names = ", ".join(f"{one.model.name} {one.model.version}" for one in readers.values())
        self._around.log.warning(f"ready: {names} on {device}")

    # One job

    def _do(self, job: Job) -> None:
        ledger = self._around.ledger
        try:
            end = self._read(job)
        except NotAScan:
            self._around.inbox.settle(job.task.instance)
            ledger.drop(job)
        except Refusal as refusal:
            self._finish(job, End("refused", refusal.code, refusal.reason))
        except Exception as fault:
            self._failed(job, fault)
        else:
            self._finish(job, end)

    def _finish(self, job: Job, end: End) -> None:
        self._around.ledger.finish(job, end)
        if end.state == "refused":
            self._around.log.info(f"{job.task.instance} refused: {end.reason}")
            return
        self._around.health.succeed(time.time())
        total = sum(end.steps_ms.values())
        self._around.log.info(f"{job.task.instance} done in {total:.0f} ms")

    def _read(self, job: Job) -> End:
        reader = self._reader(job)
        begin = time.perf_counter()
        data = self._around.archive.read(job.task.instance)
        header = read_header(data)
        if is_own(header):
            raise NotAScan
        verdict = reader.interpretation.rule(header)
        if not verdict.applies:
            raise Refusal("not-applicable", verdict.reason)
        read = time.perf_counter()
        network = self._networks[job.task.interpretation]
        plan = self._plan
        try:
            outcome = analyse(data, reader.interpretation, network, plan.limits, plan.presentation)
        except Refusal as refusal:
            return self._report_refusal(job, header, refusal, reader)
        built = time.perf_counter()
        results = deliver(self._around.archive, job.task.instance, outcome.objects)
        for result in results:
            self._around.inbox.settle(result["instance"])
        if self._plan.replace_earlier:
            self._replace_earlier(job.task, outcome)
        own = {"read": (read - begin) * 1e3, "store": (time.perf_counter() - built) * 1e3}
        steps = {name: round(ms, 2) for name, ms in {**outcome.steps_ms, **own}.items()}
        return End("done", steps_ms=steps, results=results, summary=summarise(outcome))

    def _replace_earlier(self, task: Task, outcome: Outcome) -> None:
        source = str(outcome.scan.header.SOPInstanceUID)
        deleted = delete_earlier(self._around.archive, task, source)
        self._around.ledger.supersede(task)
        if deleted:
            self._around.log.warning(f"{task.instance}: {deleted} earlier results were replaced")

    def _report_refusal(self, job: Job, header: Dataset, refusal: Refusal, reader: Reader) -> End:
        """The rule accepted the scan, so that somebody waits for it: its study says why not."""
        archive, instance = self._around.archive, job.task.instance
        results = deliver_refusal(archive, instance, header, refusal, reader)
        for result in results:
            self._around.inbox.settle(result["instance"])
        return End("refused", refusal.code, refusal.reason, results=results)

    def _reader(self, job: Job) -> Reader:
        reader = self._readers.get(job.task.interpretation)
        if reader is not None and reader.model.digest == job.task.model_digest:
            return reader
        if reader is not None:  # queued before an upgrade: the new model reads it
            self._around.ledger.add([reader.task(job.task.instance)])
        raise Refusal("superseded", f"{job.task.model} is not in use any more")

    def _failed(self, job: Job, fault: Exception) -> None:
        ledger, reason = self._around.ledger, explain(fault)
        if self._stop.is_set():
            ledger.put_back(job)
        elif job.attempts >= self._plan.maximum_attempts:
            ledger.finish(job, End("failed", "fault", reason))
            self._around.log.error(f"{job.task.instance} failed for good: {reason}")
        else:
            ledger.postpone(job, reason, self._plan.retry_s)
            self._around.log.warning(f"{job.task.instance} will be tried again: {reason}")

    # Alarms

    def _stumbled(self, fault: Exception) -> None:
        if self._stop.is_set():
            return
        self._stumbles += 1
        self._raise_alarm("worker", explain(fault))
        self._stop.wait(min(self._plan.retry_s * 2.0 ** (self._stumbles - 1), LONGEST_RETRY_S))

    def _recovered(self) -> None:
        if self._stumbles:
            self._stumbles = 0
            self._around.health.settle("worker")
            self._around.log.warning("works again")

    def _raise_alarm(self, key: str, what: str) -> None:
        if self._around.health.alarm(key, what):
            self._around.log.error(f"alarm: {what}")


def wait_for_archive(archive: Archive, stop: threading.Event) -> bool:
    """Return True when Orthanc's REST API answers, False when told to stop before."""
    while not stop.is_set():
        try:
            archive.version()
            return True
        except ArchiveFault:
            stop.wait(ARCHIVE_POLL_S)
    return False


def explain(fault: Exception) -> str:
    """One sentence about a fault, without the text of foreign exceptions, which may quote a header.

    What is not ours is named by its class and the line that raised it.
    """
    if isinstance(fault, Fault):
        return str(fault)
    frames = traceback.extract_tb(fault.__traceback__)
    package = Path(__file__).parent
    ours = [frame for frame in frames if package in Path(frame.filename).parents]
    where = (ours or frames)[-1:]
    place = f" at {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
    return f"unexpected {type(fault).__name__}{place}"


def summarise(outcome: Outcome) -> dict[str, Any]:
    """The measures of an outcome as REST shows them; the area is of the first frame with one."""
    findings = outcome.findings
    areas = (m.gland_area_cm2 for m in findings.measures if m.gland_area_cm2 is not None)
    return {
        "gland_seen": findings.gland_seen,
        "gland_area_cm2": next(areas, None),
        "frames": [asdict(measure) for measure in findings.measures],
        "remarks": list(findings.remarks),
    }
