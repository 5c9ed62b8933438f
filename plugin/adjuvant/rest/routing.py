"""`routing`: what is sent where, and to have it tried again or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TEXT, TEXT_OR_NULL, TIME
from adjuvant.rest.table import Asked, Problem, Route
from adjuvant.routing.outbox import STATES

if TYPE_CHECKING:
    from adjuvant.api import Desk
    from adjuvant.routing.routing import Routing

NUMBER: Schema = {"type": "integer", "minimum": 0}


def _exactly(title: str, properties: dict[str, Schema]) -> Schema:
    names = list(properties)
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


SENDING = _exactly(
    "Sending",
    {
        "instance": TEXT,
        "kind": TEXT,
        "state": {"enum": list(STATES)},
        "attempts": NUMBER,
        "reason": TEXT_OR_NULL,
        "since": TIME,
    },
)
DESTINATION = _exactly(
    "Destination",
    {
        "name": TEXT,
        "kind": {"enum": ["modality", "peer", "dicom-web"]},
        "target": TEXT,
        "state": {"enum": ["ok", "down", "unusable"]},
        "reason": TEXT_OR_NULL,
        **dict.fromkeys((*STATES, "uncommitted"), NUMBER),
        "oldest_waiting": TIME,
        "last_success": TIME,
        "last_failure": {"type": ["object", "null"]},
        "troubled": {"type": "array", "items": SENDING},
    },
)
ROUTING = _exactly("Routing", {"destinations": {"type": "array", "items": DESTINATION}})
RETRIED = _exactly("Retried", {"retried": NUMBER})
FORGOTTEN = _exactly("Forgotten", {"forgotten": NUMBER})


def _routing(asked: Asked, desk: Desk) -> dict[str, Any]:
    return {"destinations": _open(desk).status()}


def _retry(asked: Asked, desk: Desk) -> dict[str, Any]:
    name = asked.path["destination"]
    retried = _open(desk).retry(name)
    if retried is None:
        raise Problem(404, "Not found", f"There is no route {name!r}")
    return {"retried": retried}


def _forget(asked: Asked, desk: Desk) -> dict[str, Any]:
    name, routing = asked.path["destination"], _open(desk)
    if routing.is_route(name):
        raise Problem(409, "In use", f"orthanc.json has the route {name!r}")
    forgotten = routing.forget(name)
    if not forgotten:
        raise Problem(404, "Not found", f"Nothing waits for a route {name!r}")
    return {"forgotten": forgotten}


def _open(desk: Desk) -> Routing:
    if desk.routing is None:
        raise desk.closed()
    return desk.routing


ROUTES = (
    Route("GET", "routing", _routing, "What is sent where, and what failed", ROUTING),
    Route(
        "POST",
        "routing/{destination}/retry",
        _retry,
        "Try at once, and from the beginning, what failed on its way to a destination",
        RETRIED,
        problems={404: "There is no such route"},
    ),
    Route(
        "POST",
        "routing/{destination}/forget",
        _forget,
        "Forget what waits for a route that orthanc.json does not have any more",
        FORGOTTEN,
        problems={404: "Nothing waits for it", 409: "orthanc.json has this route"},
    ),
)
