"""The walk through the whole archive: to begin it, and to see how far it has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjuvant.health import utc
from adjuvant.reconciliation import Progress, ask, look
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TIME
from adjuvant.rest.table import Asked, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk

NUMBER: Schema = {"type": "integer", "minimum": 0}
RECONCILIATION: Schema = {
    "title": "Reconciliation",
    "type": "object",
    "properties": {
        "state": {"enum": ["never", "running", "done"]},
        "asked": TIME,
        "finished": TIME,
        "studies": NUMBER,
        "total": {"type": ["integer", "null"], "minimum": 0},
        "queued": NUMBER,
        "skipped": NUMBER,
    },
}
RECONCILIATION = {**RECONCILIATION, "required": list(RECONCILIATION["properties"])}


def _look(asked: Asked, desk: Desk) -> dict[str, Any]:
    return _public(look(desk.open_ledger))


def _begin(asked: Asked, desk: Desk) -> dict[str, Any]:
    progress = ask(desk.open_ledger)
    desk.inbox.wake()
    return _public(progress)


def _public(progress: Progress | None) -> dict[str, Any]:
    shown = progress or Progress(asked=0.0)
    running = "running" if shown.finished is None else "done"
    return {
        "state": running if progress else "never",
        "asked": utc(shown.asked) if progress else None,
        "finished": utc(shown.finished),
        "studies": shown.studies,
        "total": shown.total,
        "queued": shown.queued,
        "skipped": shown.skipped,
    }


ROUTES = (
    Route("GET", "reconcile", _look, "How far the last reconciliation has come", RECONCILIATION),
    Route(
        "POST",
        "reconcile",
        _begin,
        "Search the whole archive for scans that were never read; goes on where one is under way",
        RECONCILIATION,
    ),
)
