"""Jobs: to look at them, to have a resource of Orthanc read, to cancel and to try again."""

from __future__ import annotations

import calendar
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from adjuvant.health import utc
from adjuvant.job import RETRIABLE, STATES, Filter, Job, told
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TEXT, TEXT_OR_NULL, TIME
from adjuvant.rest.table import LARGEST_NUMBER, VARIABLES, Answer, Asked, Problem, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk
    from adjuvant.demand import Demand, Held

LEVELS = ("instances", "series", "studies")
DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
LARGEST_PRIORITY = 1_000_000
VERSION = "[a-z][a-z0-9-]{0,99} [0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}"

NUMBER: Schema = {"type": "integer", "minimum": 0}
JOB: Schema = {
    "title": "Job",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "instance": TEXT,
        "interpretation": TEXT,
        "model": TEXT,
        "model_digest": TEXT,
        "state": {"enum": list(STATES)},
        "code": TEXT_OR_NULL,
        "reason": TEXT_OR_NULL,
        "attempts": NUMBER,
        "created": TIME,
        "started": TIME,
        "finished": TIME,
        "steps_ms": {"type": "object", "additionalProperties": {"type": "number"}},
        "results": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": TEXT},
        },
        "summary": {"type": "object"},
    },
}
JOB = {**JOB, "required": list(JOB["properties"]), "additionalProperties": False}
JOBS: Schema = {
    "title": "Jobs",
    "type": "object",
    "properties": {"jobs": {"type": "array", "items": JOB}, "total": NUMBER},
    "required": ["jobs", "total"],
}
QUEUED: Schema = {
    "title": "Queued",
    "type": "object",
    "properties": {"queued": NUMBER, **JOBS["properties"]},
    "required": ["queued", "jobs", "total"],
}
PAGE: dict[str, Schema] = {
    "limit": {**NUMBER, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT},
    "offset": {**NUMBER, "maximum": LARGEST_NUMBER, "default": 0},
}
FILTER: dict[str, Schema] = {
    "state": {"type": "string", "enum": list(STATES)},
    "interpretation": {
        "type": "string",
        "pattern": "^[a-z][a-z0-9-]{0,99}$",
        "description": "a name such as thyroid",
    },
    "model": {
        "type": "string",
        "pattern": f"^{VERSION}( [+] {VERSION})*$",
        "description": "a name and a version such as thyroid 0.1.0, or several joined by ' + '",
    },
    "instance": VARIABLES["resource"],
    "since": {
        "type": "string",
        "pattern": "^[1-9][0-9]{3}-(0[1-9]|1[0-2])-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$",
        "description": "a time in UTC such as 2026-01-31T10:00:00Z",
    },
}
ANALYZE: Schema = {
    "title": "Analyze",
    "type": "object",
    "properties": {
        "Synchronous": {
            "type": "boolean",
            "description": "true: answer when all is read, for as long as is configured",
        },
        "Asynchronous": {
            "type": "boolean",
            "description": "the opposite, where Synchronous is not given; the default is true",
        },
        "Deferred": {
            "type": "boolean",
            "description": "true: answer before anything is looked up, for Lua scripts of Orthanc",
        },
        "Priority": {
            "type": "integer",
            "minimum": -LARGEST_PRIORITY,
            "maximum": LARGEST_PRIORITY,
            "description": "the highest is read first, 0 by default; what arrives has its rule's",
        },
    },
    "additionalProperties": False,
}


def _jobs(asked: Asked, desk: Desk) -> dict[str, Any]:
    query = asked.query
    since, instance = query["since"], query["instance"]
    which = Filter(
        state=query["state"],
        instances=None if instance is None else (instance,),
        interpretation=query["interpretation"],
        model=query["model"],
        since=None if since is None else _seconds(since),
    )
    return _page(asked, desk, which)


def _seconds(time: str) -> int:
    """Since 1970; a day or an hour that does not exist is one of those after it."""
    return calendar.timegm(tuple(int(number) for number in re.findall("[0-9]+", time)))


def _page(asked: Asked, desk: Desk, which: Filter) -> dict[str, Any]:
    limit, offset = asked.query.get("limit", DEFAULT_LIMIT), asked.query.get("offset", 0)
    jobs, total = desk.open_ledger.jobs(which, limit, offset)
    return {"jobs": [public(job) for job in jobs], "total": total}


def _job(asked: Asked, desk: Desk) -> dict[str, Any]:
    return public(_find(asked, desk))


def _find(asked: Asked, desk: Desk) -> Job:
    job = desk.open_ledger.job(asked.path["job"])
    if job is None:
        raise Problem(404, "Not found", f"There is no job {asked.path['job']}")
    return job


def _cancel(asked: Asked, desk: Desk) -> dict[str, Any]:
    job = _find(asked, desk)
    if not desk.open_ledger.cancel(job.id, f"cancelled by {asked.user or 'a person'}"):
        now = _find(asked, desk).state
        state = "its results are being stored" if now == "running" else f"it is {now}"
        raise Problem(409, "Too late", f"Job {job.id} cannot be cancelled: {state}")
    cancelled = _find(asked, desk)
    if job.state != "running":  # else the worker says so, when it notices
        desk.log.info(told("job-cancelled", cancelled, reason=cancelled.reason))
    return public(cancelled)


def _retry(asked: Asked, desk: Desk) -> dict[str, Any]:
    job = _find(asked, desk)
    if job.state not in RETRIABLE:
        details = f"Job {job.id} is {job.state}; one can try again what is {', '.join(RETRIABLE)}"
        raise Problem(409, "Not to be tried again", details)
    desk.open_ledger.reopen(job)
    desk.inbox.wake()
    return public(_find(asked, desk))


def _jobs_of(level: str, asked: Asked, desk: Desk) -> dict[str, Any]:
    return _page(asked, desk, Filter(instances=_held(level, asked, desk)[1].instances))


def _analyze(level: str, asked: Asked, desk: Desk) -> Answer:
    if asked.body.get("Deferred", False):
        if desk.demand is None:
            raise desk.closed()
        desk.demand.queue_later(level, asked.path["resource"], asked.body.get("Priority"))
        # Not 202, as one might: Lua's RestApiPost takes all but 200 for an error.
        return Answer(200, {"queued": 0, "jobs": [], "total": 0}, "POST")
    demand, held = _held(level, asked, desk)
    if not held.readable:
        details = f"None of {len(held.instances)} instances can be a scan: only NM is read"
        raise Problem(422, "Nothing to analyze", details)
    queued = demand.queue(held, asked.body.get("Priority"))
    # As Orthanc itself reads these two words.
    waits = asked.body.get("Synchronous", not asked.body.get("Asynchronous", True))
    status = 202 if waits and not demand.wait(held) else 200
    page = _page(asked, desk, Filter(instances=held.readable))
    return Answer(status, {"queued": queued, **page}, "POST")


def _held(level: str, asked: Asked, desk: Desk) -> tuple[Demand, Held]:
    """Who knows, and what Orthanc holds of the resource that the path names."""
    resource = asked.path["resource"]
    if desk.demand is None:
        raise desk.closed()
    held = desk.demand.look(level, resource)
    if held is None:
        raise Problem(404, "Not found", f"Orthanc has no {resource} among its {level}")
    return desk.demand, held


def public(job: Job) -> dict[str, Any]:
    """A job as REST shows it."""
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


def _of_level(level: str) -> tuple[Route, Route]:
    path = f"{level}/{{resource}}"
    return (
        Route(
            "GET",
            f"{path}/jobs",
            partial(_jobs_of, level),
            f"The jobs about every instance of one of Orthanc's {level}",
            JOBS,
            query=PAGE,
        ),
        Route(
            "POST",
            f"{path}/analyze",
            partial(_analyze, level),
            f"Have every scan of one of Orthanc's {level} read now",
            QUEUED,
            body=ANALYZE,
            others={202: QUEUED},
            problems={422: "Nothing of it can be a scan"},
        ),
    )


ROUTES = (
    Route("GET", "jobs", _jobs, "Jobs, the newest first", JOBS, query={**FILTER, **PAGE}),
    Route("GET", "jobs/{job}", _job, "One job", JOB),
    Route(
        "POST",
        "jobs/{job}/cancel",
        _cancel,
        "Cancel a job that is queued, running and has stored nothing yet, or failed",
        JOB,
        problems={409: "It has ended, or its results are being stored"},
    ),
    Route(
        "POST",
        "jobs/{job}/retry",
        _retry,
        "Queue a job again that was refused, failed or cancelled",
        JOB,
        problems={409: "It is in another state"},
    ),
    *(route for level in LEVELS for route in _of_level(level)),
)
