"""From the inbox and the change log into the ledger: every instance that may be a scan, once.

Where the rules treat all scans alike, no header is read here. Where they say when or how urgently
a scan is read, its header is: a scan whose rule waits for its series or study has that queued.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from pydicom import Dataset

from adjuvant.archive import Archive
from adjuvant.errors import ArchiveFault, Refusal, explain
from adjuvant.first_start import CHANGE_TIME
from adjuvant.health import Log
from adjuvant.image import read_header
from adjuvant.inbox import READABLE_SOP_CLASSES, Inbox, Sweep
from adjuvant.job import CATCH_UP, ENDED, Filter, Job, Task
from adjuvant.ledger import Ledger
from adjuvant.reader import Reader
from adjuvant.rulebook import Rulebook
from adjuvant.rules.ruleset import RuleSet
from adjuvant.silence import Silences
from adjuvant.superseding import delete_outdated, outdated

# Headers are read for so long before the next job is done.
AT_A_TIME_S = 0.5

AT_ONCE = 1000  # scans that are queued in one transaction; a page of the change log has as many
MOST_JOBS = 10_000  # of so many scans


@dataclass
class Intake:
    """Queues what arrived. `due` is the monotonic time of the next page of the change log."""

    archive: Archive
    ledger: Ledger
    inbox: Inbox
    sweep_s: float
    rulebook: Rulebook = field(default_factory=Rulebook)
    log: Log = field(default_factory=Log.silent)
    due: float = 0.0
    _sweep: Sweep = field(init=False)
    _silences: Silences = field(init=False)
    _found: list[str] = field(init=False, default_factory=list)  # on the page, newest first
    _read: list[str] = field(init=False, default_factory=list)  # on the page, known before
    _last_page: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._sweep = Sweep(self.archive, self.ledger)
        self._silences = Silences(self.archive)

    def tasks(self, instance: str, readers: Collection[Reader]) -> list[Task]:
        """What is to be done about an instance that may be a scan, and came some time ago.

        Where its series or study was complete already, it does not wait for it again.
        """
        known, new = list[Task](), list[Reader]()
        for reader in readers:
            task = reader.task(instance)
            if self.ledger.known(task) is None:
                new.append(reader)
            else:
                known.append(task)
        found = tasks_for(instance, new, self.rulebook.active.rules, self.archive)
        return [*known, *(self._not_waiting(instance, task) for task in found)]

    def _not_waiting(self, instance: str, task: Task) -> Task:
        job = self.ledger.known(task) if task.level != "instance" else None
        if job is None or job.state not in ENDED:
            return task
        return replace(task, instance=instance, level="instance")

    def collect(self, readers: Collection[Reader]) -> None:
        """Queue what the callback dropped, then one page of the change log if a walk is due."""
        rules = self.rulebook.active.rules
        until = time.monotonic() + AT_A_TIME_S
        waiting = self.inbox.take()
        if not _headers_needed(readers, rules):
            waiting = self._queue_unknown(waiting, readers, rules)
        for instance in waiting:
            if time.monotonic() >= until:
                self.inbox.wake()  # the rest is taken once more, after the next job
                return
            for task in self._tasks(instance, readers, rules):
                self._put(task, instance)
            self.inbox.put_away(instance)
        if time.monotonic() >= self.due:
            self._walk(readers, rules, until)

    def _queue_unknown(
        self, waiting: list[str], readers: Collection[Reader], rules: RuleSet
    ) -> list[str]:
        """Queue what has no job yet, many at a time: in a flood, a transaction for each would slow
        reception down. Returns the rest."""
        known = list[str]()
        for start in range(0, len(waiting), AT_ONCE):
            page = waiting[start : start + AT_ONCE]
            with_job = {instance for instance, _ in self._known(page)}
            new = [instance for instance in page if instance not in with_job]
            self.ledger.add([task for one in new for task in self._tasks(one, readers, rules)])
            for instance in new:
                self.inbox.put_away(instance)
            known += [instance for instance in page if instance in with_job]
        return known

    def _walk(self, readers: Collection[Reader], rules: RuleSet, until: float) -> None:
        if not self._found and not self._read:
            self._look_at_page()
        if not _headers_needed(readers, rules):
            found = reversed(self._found)
            tasks = [task for one in found for task in self._tasks(one, readers, rules)]
            known = self._known(self._found)
            new = (task for task in tasks if (task.instance, task.interpretation) not in known)
            self.ledger.add([task.later(CATCH_UP) for task in new])
            self._found.clear()
        while self._found and time.monotonic() < until:
            self._catch_up(self._found[-1], readers, rules)
            self._found.pop()
        while self._read and time.monotonic() < until:
            self._look_again(self._read[-1], readers)
            self._read.pop()
        if self._last_page and not self._found and not self._read:
            self._sweep.finish()
            self.due = time.monotonic() + self.sweep_s

    def _look_at_page(self) -> None:
        """Find what may be a scan on the next page. Whatever fails, no page is left out."""
        instances, stable, self._last_page = self._sweep.page()
        try:
            self.ledger.hurry(stable)
            queued = {instance for instance, _ in self._known(instances)}
            self._found = [
                one for one in reversed(instances) if one in queued or self._is_readable(one)
            ]
            self._read = [one for one in instances if one in queued]
        except Exception:
            self._sweep.again()
            raise

    def _catch_up(self, instance: str, readers: Collection[Reader], rules: RuleSet) -> None:
        known = self._known([instance])
        new = [one for one in readers if (instance, one.interpretation.name) not in known]
        for task in self._tasks(instance, new, rules):
            if task.level == "instance":
                self.ledger.add([task.later(CATCH_UP)])
            else:
                queue_anew(task.later(CATCH_UP), self.ledger)

    def _look_again(self, instance: str, readers: Collection[Reader]) -> None:
        """Queue a scan that was overwritten, or deleted and sent again, since it was read."""
        for reader in readers:
            task = reader.task(instance).later(CATCH_UP)
            try:
                again = outdated(task, self.ledger, self.archive) or self._was_deleted(task)
            except Exception as fault:
                if not self._silences.only_of(instance, fault):
                    raise
                why = explain(fault)
                self.log.error(f"{instance}: whether it was overwritten cannot be told: {why}")
                return
            if again:
                self._queue(task)

    def _was_deleted(self, task: Task) -> bool:
        """Whether a scan was stored once more after its job had ended, and nothing stands of that.
        Where a person deleted only the results, it was not stored since, and they stay deleted."""
        job = self.ledger.known(task)
        if job is None or job.finished is None or job.state not in ("done", "refused"):
            return False
        ended = time.strftime(CHANGE_TIME, time.gmtime(job.finished))
        if self._sweep.stored.get(task.instance, "") < ended:
            return False
        lost = job.code == "deleted" or not _results_stand(job, self.archive)
        return lost and self.archive.holds(task.instance)

    def _tasks(self, instance: str, readers: Collection[Reader], rules: RuleSet) -> list[Task]:
        try:
            return tasks_for(instance, readers, rules, self.archive)
        except Exception as fault:
            if not self._silences.only_of(instance, fault):
                raise
            return [reader.task(instance) for reader in readers]  # the job says why

    def _put(self, task: Task, instance: str) -> None:
        """Queue what was just sent. A scan that had a job before does not wait a second time."""
        scan = replace(task, instance=instance, level="instance")
        if task.level == "instance" or self.ledger.known(scan) is not None:
            self._queue(scan)
        else:
            queue_anew(task, self.ledger)

    def _queue(self, task: Task) -> None:
        """Queue a scan that may have been read before; in the end also where Orthanc cannot tell
        whether its results still stand, so that nobody else waits for it: the job says more."""
        try:
            queue(task, self.ledger, self.archive)
        except Exception as fault:
            if not self._silences.only_of(task.instance, fault, patient=True):
                raise
            why = explain(fault)
            self.log.error(f"{task.instance}: is read again, what was made of it is unknown: {why}")
            job = self.ledger.known(task)
            if job is not None and job.state != "cancelled":
                queue_anew(task, self.ledger)

    def _known(self, instances: Collection[str]) -> set[tuple[str, str]]:
        """What has a job, also one of another model: a switch of models reads nothing again."""
        jobs, _ = self.ledger.jobs(Filter(instances=tuple(instances)), MOST_JOBS, 0)
        return {(job.task.instance, job.task.interpretation) for job in jobs}

    def _is_readable(self, instance: str) -> bool:
        if self.inbox.settled(instance):
            return False
        try:
            sop_class = self.archive.sop_class(instance)
        except ArchiveFault as fault:
            if not self._silences.only_of(instance, fault):
                raise
            return True  # its job will fail and say so; nobody else waits for it
        if sop_class is None:  # gone, and it may come again
            return False
        if sop_class not in READABLE_SOP_CLASSES:
            self.inbox.settle(instance)
        return sop_class in READABLE_SOP_CLASSES


def tasks_for(
    instance: str, readers: Collection[Reader], rules: RuleSet, archive: Archive
) -> list[Task]:
    """What is to be done about an instance, by each reader: to read it, or to wait for its series
    or study to be complete. Raises ArchiveFault."""
    if not _headers_needed(readers, rules):
        names = [reader.interpretation.name for reader in readers]
        priorities = [rules.unseen_priority(name) or 0 for name in names]
        return [reader.task(instance, p) for reader, p in zip(readers, priorities, strict=True)]
    try:
        header = read_header(archive.read(instance))
        return [_task(instance, reader, rules, header, archive) for reader in readers]
    except Refusal:  # the job of the instance says why
        return [reader.task(instance) for reader in readers]
    except ArchiveFault as fault:
        if fault.status is None:
            raise
        return [reader.task(instance) for reader in readers]  # nobody else waits for it


def _headers_needed(readers: Collection[Reader], rules: RuleSet) -> bool:
    return any(rules.unseen_priority(one.interpretation.name) is None for one in readers)


def _task(instance: str, reader: Reader, rules: RuleSet, header: Dataset, archive: Archive) -> Task:
    rule = rules.decide(header, reader.interpretation.name).rule
    if rule is None:  # its job says why
        return reader.task(instance)
    if rule.level == "instance":
        return reader.task(instance, rule.priority)
    if rule.level == "series":
        return reader.task(archive.series(instance), rule.priority, rule.level)
    return reader.task(archive.parents(instance).study, rule.priority, rule.level)


def queue_anew(task: Task, ledger: Ledger) -> None:
    """Queue, once more where the job had ended: something came after it, or it has to be done
    again."""
    job = ledger.find(task)
    if job is not None and job.state in ENDED:
        ledger.reopen(job, task.priority)
    else:
        ledger.add([task])


def queue(task: Task, ledger: Ledger, archive: Archive, *, by_person: bool = False) -> bool:
    """Queue what was sent again or asked for: perhaps it was deleted before, perhaps it is whole
    this time, perhaps it was overwritten, and what was made before is deleted. What waits,
    runs, or is done with results that still stand, stays as it is: False.

    What a person cancelled is queued again by a person only, and not because it is sent again; so
    is what an earlier version of the model has read.
    """
    job = ledger.find(task) if by_person else ledger.known(task)
    if job is None:
        ledger.add([task])
        return True
    overwritten = _withdraw(task, ledger, archive)
    is_own = job.task.model_digest == task.model_digest
    again = ("refused", "failed", "superseded", *(("cancelled",) if by_person else ()))
    if job.state in again or job in overwritten or not _results_stand(job, archive):
        if is_own:
            ledger.reopen(job, task.priority)
        else:
            ledger.add([task])
        return True
    if is_own:
        ledger.add([task])  # what waits may be more urgent now
    return False


def _withdraw(task: Task, ledger: Ledger, archive: Archive) -> list[Job]:
    """Delete at once what was made of a scan before it was overwritten: an outline of other pixels
    must not stand beside the new ones while these wait. The jobs that it was made by."""
    jobs = outdated(task, ledger, archive)
    md5 = archive.md5(task.instance) if jobs else None
    if md5 is not None:
        try:
            delete_outdated(archive, ledger, task, md5)
        except Refusal:  # the scan was deleted meanwhile, and its job will say so
            pass
        except ArchiveFault as fault:
            if fault.status is None:
                raise
            # Its job tries it once more, before anything else, and fails where it cannot be.
    return jobs


def _results_stand(job: Job, archive: Archive) -> bool:
    results = job.results if job.state == "done" else []
    return all(archive.holds(result["instance"]) for result in results)
