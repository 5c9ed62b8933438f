"""Pausing and resuming: scans are still received and queued, and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjuvant.pause import pause, resume
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TIME
from adjuvant.rest.table import Asked, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk

PAUSED: Schema = {
    "title": "Paused",
    "type": "object",
    "properties": {"paused": TIME},
    "required": ["paused"],
    "additionalProperties": False,
}


def _pause(asked: Asked, desk: Desk) -> dict[str, Any]:
    pause(desk.open_ledger.path.parent, desk.health)
    desk.log.warning(f"paused by {asked.user or 'a person'}")
    return {"paused": desk.health.snapshot()["paused"]}


def _resume(asked: Asked, desk: Desk) -> dict[str, Any]:
    resume(desk.open_ledger.path.parent, desk.health)
    desk.inbox.wake()
    desk.log.warning(f"resumed by {asked.user or 'a person'}")
    return {"paused": desk.health.snapshot()["paused"]}


ROUTES = (
    Route(
        "POST", "pause", _pause, "Read nothing until told to resume; also after a restart", PAUSED
    ),
    Route("POST", "resume", _resume, "Read what waits", PAUSED),
)
