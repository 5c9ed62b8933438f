"""A series or study that a rule waits for: when it is complete, its scans are queued.

Orthanc calls a resource stable when nothing was added to it for `StableAge`. It says so in its
change log, but not of what it held when it was stopped: so the job waits in the ledger, asks
Orthanc itself now and then, and the change log only makes it sooner.
"""

from __future__ import annotations

from adjuvant.errors import AdjuvantError, Refusal
from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.intake import queue_anew, tasks_for
from adjuvant.job import End, Job
from adjuvant.reader import Reader
from adjuvant.rules.ruleset import RuleSet
from adjuvant.surroundings import Surroundings

POLL_S = 15.0
RESOURCES = {"series": "series", "study": "studies"}


class NotStable(AdjuvantError):
    """The series or study may still grow; the text is one sentence."""


def gather(job: Job, reader: Reader, rules: RuleSet, around: Surroundings) -> End:
    """Queue every scan of a complete series or study that has no job yet.

    Raises NotStable, Refusal where the resource was deleted, ArchiveFault.
    """
    level, resource = job.task.level, job.task.instance
    stable = around.archive.is_stable(RESOURCES[level], resource)
    if stable is False:
        raise NotStable(f"waits for its {level} to be complete")
    held = around.archive.held(RESOURCES[level], resource)
    if stable is None or held is None:
        raise Refusal("deleted", f"the {level} was deleted from Orthanc before it was read")
    scans = [one for one, sop_class in held.items() if _can_be_read(one, sop_class, around)]
    queued = sum(_queue(scan, job, reader, rules, around) for scan in scans)
    return End("done", summary={"scans_queued": queued})


def _can_be_read(instance: str, sop_class: str | None, around: Surroundings) -> bool:
    known = sop_class is None or sop_class in READABLE_SOP_CLASSES
    return known and not around.inbox.settled(instance)


def _queue(instance: str, job: Job, reader: Reader, rules: RuleSet, around: Surroundings) -> bool:
    """True where the scan is queued. Since the job was, other rules may have come into force: a
    scan that now waits for something else has that queued instead."""
    ledger = around.ledger
    if ledger.known(reader.task(instance)) is not None:
        return False
    (task,) = tasks_for(instance, (reader,), rules, around.archive)
    if task.level not in ("instance", job.task.level):
        queue_anew(task, ledger)
        return False
    ledger.add([reader.task(instance, task.priority)])
    return True
