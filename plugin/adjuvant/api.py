"""`/adjuvant/...` as plain functions: a request and the desk in, a status and JSON out.

Standard library only at import: the status has to be readable when nothing else works. A module
that has routes defines them as `ROUTES` (see `adjuvant.rest.table`) and is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjuvant import __version__
from adjuvant.errors import Fault
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.ledger import Ledger, LedgerFault
from adjuvant.rest import control, corrections, jobs, models, reconcile, routing, rules, status
from adjuvant.rest.openapi import describe
from adjuvant.rest.table import Answer, Asked, Problem, Request, Route, Table

if TYPE_CHECKING:
    from adjuvant.corrections.desk import CorrectionDesk
    from adjuvant.demand import Demand
    from adjuvant.model_desk import ModelDesk
    from adjuvant.routing.routing import Routing
    from adjuvant.rule_desk import RuleDesk

__all__ = ["ROUTES", "Answer", "Desk", "Request", "answer"]


@dataclass
class Desk:
    """What the routes show; what is None is set by `service` as long as a ledger is open."""

    health: Health
    inbox: Inbox
    ledger: Ledger | None = None
    corrections: CorrectionDesk | None = None
    demand: Demand | None = None
    models: ModelDesk | None = None
    routing: Routing | None = None
    rules: RuleDesk | None = None
    log: Log = field(default_factory=Log.silent)

    @property
    def open_ledger(self) -> Ledger:
        """The ledger; raises Problem (503) where none is open."""
        if self.ledger is None:
            raise self.closed()
        return self.ledger

    def closed(self) -> Problem:
        """What to answer while that which was asked for is not there."""
        board = self.health.snapshot()
        error = "Adjuvant is off" if board["state"] == "off" else "The ledger is not open"
        return Problem(503, error, board["reason"])


def answer(request: Request, desk: Desk) -> Answer:
    """What a request is answered; errors are `{"error", "details"}`. Never raises a Fault."""
    route, allow = ROUTES.find(request)
    try:
        if not allow:
            raise Problem(404, "Not found", f"There is no /adjuvant/{request.path[:100]}")
        if route is None:
            raise Problem(405, "Method not allowed", f"This route answers to {allow} only")
        found = route.handler(route.read(request), desk)
        return found if isinstance(found, Answer) else Answer(200, found, allow)
    except Problem as problem:
        return Answer(problem.status, problem.document, allow or "GET")
    except LedgerFault as fault:
        return Answer(503, {"error": "The ledger cannot be read", "details": str(fault)})
    except Fault as fault:
        return Answer(503, {"error": "Not possible now", "details": str(fault)})


def _openapi(asked: Asked, desk: Desk) -> dict[str, Any]:
    return describe(ROUTES, __version__)


OPENAPI = Route("GET", "openapi.json", _openapi, "This document", {"type": "object"})
ROUTES = Table(
    OPENAPI,
    *status.ROUTES,
    *jobs.ROUTES,
    *control.ROUTES,
    *corrections.ROUTES,
    *models.ROUTES,
    *reconcile.ROUTES,
    *routing.ROUTES,
    *rules.ROUTES,
)
