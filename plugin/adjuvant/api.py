"""`/adjuvant/...` as plain functions: a request and the desk in, a status and JSON out.

Standard library only: the status has to be readable when nothing else works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adjuvant.health import Health, utc
from adjuvant.inbox import Inbox
from adjuvant.ledger import STATES, Job, Ledger, LedgerFault

METHODS = ("GET",)
DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
LARGEST_NUMBER = 2**53


@dataclass
class Desk:
    """What the routes show; `ledger` is set as long as one is open."""

    health: Health
    inbox: Inbox
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Request:
    """`path` is what follows `/adjuvant/`; `query` holds the text of each parameter."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


class _Problem(Exception):
    def __init__(self, status: int, error: str, details: str) -> None:
        super().__init__(error)
        self.status = status
        self.document = {"error": error, "details": details}


def answer(request: Request, desk: Desk) -> tuple[int, dict[str, Any]]:
    """HTTP status and JSON document; errors are `{"error", "details"}`."""
    try:
        return 200, _dispatch(request, desk)
    except _Problem as problem:
        return problem.status, problem.document
    except LedgerFault as fault:
        return 503, {"error": "The ledger cannot be read", "details": str(fault)}


def _dispatch(request: Request, desk: Desk) -> dict[str, Any]:
    name, *rest = request.path.strip("/").split("/")
    handler = ROUTES.get((name, len(rest)))
    if handler is None:
        raise _Problem(404, "Not found", f"There is no /adjuvant/{request.path[:100]}")
    if request.method not in METHODS:
        raise _Problem(405, "Method not allowed", f"/adjuvant/{name} answers to GET only")
    return handler(request, desk)


def _status(request: Request, desk: Desk) -> dict[str, Any]:
    _parameters(request, ())
    board = desk.health.snapshot()
    try:
        queue: dict[str, int] | None = desk.ledger.counts() if desk.ledger else None
    except LedgerFault as fault:
        queue = None
        board["alarms"].append({"since": None, "what": str(fault)})
    counts = queue or dict.fromkeys(STATES, 0)
    if counts["failed"]:
        what = f"{counts['failed']} jobs failed for good: see /adjuvant/jobs?state=failed"
        board["alarms"].append({"since": None, "what": what})
    # What arrived and is not in the ledger yet; while we are off nothing waits for us.
    waiting = 0 if board["state"] == "off" else len(desk.inbox)
    return {**board, "queue": {**counts, "queued": counts["queued"] + waiting}}


def _jobs(request: Request, desk: Desk) -> dict[str, Any]:
    _parameters(request, ("state", "limit", "offset"))
    state = request.query.get("state")
    if state is not None and state not in STATES:
        known = ", ".join(STATES)
        raise _Problem(400, "Bad request", f"state has to be one of {known}, got {state[:100]!r}")
    limit = min(_number(request, "limit", DEFAULT_LIMIT), MAXIMUM_LIMIT)
    jobs, total = _ledger(desk).jobs(state, limit, _number(request, "offset", 0))
    return {"jobs": [_public(job) for job in jobs], "total": total}


def _job(request: Request, desk: Desk) -> dict[str, Any]:
    _parameters(request, ())
    text = request.path.strip("/").split("/")[1]
    job = _ledger(desk).job(int(text)) if _is_number(text) else None
    if job is None:
        raise _Problem(404, "Not found", f"There is no job {text[:100]!r}")
    return _public(job)


Handler = Callable[[Request, Desk], dict[str, Any]]
ROUTES: dict[tuple[str, int], Handler] = {
    ("status", 0): _status,
    ("jobs", 0): _jobs,
    ("jobs", 1): _job,
}


def _ledger(desk: Desk) -> Ledger:
    if desk.ledger is None:
        raise _Problem(503, "The ledger is not open", desk.health.snapshot()["reason"])
    return desk.ledger


def _parameters(request: Request, known: tuple[str, ...]) -> None:
    for name in request.query:
        if name not in known:
            raise _Problem(400, "Bad request", f"unknown parameter {name[:100]!r}")


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not _is_number(text):
        details = f"{name} has to be a whole number from 0, got {text[:100]!r}"
        raise _Problem(400, "Bad request", details)
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15 and int(text) <= LARGEST_NUMBER


def _public(job: Job) -> dict[str, Any]:
    task = job.task
    return {
        "id": job.id,
        "instance": task.instance,
        "interpretation": task.interpretation,
        "model": task.model,
        "model_digest": task.model_digest,
        "state": job.state,
        "code": job.code,
        "reason": job.reason,
        "attempts": job.attempts,
        "created": utc(job.created),
        "started": utc(job.started),
        "finished": utc(job.finished),
        "steps_ms": job.steps_ms,
        "results": job.results,
        "summary": job.summary,
    }
