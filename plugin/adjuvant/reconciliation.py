"""A walk through the whole archive, study by study, for what neither the callback nor the change
log told us of: scans without a job, and jobs whose results are gone.

It is asked for (`POST /adjuvant/reconcile`), runs in the worker's thread between two jobs, and
what it finds is read after everything else. Where it stands is in the ledger: a restart goes on
there. Studies are taken in the order of their identifiers, which neither deletions nor arrivals
disturb; what arrives meanwhile is told by the change log. Standard library only.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from adjuvant.errors import explain
from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.job import BACKGROUND, Job, Task
from adjuvant.ledger import Ledger
from adjuvant.silence import Silences

if TYPE_CHECKING:
    from adjuvant.reader import Reader
    from adjuvant.surroundings import Surroundings

RECORD = "reconciliation"
AT_A_TIME_S = 0.1  # so long does the next job wait at most

Tasks = Callable[[str, Collection["Reader"]], list[Task]]


@dataclass(frozen=True)
class Progress:
    """How far a walk has come: `studies` of `total`. Times are seconds since 1970.

    `position` is the last study that was looked at, `queued` the number of jobs that were queued,
    `skipped` that of studies about which Orthanc answered with an error, or not at all although it
    answers.
    """

    asked: float
    finished: float | None = None
    position: str = ""
    studies: int = 0
    total: int | None = None
    queued: int = 0
    skipped: int = 0


def ask(ledger: Ledger) -> Progress:
    """Begin a walk, unless one is under way; how far it has come."""
    progress = look(ledger)
    if progress is None or progress.finished is not None:
        progress = Progress(asked=time.time())
        ledger.keep_record(RECORD, asdict(progress))
    return progress


def look(ledger: Ledger) -> Progress | None:
    """How far the last walk has come; None where there never was one."""
    record: dict[str, Any] | None = ledger.record(RECORD)
    return None if record is None else Progress(**record)


class Reconciliation:
    """The walk itself, a little at a time. `tasks` says what is to be done about an instance."""

    def __init__(self, around: Surroundings, tasks: Tasks) -> None:
        self._around = around
        self._tasks = tasks
        self._silences = Silences(around.archive)
        self._studies: list[str] | None = None

    def step(self, readers: Collection[Reader]) -> bool:
        """Go on for a moment; True where there is more to do.

        Raises ArchiveFault where Orthanc does not answer, LedgerFault.
        """
        progress = look(self._around.ledger)
        if progress is None or progress.finished is not None:
            return False
        if self._studies is None:
            self._studies = sorted(self._around.archive.studies())
        until = time.monotonic() + AT_A_TIME_S
        place = bisect_right(self._studies, progress.position)
        try:
            while place < len(self._studies):
                progress = self._look_at(self._studies[place], progress, readers)
                place += 1
                if time.monotonic() >= until:
                    break
        finally:
            progress = replace(progress, studies=place, total=len(self._studies))
            done = place == len(self._studies)
            self._keep(replace(progress, finished=time.time()) if done else progress)
        return not done

    def _keep(self, progress: Progress) -> None:
        self._around.ledger.keep_record(RECORD, asdict(progress))
        if progress.finished is not None:
            self._studies = None
            self._around.log.warning(
                f"reconciled {progress.studies} studies: {progress.queued} jobs queued, "
                f"{progress.skipped} studies skipped"
            )

    def _look_at(self, study: str, progress: Progress, readers: Collection[Reader]) -> Progress:
        progress = replace(progress, position=study)
        try:
            held = self._around.archive.held("studies", study) or {}
            return replace(progress, queued=progress.queued + self._queue(held, readers))
        except Exception as fault:
            if not self._silences.only_of(study, fault):
                raise  # Orthanc does not answer at all, say: we go on here when it does
            self._around.log.error(f"study {study} is not reconciled: {explain(fault)}")
            return replace(progress, skipped=progress.skipped + 1)

    def _queue(self, held: dict[str, str | None], readers: Collection[Reader]) -> int:
        """Queue what has no job, what is done without its results, which lie in the study of their
        scan, and what was deleted before it was read and came again; how many. What was refused
        otherwise or has failed stays so, and what another version of the model has read is read."""
        ledger, queued = self._around.ledger, 0
        for instance, sop_class in held.items():
            if not self._may_be_a_scan(instance, sop_class):
                continue
            for task in self._tasks(instance, readers):
                job, later = ledger.known(task), task.later(BACKGROUND)
                if job is not None and not _is_undone(job, held):
                    continue
                if job is not None and job.task.model_digest == task.model_digest:
                    ledger.reopen(job, later.priority)
                else:
                    ledger.add([later])
                queued += 1
        return queued

    def _may_be_a_scan(self, instance: str, sop_class: str | None) -> bool:
        if sop_class is not None and sop_class not in READABLE_SOP_CLASSES:
            return False
        return not self._around.inbox.settled(instance)


def _is_undone(job: Job, held: Collection[str]) -> bool:
    if job.state == "refused":
        return job.code == "deleted"
    return job.state == "done" and any(one["instance"] not in held for one in job.results)
