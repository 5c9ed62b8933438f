"""What a job is: its task, its state, its end. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from adjuvant.health import event

ENDED = ("done", "refused", "failed", "superseded", "cancelled")
RETRIABLE = ("refused", "failed", "cancelled")  # by a person, one job at a time
STATES = ("queued", "running", *ENDED)

# Added to the priority that a rule gives: what just arrived goes before what was found later.
CATCH_UP = -100  # in the change log
BACKGROUND = -10_000  # by walking through the whole archive


@dataclass(frozen=True)
class Task:
    """What one job is about. `model` is `name version`, `model_digest` its SHA-256;
    of several models, as `adjuvant.chain` joins them.

    `instance` is Orthanc's identifier of a resource of this `level`: instance, series or study.
    The highest `priority` is done first.
    """

    instance: str
    interpretation: str
    model: str
    model_digest: str
    priority: int = 0
    level: str = "instance"

    def later(self, by: int) -> Task:
        """The same task, less urgent: `by` is CATCH_UP or BACKGROUND."""
        return replace(self, priority=self.priority + by)


@dataclass(frozen=True)
class Job:
    """One row. Times are seconds since 1970; steps, results and summary are as REST shows them.

    `created` is when it was queued, or queued once more after an end.

    `source_md5` is that of the file that was read: what is stored of the job was made of it. None
    where nothing was read yet, and where an earlier version of this software did.
    """

    id: int
    task: Task
    state: str
    code: str | None
    reason: str | None
    attempts: int
    created: float
    started: float | None
    finished: float | None
    steps_ms: dict[str, float]
    results: list[dict[str, str]]
    summary: dict[str, Any]
    source_md5: str | None


@dataclass(frozen=True)
class Filter:
    """Which jobs: those in `state`, those about one of `instances`, of one interpretation, of one
    `model` (name and version), queued at or after `since` (seconds since 1970); None is any."""

    state: str | None = None
    instances: tuple[str, ...] | None = None
    interpretation: str | None = None
    model: str | None = None
    since: float | None = None


@dataclass(frozen=True)
class End:
    """How a job ended: `state` is done, refused, failed or superseded."""

    state: str
    code: str | None = None
    reason: str | None = None
    steps_ms: dict[str, float] = field(default_factory=dict)
    results: list[dict[str, str]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)


def told(kind: str, job: Job, **fields: object) -> str:
    """A line of the log about a job, which names Orthanc's identifier and no patient."""
    task = job.task
    names = {"instance": task.instance, "interpretation": task.interpretation}
    return event(kind, job=job.id, **names, model=task.model, attempt=job.attempts, **fields)
