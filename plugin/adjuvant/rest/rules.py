"""Rules: what they say of an image, and which are in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adjuvant.errors import Refusal, RuleFault
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TEXT, TEXT_OR_NULL, TIME
from adjuvant.rest.table import Asked, Problem, Route

if TYPE_CHECKING:
    from adjuvant.api import Desk
    from adjuvant.rule_desk import RuleDesk

LARGEST_SET = 1 << 20
INVALID = {422: "A rule cannot be obeyed; the answer names rule, key and value"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}
RULE_LIST: Schema = {"type": "array", "items": {"type": "object"}}
PROPOSED: Schema = {
    "title": "ProposedRules",
    "type": "object",
    "properties": {"Rules": RULE_LIST},
    "required": ["Rules"],
    "additionalProperties": False,
}


def _closed(title: str, properties: dict[str, Any]) -> Schema:
    """An object with exactly these keys."""
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


ACTIVE = _closed(
    "Rules",
    {
        "source": {"enum": ["orthanc.json", "REST"]},
        "since": TIME,
        "digest": TEXT,
        "rules": RULE_LIST,
    },
)
JUDGEMENT = _closed(
    "Judgement",
    {
        "rule": TEXT,
        "interpretation": TEXT,
        "level": {"enum": ["instance", "series", "study"]},
        "applies": BOOLEAN,
        "decides": BOOLEAN,
        "condition": TEXT_OR_NULL,
        "reason": TEXT,
    },
)
EXPLANATION = _closed(
    "Explanation", {"instance": TEXT, "rules": {"type": "array", "items": JUDGEMENT}}
)
EXAMPLES: Schema = {"type": "array", "items": TEXT}
CHANGE = _closed(
    "RuleChange",
    {
        "rule": TEXT,
        "applies_now": NUMBER,
        "would_apply": NUMBER,
        "newly_applies": NUMBER,
        "no_longer_applies": NUMBER,
        "examples": {
            "type": "object",
            "properties": {"newly_applies": EXAMPLES, "no_longer_applies": EXAMPLES},
        },
    },
)
DRY_RUN = _closed(
    "DryRun",
    {
        "state": {"enum": ["running", "done", "failed", "stopped"]},
        "reason": TEXT_OR_NULL,
        "started": TIME,
        "finished": TIME,
        "active": TEXT,
        "proposed": TEXT,
        "instances": NUMBER,
        "unreadable": NUMBER,
        "read_now": NUMBER,
        "would_be_read": NUMBER,
        "changed": NUMBER,
        "rules": {"type": "array", "items": CHANGE},
    },
)


def _active(asked: Asked, desk: Desk) -> dict[str, Any]:
    return _desk(desk).active()


def _activate(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _valid():
        return _desk(desk).activate(asked.body["Rules"], asked.user)


def _reload(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _valid():
        return _desk(desk).reload(asked.user)


def _try_out(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _valid():
        return _desk(desk).try_out(asked.body["Rules"])


@contextmanager
def _valid() -> Iterator[None]:
    try:
        yield
    except RuleFault as fault:
        raise Problem(422, "Invalid rules", str(fault)) from fault


def _tried(asked: Asked, desk: Desk) -> dict[str, Any]:
    report = _desk(desk).tried()
    if report is None:
        raise Problem(404, "Not found", "There was no dry run since Orthanc started")
    return report


def _explain(asked: Asked, desk: Desk) -> dict[str, Any]:
    instance = asked.path["resource"]
    try:
        return {"instance": instance, "rules": _desk(desk).explain(instance)}
    except Refusal as refusal:
        if refusal.code == "deleted":
            raise Problem(404, "Not found", f"Orthanc has no instance {instance}") from refusal
        raise Problem(422, "Not readable", refusal.reason) from refusal


def _desk(desk: Desk) -> RuleDesk:
    if desk.rules is None:
        raise desk.closed()
    return desk.rules


ROUTES = (
    Route(
        "GET",
        "explain/instances/{resource}",
        _explain,
        "Which rules apply to an instance, and which condition decided",
        EXPLANATION,
        problems={422: "The file cannot be read"},
    ),
    Route("GET", "rules", _active, "The rules in force", ACTIVE),
    Route(
        "POST",
        "rules",
        _activate,
        "Put other rules in force, without a restart",
        ACTIVE,
        body=PROPOSED,
        body_required=True,
        maximum_body=LARGEST_SET,
        problems=INVALID,
    ),
    Route(
        "POST",
        "rules/reload",
        _reload,
        "Put in force what orthanc.json says now",
        ACTIVE,
        problems=INVALID,
    ),
    Route(
        "POST",
        "rules/dry-run",
        _try_out,
        "Begin to look what other rules would change in what is stored",
        DRY_RUN,
        body=PROPOSED,
        body_required=True,
        maximum_body=LARGEST_SET,
        problems=INVALID,
    ),
    Route("GET", "rules/dry-run", _tried, "How far the last dry run is", DRY_RUN),
)
