"""One job, from the scan in the archive to its results there and its end in the ledger.

What may hang or exhaust memory is computed in the watchdog's thread, which touches neither the
archive nor the ledger: what was given up can never be delivered late.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from adjuvant.delivery import chosen, deliver, deliver_refusal
from adjuvant.errors import AdjuvantError, Fault, Refusal, explain
from adjuvant.gathering import POLL_S, NotStable, gather
from adjuvant.image import read_header
from adjuvant.intake import queue, queue_anew
from adjuvant.job import End, Job, Task, told
from adjuvant.loading import Loading
from adjuvant.pipeline import Outcome, analyse
from adjuvant.reader import Reader
from adjuvant.results.provenance import is_own
from adjuvant.rules.ruleset import Rule
from adjuvant.structures import NODULES
from adjuvant.superseding import delete_earlier, delete_outdated, delete_refusal
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.watchdog import Hung, Stopping, Watchdog

if TYPE_CHECKING:
    from pydicom import Dataset

    from adjuvant.network import Network

HUNG = "hung"
REPORT = "SR"
MEMORY = "memory does not suffice to read this scan, even frame by frame"


class NotAScan(AdjuvantError):
    """The instance is one of our own results."""


class Superseded(AdjuvantError):
    """The job was queued for a model that is not in use any more."""


class Cancelled(AdjuvantError):
    """A person cancelled the job while it ran: nothing of it is stored."""


@dataclass(frozen=True)
class Examined:
    """What was computed of one scan: its header, the rule by which it was read, and the outcome or
    why there is none."""

    header: Dataset
    rule: Rule
    outcome: Outcome | Refusal

    @property
    def summary(self) -> dict[str, Any]:
        """As REST shows it."""
        rule = {"rule": self.rule.name, "routing": list(self.rule.routing)}
        return rule if isinstance(self.outcome, Refusal) else {**summarise(self.outcome), **rule}


class Execution:
    """Does claimed jobs. Whatever goes wrong with one is written down as its end, or as the reason
    for which it is tried again; only a LedgerFault is raised."""

    def __init__(
        self, around: Surroundings, plan: Plan, loading: Loading, watchdog: Watchdog
    ) -> None:
        self._around = around
        self._plan = plan
        self._loading = loading
        self._watchdog = watchdog
        self._unwritten: Callable[[], None] | None = None

    def run(self, job: Job) -> None:
        """Read the scan, deliver its results, write down the end."""
        ledger = self._around.ledger
        try:
            if job.task.level == "instance":
                end = self._read(job)
                self._around.forward(job.task, end.results, end.summary["routing"])
            else:
                end = self._gather(job)
        except NotAScan:
            self._around.inbox.settle(job.task.instance)
            self._write(partial(ledger.drop, job))
        except Superseded as superseded:
            self._write(partial(ledger.finish, job, End("superseded", reason=str(superseded))))
            self._around.log.info(told("job-superseded", job, reason=superseded))
        except Cancelled:
            self._around.log.info(told("job-cancelled", job))
        except NotStable as waiting:
            self._write(partial(ledger.put_back, job, POLL_S, str(waiting)))
        except Refusal as refusal:
            self._finish(job, End("refused", refusal.code, refusal.reason))
        except Stopping:
            self._write(partial(ledger.put_back, job))
        except Hung as fault:
            self._hung(job, fault)
        except Exception as fault:
            self._failed(job, fault)
        else:
            self._finish(job, end)

    def write_down(self) -> None:
        """Write what became of the last job, where the ledger could not be written then."""
        if self._unwritten is not None:
            self._unwritten()
            self._unwritten = None

    def _write(self, write: Callable[[], None]) -> None:
        self._unwritten = write
        self.write_down()

    def _finish(self, job: Job, end: End) -> None:
        self._write(partial(self._around.ledger.finish, job, end))
        if end.state == "refused":
            self._around.log.info(told("job-refused", job, code=end.code, reason=end.reason))
            return
        if job.task.level == "instance":
            self._around.health.succeed(time.time())
        total = f"{sum(end.steps_ms.values()):.0f}"
        self._around.log.info(told("job-done", job, ms=total, results=len(end.results)))

    def _gather(self, job: Job) -> End:
        return gather(job, self._reader(job), self._plan.rulebook.active.rules, self._around)

    def _read(self, job: Job) -> End:
        reader = self._reader(job)
        begin = time.perf_counter()
        data = self._around.archive.read(job.task.instance)
        read = time.perf_counter()
        self._know_source(job, data)
        network = self._loading.networks[job.task.interpretation]
        last = job.attempts >= self._plan.maximum_attempts
        examine = partial(_examine, data, reader, network, self._plan, last)
        examined = self._watchdog.call(examine, self._plan.job_s)
        outcome = examined.outcome
        if isinstance(outcome, Refusal):
            return self._report_refusal(job, examined, outcome, reader)
        built = time.perf_counter()
        self._begin_delivery(job)
        objects = chosen(outcome.objects, examined.rule.results)
        results = deliver(self._around.archive, job.task.instance, objects)
        for result in results:
            self._around.inbox.settle(result["instance"])
        delete_refusal(self._around.archive, job.task, outcome.scan.header)
        if self._plan.replace_earlier:
            self._replace_earlier(job.task, outcome)
        self._plan.hooks.compare(job.task, outcome)
        own = {"read": (read - begin) * 1e3, "store": (time.perf_counter() - built) * 1e3}
        steps = {name: round(ms, 2) for name, ms in {**outcome.steps_ms, **own}.items()}
        return End("done", steps_ms=steps, results=results, summary=examined.summary)

    def _know_source(self, job: Job, data: bytes) -> None:
        """What was made of another file goes: the scan was overwritten since, perhaps while its
        results were being stored."""
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()  # as Orthanc tells it
        if md5 == job.source_md5:
            return
        deleted = delete_outdated(self._around.archive, self._around.ledger, job.task, md5)
        if deleted or job.source_md5 is not None:
            self._around.log.warning(f"{job.task.instance}: overwritten, and read anew")
        self._around.ledger.keep_source(job, md5)

    def _begin_delivery(self, job: Job) -> None:
        if not self._around.ledger.begin_delivery(job):
            raise Cancelled

    def _replace_earlier(self, task: Task, outcome: Outcome) -> None:
        source = str(outcome.scan.header.SOPInstanceUID)
        deleted = delete_earlier(self._around.archive, task, source)
        self._around.ledger.supersede(task)
        if deleted:
            self._around.log.warning(f"{task.instance}: {deleted} earlier results were replaced")

    def _report_refusal(
        self, job: Job, examined: Examined, refusal: Refusal, reader: Reader
    ) -> End:
        """The rule accepted the scan, so that somebody waits for it: its study says why not."""
        archive, instance = self._around.archive, job.task.instance
        self._begin_delivery(job)
        reported = REPORT in examined.rule.results
        header = examined.header
        results = deliver_refusal(archive, instance, header, refusal, reader) if reported else []
        for result in results:
            self._around.inbox.settle(result["instance"])
        return End(
            "refused", refusal.code, refusal.reason, results=results, summary=examined.summary
        )

    def _reader(self, job: Job) -> Reader:
        reader = self._loading.readers.get(job.task.interpretation)
        if reader is not None and reader.algorithm.digest == job.task.model_digest:
            return reader
        if reader is not None:  # queued before a switch of models: the one in use reads it
            self._hand_over(job.task, reader)
        raise Superseded(f"{job.task.model} is not in use any more")

    def _hand_over(self, task: Task, reader: Reader) -> None:
        """Queue what waited for another model. The one in use may have read it before, as after a
        roll-back: its results stay where they still stand."""
        own = reader.task(task.instance, task.priority, task.level)
        if own.level == "instance":
            queue(own, self._around.ledger, self._around.archive, by_person=True)
        else:
            queue_anew(own, self._around.ledger)

    def _failed(self, job: Job, fault: Exception) -> None:
        ledger, reason = self._around.ledger, explain(fault)
        if self._watchdog.stopping:
            self._write(partial(ledger.put_back, job))
        elif job.attempts >= self._plan.maximum_attempts:
            self._give_up(job, "fault", reason)
        else:
            self._write(partial(ledger.postpone, job, reason, self._plan.retry_s))
            self._around.log.warning(told("job-put-off", job, reason=reason))

    def _hung(self, job: Job, fault: Hung) -> None:
        """A scan that hangs twice in a row is not tried a third time: each costs a thread."""
        self._loading.renew()  # the network may be what hangs
        ledger, retry_s = self._around.ledger, self._plan.retry_s
        if job.code == HUNG or job.attempts >= self._plan.maximum_attempts:
            self._give_up(job, HUNG, str(fault))
        else:
            self._write(partial(ledger.postpone, job, str(fault), retry_s, HUNG))
            self._around.log.error(told("job-put-off", job, code=HUNG, reason=fault))

    def _give_up(self, job: Job, code: str, reason: str) -> None:
        self._write(partial(self._around.ledger.finish, job, End("failed", code, reason)))
        self._around.log.error(told("job-failed", job, code=code, reason=reason))


def _examine(data: bytes, reader: Reader, network: Network, plan: Plan, last: bool) -> Examined:
    """Everything between the file and the results. Raises NotAScan, Refusal where nobody waits for
    this scan, Fault; where memory does not suffice, it is a refusal at the `last` attempt only."""
    header = read_header(data)
    if is_own(header):
        raise NotAScan
    decision = plan.rulebook.active.rules.decide(header, reader.interpretation.name)
    if decision.rule is None:
        raise Refusal("not-applicable", decision.reason)
    outcome: Outcome | Refusal
    try:
        outcome = analyse(
            data,
            reader.interpretation,
            network,
            plan.limits,
            plan.presentation,
            plan.calibration,
        )
    except Refusal as refusal:
        outcome = refusal
    except MemoryError:
        if not last:
            raise Fault(MEMORY) from None
        outcome = Refusal("out-of-memory", MEMORY)
    return Examined(header, decision.rule, outcome)


def summarise(outcome: Outcome) -> dict[str, Any]:
    """The measures of an outcome as REST shows them; the area is of the first frame that shows a
    gland and has one, and cold nodules are None where no model looked for any."""
    findings = outcome.findings
    nodules = sum(segment.type.value in NODULES for segment in findings.segments)
    looked = findings.gland_seen and "nodules" in outcome.steps_ms
    return {
        "gland_seen": findings.gland_seen,
        "gland_area_cm2": findings.gland_area_cm2,
        "cold_nodules": nodules if looked else None,
        "frames": [asdict(measure) for measure in findings.measures],
        "remarks": list(findings.remarks),
    }
