"""The table of routes: one definition of each says how it is found, checked, answered, described.

A module defines its routes as `ROUTES`, a tuple of `Route`; `adjuvant.api` puts them together.
Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

from adjuvant.rest.schema import Schema, SchemaFault, check, parse

if TYPE_CHECKING:
    from adjuvant.api import Desk

MAXIMUM_BODY = 1 << 16
LARGEST_NUMBER = 2**53

# What a piece of a path may stand for; its value is checked before a handler is called.
VARIABLES: dict[str, Schema] = {
    "resource": {
        "type": "string",
        "pattern": "^[0-9a-f]{8}(-[0-9a-f]{8}){4}$",
        "description": "an identifier of Orthanc, five times eight hex digits",
    },
    "model": {
        "type": "string",
        "pattern": "^[a-z][a-z0-9-]{0,63}$",
        "description": "the name of a model, such as thyroid",
    },
    "job": {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_NUMBER,
        "description": "the number of a job",
    },
    "correction": {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_NUMBER,
        "description": "the number of a correction",
    },
    "destination": {
        "type": "string",
        "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
        "description": "the name of a route: small letters, digits, hyphens",
    },
}
ERROR: Schema = {
    "title": "Error",
    "type": "object",
    "properties": {"error": {"type": "string"}, "details": {"type": "string"}},
    "required": ["error", "details"],
    "additionalProperties": False,
}


class Problem(Exception):
    """A request that cannot be answered as it was asked: status, a word and one sentence."""

    def __init__(self, status: int, error: str, details: str) -> None:
        super().__init__(error)
        self.status = status
        self.document = {"error": error, "details": details}


class Answer(NamedTuple):
    """HTTP status and JSON document; `allow` are the methods that the path answers to."""

    status: int
    document: dict[str, Any]
    allow: str = "GET"


@dataclass(frozen=True)
class Request:
    """What Orthanc received. `path` is what follows `/adjuvant/`, `query` the text of each
    parameter, `user` the name that Orthanc's own authentication let in, else empty."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = ""

    @property
    def parts(self) -> list[str]:
        """The path, piece by piece."""
        return self.path.strip("/").split("/")


@dataclass(frozen=True)
class Asked:
    """A request that was found valid: `path`, `query` (with defaults) and `body` by name."""

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    user: str


# What a handler returns is sent with 200; an Answer brings its own status.
Handler = Callable[[Asked, "Desk"], dict[str, Any] | Answer]


@dataclass(frozen=True)
class Route:
    """One method of one path, such as `POST jobs/{job}/cancel`; `{…}` is one of VARIABLES.

    `answer` is the schema of the document sent with 200, `others` those of other successes.
    `problems` says of each error what it means here; 400, 404 of an unknown path, 405 and 503 go
    without saying. `body` None: a body has to be empty or `{}`.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Schema
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    body_required: bool = False
    maximum_body: int = MAXIMUM_BODY
    others: Mapping[int, Schema] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)

    @property
    def variables(self) -> list[str]:
        """The names of the variable pieces of the path."""
        return [piece[1:-1] for piece in self.path.split("/") if piece.startswith("{")]

    def read(self, request: Request) -> Asked:
        """Check a request for this route. Raises Problem with 400 or 413."""
        if len(request.body) > self.maximum_body:
            raise Problem(413, "Body too large", f"At most {self.maximum_body} bytes are read")
        try:
            return Asked(
                self._path_values(request), self._query(request), self._body(request), request.user
            )
        except SchemaFault as fault:
            raise Problem(400, "Bad request", str(fault)) from fault

    def _path_values(self, request: Request) -> dict[str, Any]:
        pairs = zip(self.path.split("/"), request.parts, strict=True)
        values = {piece[1:-1]: text for piece, text in pairs if piece.startswith("{")}
        return {name: parse(text, VARIABLES[name], name) for name, text in values.items()}

    def _query(self, request: Request) -> dict[str, Any]:
        for name in request.query:
            if name not in self.query:
                raise SchemaFault(f"unknown parameter {name[:100]!r}")
        return {
            name: parse(_decoded(request.query[name]), schema, name)
            if name in request.query
            else schema.get("default")
            for name, schema in self.query.items()
        }

    def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(request.body or b"{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise SchemaFault("the body has to be empty or a JSON object")
        check(body, self.body or {"additionalProperties": False}, "the body")
        return body


class Table:
    """All routes, found by path and method."""

    def __init__(self, *routes: Route) -> None:
        self._paths: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = self._paths.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} is defined twice")
            methods[route.method] = route

    def __iter__(self) -> Iterator[Route]:
        return (route for methods in self._paths.values() for route in methods.values())

    def find(self, request: Request) -> tuple[Route | None, str]:
        """Who answers, and the methods that the path answers to (empty: there is no such path)."""
        methods = self._paths.get(request.path.strip("/")) or next(
            (found for path, found in self._paths.items() if _matches(path, request.parts)), {}
        )
        return methods.get(request.method), ", ".join(methods)


def _matches(path: str, parts: list[str]) -> bool:
    pieces = path.split("/")
    pairs = zip(pieces, parts, strict=False)
    return len(pieces) == len(parts) and all(p.startswith("{") or p == part for p, part in pairs)


def _decoded(text: str) -> str:
    """Orthanc 1.10 hands over the texts as they stand in the URL, where there is no space; a text
    with a space is decoded already. None of ours holds a "%"."""
    return text if " " in text else unquote_plus(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
