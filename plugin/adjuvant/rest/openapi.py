"""The OpenAPI document (https://spec.openapis.org/oas/v3.1.0), made from the table of routes.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adjuvant.rest.schema import Schema
from adjuvant.rest.table import ERROR, VARIABLES, Route

PROBLEMS = {
    400: "A parameter, an identifier or the body makes no sense",
    401: "Who asks is no user of this Orthanc",
    404: "There is no such path or resource",
    413: "The body is too large",
    503: "Adjuvant is off, or cannot answer now",
}
BODY = {"type": "object", "maxProperties": 0}


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The document. Its only server is relative: it is right behind any reverse proxy."""
    components: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, components)
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Adjuvant",
            "version": version,
            "description": "An AI second reader inside Orthanc. No answer holds patient data.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "../adjuvant"}],
        "security": [{"user": []}, {"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "user": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    place = [
        {"name": name, "in": "path", "required": True, "schema": VARIABLES[name]}
        for name in route.variables
    ]
    query = [{"name": name, "in": "query", "schema": s} for name, s in route.query.items()]
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}-{route.path}".translate(_PLAIN),
        "summary": route.summary,
        "tags": [route.path.split("/")[0]],
        "parameters": [*place, *query],
        "responses": _responses(route, components),
    }
    if route.method != "GET":
        operation["requestBody"] = {
            "required": route.body_required,
            "content": _json(route.body or BODY, components),
        }
    return operation


def _responses(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    successes = {200: route.answer, **route.others}
    problems = {**PROBLEMS, **route.problems}
    # What Orthanc itself answers has no body of ours.
    errors = {
        str(status): {"description": text}
        | ({} if status == 401 else {"content": _json(ERROR, components)})
        for status, text in sorted(problems.items())
    }
    answers = {
        str(status): {
            "description": "Accepted" if status == 202 else "OK",
            "content": _json(schema, components),
        }
        for status, schema in successes.items()
    }
    return {**answers, **errors}


def _json(schema: Schema, components: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": _referred(schema, components)}}


def _referred(schema: Any, components: dict[str, Any]) -> Any:
    """The schema with a reference in place of each part that has a title."""
    if isinstance(schema, list | tuple):
        return [_referred(entry, components) for entry in schema]
    if not isinstance(schema, Mapping):
        return schema
    whole = {name: _referred(entry, components) for name, entry in schema.items()}
    title = schema.get("title")
    if not isinstance(title, str):
        return whole
    if components.setdefault(title, whole) != whole:
        raise ValueError(f"two schemas are called {title!r}")
    return {"$ref": f"#/components/schemas/{title}"}


_PLAIN = str.maketrans({"/": "-", "{": None, "}": None, ".": "-"})
