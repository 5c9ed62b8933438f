"""`/adjuvant/...` as plain functions: a request and the desk in, a status and JSON out.

Standard library only: the status has to be readable when nothing else works.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from adjuvant.errors import Fault
from adjuvant.health import Health, utc
from adjuvant.inbox import Inbox
from adjuvant.job import STATES, Filter, Job
from adjuvant.ledger import Ledger, LedgerFault

if TYPE_CHECKING:
    from adjuvant.demand import Demand, Held

LEVELS = ("instances", "series", "studies")
RESOURCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}", re.ASCII)
MAXIMUM_BODY = 1 << 16
DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
LARGEST_NUMBER = 2**53


@dataclass
class Desk:
    """What the routes show; `ledger` and `demand` are set as long as a ledger is open."""

    health: Health
    inbox: Inbox
    ledger: Ledger | None = None
    demand: Demand | None = None


@dataclass(frozen=True)
class Request:
    """`path` is what follows `/adjuvant/`; `query` holds the text of each parameter."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def parts(self) -> list[str]:
        """The path, piece by piece."""
        return self.path.strip("/").split("/")


class Answer(NamedTuple):
    """HTTP status and JSON document; `allow` is the method that the route answers to."""

    status: int
    document: dict[str, Any]
    allow: str = "GET"


class _Problem(Exception):
    def __init__(self, status: int, error: str, details: str) -> None:
        super().__init__(error)
        self.status = status
        self.document = {"error": error, "details": details}


def answer(request: Request, desk: Desk) -> Answer:
    """What a request is answered; errors are `{"error", "details"}`. Never raises a Fault."""
    route = _find(request.parts)
    try:
        if route is None:
            raise _Problem(404, "Not found", f"There is no /adjuvant/{request.path[:100]}")
        if request.method != route.method:
            raise _Problem(405, "Method not allowed", f"This route answers to {route.method} only")
        if len(request.body) > MAXIMUM_BODY:
            raise _Problem(413, "Body too large", f"At most {MAXIMUM_BODY} bytes are read")
        for name in request.query:
            if name not in route.parameters:
                raise _Problem(400, "Bad request", f"unknown parameter {name[:100]!r}")
        return Answer(200, route.handler(request, desk))
    except _Problem as problem:
        return Answer(problem.status, problem.document, route.method if route else "GET")
    except LedgerFault as fault:
        return Answer(503, {"error": "The ledger cannot be read", "details": str(fault)})
    except Fault as fault:
        return Answer(503, {"error": "Not possible now", "details": str(fault)})


def _status(request: Request, desk: Desk) -> dict[str, Any]:
    board = desk.health.snapshot()
    # What arrived and is not in the ledger yet, asked before the ledger: nothing is ever between.
    # While we are off nothing waits for us.
    waiting = 0 if board["state"] == "off" else len(desk.inbox)
    try:
        queue: dict[str, int] | None = desk.ledger.counts() if desk.ledger else None
    except LedgerFault as fault:
        queue = None
        board["alarms"].append({"since": None, "what": str(fault)})
    counts = queue or dict.fromkeys(STATES, 0)
    if counts["failed"]:
        what = f"{counts['failed']} jobs failed for good: see /adjuvant/jobs?state=failed"
        board["alarms"].append({"since": None, "what": what})
    return {**board, "queue": {**counts, "queued": counts["queued"] + waiting}}


def _jobs(request: Request, desk: Desk) -> dict[str, Any]:
    state = request.query.get("state")
    if state is not None and state not in STATES:
        known = ", ".join(STATES)
        raise _Problem(400, "Bad request", f"state has to be one of {known}, got {state[:100]!r}")
    return _page(request, desk, Filter(state=state))


def _page(request: Request, desk: Desk, which: Filter) -> dict[str, Any]:
    limit = min(_number(request, "limit", DEFAULT_LIMIT), MAXIMUM_LIMIT)
    jobs, total = _ledger(desk).jobs(which, limit, _number(request, "offset", 0))
    return {"jobs": [_public(job) for job in jobs], "total": total}


def _job(request: Request, desk: Desk) -> dict[str, Any]:
    text = request.parts[1]
    job = _ledger(desk).job(int(text)) if _is_number(text) else None
    if job is None:
        raise _Problem(404, "Not found", f"There is no job {text[:100]!r}")
    return _public(job)


def _jobs_of(request: Request, desk: Desk) -> dict[str, Any]:
    return _page(request, desk, Filter(instances=_held(request, desk)[1].instances))


def _analyze(request: Request, desk: Desk) -> dict[str, Any]:
    _require_no_options(request.body)
    demand, held = _held(request, desk)
    if not held.readable:
        details = f"None of {len(held.instances)} instances can be a scan: NM or Secondary Capture"
        raise _Problem(422, "Nothing to analyze", details)
    queued = demand.queue(held)
    return {"queued": queued, **_page(request, desk, Filter(instances=held.readable))}


Handler = Callable[[Request, Desk], dict[str, Any]]


@dataclass(frozen=True)
class Route:
    """Who answers to which method, and the query parameters that it knows."""

    method: str
    handler: Handler
    parameters: tuple[str, ...] = ()


PAGE = ("limit", "offset")
# By path; `{id}` stands for any one piece of it.
ROUTES: dict[str, Route] = {
    "status": Route("GET", _status),
    "jobs": Route("GET", _jobs, ("state", *PAGE)),
    "jobs/{id}": Route("GET", _job),
    **{f"{level}/{{id}}/jobs": Route("GET", _jobs_of, PAGE) for level in LEVELS},
    **{f"{level}/{{id}}/analyze": Route("POST", _analyze) for level in LEVELS},
}


def _find(parts: list[str]) -> Route | None:
    for pattern, route in ROUTES.items():
        pieces = pattern.split("/")
        pairs = zip(pieces, parts, strict=False)
        if len(pieces) == len(parts) and all(p in ("{id}", part) for p, part in pairs):
            return route
    return None


def _held(request: Request, desk: Desk) -> tuple[Demand, Held]:
    """Who knows, and what Orthanc holds of the resource that the path names."""
    level, resource, _ = request.parts
    if not RESOURCE.fullmatch(resource):
        details = f"an identifier of Orthanc is five times eight hex digits, got {resource[:100]!r}"
        raise _Problem(400, "Bad request", details)
    if desk.demand is None:
        raise _closed(desk)
    held = desk.demand.look(level, resource)
    if held is None:
        raise _Problem(404, "Not found", f"Orthanc has no {resource} among its {level}")
    return desk.demand, held


def _require_no_options(body: bytes) -> None:
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise _Problem(400, "Bad request", "the body has to be empty or a JSON object")
    for key in asked:
        raise _Problem(400, "Bad request", f"unknown key {key[:100]!r} in the body")


def _ledger(desk: Desk) -> Ledger:
    if desk.ledger is None:
        raise _closed(desk)
    return desk.ledger


def _closed(desk: Desk) -> _Problem:
    board = desk.health.snapshot()
    error = "Adjuvant is off" if board["state"] == "off" else "The ledger is not open"
    return _Problem(503, error, board["reason"])


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
