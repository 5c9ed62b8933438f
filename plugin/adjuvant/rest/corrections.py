"""Corrections: what people drew over our results, and whether it may teach."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from adjuvant.rest.jobs import FILTER, NUMBER, PAGE
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TEXT, TEXT_OR_NULL, TIME
from adjuvant.rest.table import VARIABLES, Asked, Problem, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk
    from adjuvant.corrections.desk import CorrectionDesk

STATES = ("open", "accepted", "rejected")
DICE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}


def _exactly(title: str, properties: dict[str, Schema]) -> Schema:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CORRECTION = _exactly(
    "Correction",
    {
        "id": {"type": "integer", "minimum": 1},
        "instance": TEXT,
        "source": TEXT,
        "result": TEXT,
        "interpretation": TEXT,
        "model": TEXT,
        "model_digest": TEXT,
        "scanner": TEXT,
        "month": TEXT_OR_NULL,
        "evidence": TEXT,
        "tool": TEXT,
        "changed": {"type": "array", "items": TEXT},
        "added": NUMBER,
        "removed": NUMBER,
        "dice": DICE,
        "sha256": TEXT,
        "found": TIME,
        "state": {"enum": list(STATES)},
        "decided_by": TEXT_OR_NULL,
        "decided_at": TIME,
    },
)
CORRECTIONS = _exactly(
    "Corrections",
    {
        "corrections": {"type": "array", "items": CORRECTION},
        "total": NUMBER,
        "record_fault": TEXT_OR_NULL,
    },
)
GROUP = _exactly(
    "CorrectionGroup",
    {
        "model": TEXT,
        "scanner": TEXT,
        "month": TEXT_OR_NULL,
        "corrections": NUMBER,
        "unchanged": NUMBER,
        "accepted": NUMBER,
        "rejected": NUMBER,
        "mean_dice": DICE,
        "lowest_dice": DICE,
    },
)
SUMMARY = _exactly("CorrectionSummary", {"groups": {"type": "array", "items": GROUP}})
WHICH: dict[str, Schema] = {
    "state": {"type": "string", "enum": list(STATES)},
    "model": FILTER["model"],
    "scanner": {"type": "string", "minLength": 1, "maxLength": 64},
    "month": {
        "type": "string",
        "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$",
        "description": "the month of the scan such as 2026-01",
    },
    "source": VARIABLES["resource"],
}
WHO: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "who decides, where this Orthanc has no users of its own",
}
SHA256: Schema = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{64}$",
    "description": "`sha256` of the file that was looked at: another one is not decided about",
}
ACCEPT: Schema = {
    "type": "object",
    "properties": {
        "Who": WHO,
        "Sha256": SHA256,
        "Unchanged": {
            "type": "boolean",
            "description": "true: I looked, and our outline is right as it is",
        },
    },
    "additionalProperties": False,
}
REJECT: Schema = {
    "type": "object",
    "properties": {"Who": WHO, "Sha256": SHA256},
    "additionalProperties": False,
}


def _corrections(asked: Asked, desk: Desk) -> dict[str, Any]:
    which = {name: asked.query[name] for name in WHICH}
    return _open(desk).page(which, asked.query["limit"], asked.query["offset"])


def _summary(asked: Asked, desk: Desk) -> dict[str, Any]:
    return _open(desk).summary()


def _correction(asked: Asked, desk: Desk) -> dict[str, Any]:
    return _found(_open(desk).one(asked.path["correction"]), asked)


def _decide(state: str, asked: Asked, desk: Desk) -> dict[str, Any]:
    from adjuvant.corrections.desk import Said
    from adjuvant.corrections.register import Undecidable

    who = asked.user or asked.body.get("Who", "")
    if not who.strip():
        details = 'This Orthanc does not know who you are: say it, {"Who": "…"}'
        raise Problem(422, "Nobody decided", details)
    said = Said(who, asked.body.get("Unchanged", False), asked.body.get("Sha256"))
    try:
        decided = _open(desk).decide(asked.path["correction"], state, said)
    except Undecidable as fault:
        raise Problem(409, "Not as things stand", str(fault)) from fault
    return _found(decided, asked)


def _found(correction: dict[str, Any] | None, asked: Asked) -> dict[str, Any]:
    if correction is None:
        raise Problem(404, "Not found", f"There is no correction {asked.path['correction']}")
    return correction


def _open(desk: Desk) -> CorrectionDesk:
    if desk.corrections is not None:
        return desk.corrections
    if desk.ledger is None:
        raise desk.closed()
    raise Problem(503, "No list of corrections", "The alarms of /adjuvant/status say why")


PROBLEMS = {
    404: "There is no such correction",
    409: "It is so already; another one of the scan is accepted; nothing was changed; the file was "
    "replaced by another one",
    422: "This Orthanc does not know who asks, and the body does not say it",
}
ROUTES = (
    Route(
        "GET",
        "corrections",
        _corrections,
        "Segmentations that people drew over our results, the newest first",
        CORRECTIONS,
        query={**WHICH, **PAGE},
    ),
    Route(
        "GET",
        "corrections/summary",
        _summary,
        "Corrections by model version, scanner and month of the scan",
        SUMMARY,
    ),
    Route(
        "GET",
        "corrections/{correction}",
        _correction,
        "One correction",
        CORRECTION,
        problems={404: PROBLEMS[404]},
    ),
    Route(
        "POST",
        "corrections/{correction}/accept",
        partial(_decide, "accepted"),
        "Say that a correction is right: from now on it may teach a network",
        CORRECTION,
        body=ACCEPT,
        problems=PROBLEMS,
    ),
    Route(
        "POST",
        "corrections/{correction}/reject",
        partial(_decide, "rejected"),
        "Say that a correction must not teach; also after it was accepted",
        CORRECTION,
        body=REJECT,
        problems=PROBLEMS,
    ),
)
