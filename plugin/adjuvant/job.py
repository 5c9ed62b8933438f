"""What a job is: its task, its state, its end. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STATES = ("queued", "running", "done", "refused", "failed")


@dataclass(frozen=True)
class Task:
    """What one job is about. `model` is `name version`, `model_digest` its SHA-256."""

    instance: str
    interpretation: str
    model: str
    model_digest: str


@dataclass(frozen=True)
class Job:
    """One row. Times are seconds since 1970; the last three are as REST shows them."""

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


@dataclass(frozen=True)
class Filter:
    """Which jobs: those in `state`, those about one of `instances`; None is any."""

    state: str | None = None
    instances: tuple[str, ...] | None = None


@dataclass(frozen=True)
class End:
    """How a job ended: `state` is done, refused or failed."""

    state: str
    code: str | None = None
    reason: str | None = None
    steps_ms: dict[str, float] = field(default_factory=dict)
    results: list[dict[str, str]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
