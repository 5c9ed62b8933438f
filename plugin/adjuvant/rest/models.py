"""Model versions: what there is, what reads scans, what changed; to activate and to go back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from adjuvant.rest.jobs import NUMBER, PAGE
from adjuvant.rest.schema import Schema
from adjuvant.rest.status import TEXT, TEXT_OR_NULL, TIME
from adjuvant.rest.table import Answer, Asked, Problem, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjuvant.api import Desk
    from adjuvant.model_desk import ModelDesk
    from adjuvant.upgrade import Progress

ANONYMOUS = "anonymous"  # this Orthanc has no users, or who asked is none of them

BOOLEAN_OR_NULL: Schema = {"type": ["boolean", "null"]}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
OBJECT_OR_NULL: Schema = {"type": ["object", "null"]}
STATES = ("loading", "switching", "active", "refused")


def _whole(title: str, **properties: Schema) -> Schema:
    """An object with exactly these keys."""
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PROGRESS = _whole(
    "ModelChange",
    change={"enum": ["activated", "rolled-back"]},
    version=TEXT,
    who=TEXT,
    asked=TIME,
    state={"enum": list(STATES)},
    reason=TEXT_OR_NULL,
    checked=BOOLEAN_OR_NULL,
    mean_difference=NUMBER_OR_NULL,
    dice=NUMBER_OR_NULL,
    ended=TIME,
)
VERSION = _whole(
    "ModelVersion",
    version=TEXT,
    state={"enum": ["active", "previous", "shadow", "available", "faulty"]},
    ready={"type": "boolean"},
    fault=TEXT_OR_NULL,
    digest=TEXT_OR_NULL,
    weights_sha256=TEXT_OR_NULL,
    has_sample={"type": "boolean"},
    simulated=BOOLEAN_OR_NULL,
    training=OBJECT_OR_NULL,
    figures=OBJECT_OR_NULL,
)
MODEL = _whole(
    "Model",
    name=TEXT,
    configured=TEXT_OR_NULL,
    active=TEXT_OR_NULL,
    previous=TEXT_OR_NULL,
    shadow=TEXT_OR_NULL,
    chosen_by=TEXT_OR_NULL,
    chosen_at=TIME,
    last_change={"anyOf": [PROGRESS, {"type": "null"}]},
    versions={"type": "array", "items": VERSION},
)
MODELS = _whole(
    "Models",
    models={"type": "array", "items": MODEL},
    record=_whole("ModelRecord", head=TEXT, fault=TEXT_OR_NULL),
)
CHANGES = _whole(
    "ModelChanges",
    changes={"type": "array", "items": {"type": "object"}},
    total=NUMBER,
    head=TEXT,
    fault=TEXT_OR_NULL,
)
WHICH: Schema = {
    "type": "object",
    "properties": {
        "Version": {
            "type": "string",
            "pattern": r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$",
            "description": "a version such as 0.1.0",
        }
    },
    "required": ["Version"],
    "additionalProperties": False,
}
SHADOW_OF: Schema = {
    "type": "object",
    "properties": {"Version": {**WHICH["properties"]["Version"], "type": ["string", "null"]}},
    "required": ["Version"],
    "additionalProperties": False,
}
SHADOW = _whole(
    "ModelShadow",
    name=TEXT,
    shadow=TEXT_OR_NULL,
    state={"enum": ["off", "running", "faulty"]},
    fault=TEXT_OR_NULL,
    waiting=NUMBER,
    comparison=OBJECT_OR_NULL,
    earlier={"type": "array", "items": {"type": "object"}},
)
PROBLEMS = {
    404: "There is no such model or version",
    409: "It is so already, or another change is under way",
    422: "The version cannot be used; the one in service goes on",
}


def _models(asked: Asked, desk: Desk) -> dict[str, Any]:
    return _desk(desk).all()


def _changes(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _problems():
        return _desk(desk).changes(asked.path["model"], asked.query["limit"], asked.query["offset"])


def _activate(asked: Asked, desk: Desk) -> Answer:
    version = asked.body["Version"]
    return _begun(lambda: _desk(desk).activate(asked.path["model"], version, _who(asked)))


def _roll_back(asked: Asked, desk: Desk) -> Answer:
    return _begun(lambda: _desk(desk).roll_back(asked.path["model"], _who(asked)))


def _shadow(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _problems():
        return _desk(desk).shadow(asked.path["model"])


def _run_silently(asked: Asked, desk: Desk) -> dict[str, Any]:
    with _problems():
        return _desk(desk).run_silently(asked.path["model"], asked.body["Version"], _who(asked))


def _begun(begin: Callable[[], Progress]) -> Answer:
    with _problems():
        return Answer(202, asdict(begin()), "POST")


def _who(asked: Asked) -> str:
    return asked.user or ANONYMOUS


def _desk(desk: Desk) -> ModelDesk:
    if desk.models is None:
        raise desk.closed()
    return desk.models


@contextmanager
def _problems() -> Iterator[None]:
    from adjuvant.errors import ModelFault
    from adjuvant.model_desk import Unknown
    from adjuvant.upgrade import Conflict

    try:
        yield
    except Unknown as fault:
        raise Problem(404, "Not found", str(fault)) from fault
    except Conflict as fault:
        raise Problem(409, "Not as things stand", str(fault)) from fault
    except ModelFault as fault:
        raise Problem(422, "The version cannot be used", str(fault)) from fault


ROUTES = (
    Route("GET", "models", _models, "Every model version, and which of them reads scans", MODELS),
    Route(
        "GET",
        "models/{model}/changes",
        _changes,
        "The record of what changed, the newest first",
        CHANGES,
        query=PAGE,
        problems={404: PROBLEMS[404]},
    ),
    Route(
        "POST",
        "models/{model}/activate",
        _activate,
        "Put a version in service, if it passes its check",
        PROGRESS,
        body=WHICH,
        body_required=True,
        others={202: PROGRESS},
        problems=PROBLEMS,
    ),
    Route(
        "POST",
        "models/{model}/roll-back",
        _roll_back,
        "Put the version before the active one in service again",
        PROGRESS,
        others={202: PROGRESS},
        problems=PROBLEMS,
    ),
    Route(
        "GET",
        "models/{model}/shadow",
        _shadow,
        "What comparing the candidate with the active version came to",
        SHADOW,
        problems={404: PROBLEMS[404]},
    ),
    Route(
        "POST",
        "models/{model}/shadow",
        _run_silently,
        "Let a candidate read silently what the active version reads; null: no longer",
        SHADOW,
        body=SHADOW_OF,
        body_required=True,
        problems=PROBLEMS,
    ),
)
