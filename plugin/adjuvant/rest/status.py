"""`GET status`: the one thing to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjuvant.health import utc
from adjuvant.job import STATES
from adjuvant.ledger import LedgerFault
from adjuvant.rest.schema import Schema
from adjuvant.rest.table import Asked, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
STATUS: Schema = {
    "title": "Status",
    "type": "object",
    "properties": {
        "state": {"enum": ["starting", "ready", "standby", "degraded", "off"]},
        "reason": TEXT,
        "version": TEXT,
        "device": TEXT_OR_NULL,
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": TEXT,
                    "version": TEXT,
                    "digest": TEXT,
                    "simulated": {"type": "boolean"},
                    "configured": TEXT_OR_NULL,
                    "chosen_by": TEXT_OR_NULL,
                    "chosen_at": TIME,
                },
                "required": ["name", "version", "digest", "simulated"],
            },
        },
        "queue": {
            "type": "object",
            "properties": {state: {"type": "integer", "minimum": 0} for state in STATES},
            "required": list(STATES),
        },
        "alarms": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"since": TIME, "what": TEXT},
                "required": ["since", "what"],
            },
        },
        "last_success": TIME,
        "paused": TIME,
        "oldest_queued": TIME,
        "versions": {"type": "object", "additionalProperties": TEXT},
    },
}
STATUS = {**STATUS, "required": list(STATUS["properties"]), "additionalProperties": False}


def _status(asked: Asked, desk: Desk) -> dict[str, Any]:
    board = desk.health.snapshot()
    # What arrived and is not in the ledger yet, asked before the ledger: nothing is ever between.
    # While we are off or stand by nothing waits for us.
    waiting = 0 if board["state"] in ("off", "standby") else len(desk.inbox)
    queue, oldest = None, None
    try:
        if desk.ledger:
            queue, oldest = desk.ledger.counts(), desk.ledger.oldest_queued()
    except LedgerFault as fault:
        board["alarms"].append({"since": None, "what": str(fault)})
    counts = queue or dict.fromkeys(STATES, 0)
    if counts["failed"]:
        what = f"{counts['failed']} jobs failed for good: see /adjuvant/jobs?state=failed"
        board["alarms"].append({"since": None, "what": what})
    all_counts = {**counts, "queued": counts["queued"] + waiting}
    return {**board, "queue": all_counts, "oldest_queued": utc(oldest)}


ROUTES = (Route("GET", "status", _status, "State, device, models, queue and alarms", STATUS),)
