"""The OpenAPI document is valid, says what is answered, and forgets no route."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from adjuvant.api import ROUTES, Desk, Request, answer
from adjuvant.health import Health
from adjuvant.inbox import Inbox
from adjuvant.rest.openapi import describe
from adjuvant.rest.schema import DESCRIPTIVE, KEYWORDS, Schema, SchemaFault, check, parse
from adjuvant.rest.table import VARIABLES, Route, Table

DESK = Desk(Health("0.1.0"), Inbox())
WHOLE = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 3},
        "number": {"type": "number", "minimum": 0, "maximum": 1},
        "many": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        "inner": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "word": {"enum": ["a", 1]},
    },
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    status, document, _ = answer(Request("GET", "openapi.json"), DESK)
    assert status == 200
    whole: dict[str, Any] = json.loads(json.dumps(document))
    return whole


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_it_and_nothing_else(document: dict[str, Any]) -> None:
    described = {(m.upper(), p) for p, methods in document["paths"].items() for m in methods}
    assert described == {(route.method, f"/{route.path}") for route in ROUTES}


def test_no_link_is_absolute(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "../adjuvant"}]


def test_the_status_is_as_described(document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Status", "components": document["components"]}
    _, status, _ = answer(Request("GET", "status"), DESK)
    Draft202012Validator(schema).validate(status)


@pytest.mark.parametrize("route", [*ROUTES], ids=lambda route: f"{route.method} {route.path}")
def test_what_is_asked_is_described_by_what_is_checked(route: Route) -> None:
    for schema in (*route.query.values(), *(VARIABLES[name] for name in route.variables)):
        require_checked(schema)
    require_checked(route.body or {})
    if route.method == "GET":
        assert route.body is None


TYPES = {"object", "array", "string", "boolean", "integer", "number", "null"}


def require_checked(schema: Schema) -> None:
    assert set(schema) <= KEYWORDS | DESCRIPTIVE
    types = schema.get("type", "object")
    assert ({types} if isinstance(types, str) else set(types)) <= TYPES
    inner = schema.get("additionalProperties")
    parts = [*schema.get("properties", {}).values(), schema.get("items"), inner]
    for part in parts:
        if isinstance(part, dict):
            require_checked(part)


@pytest.mark.parametrize(
    "value",
    [
        {"text": "a"},
        {"text": "abc", "number": 1, "many": [1, 2.0], "inner": {"x": True}, "word": 1},
    ],
)
def test_a_valid_value_passes(value: Any) -> None:
    check(value, WHOLE, "the body")
    Draft202012Validator(WHOLE).validate(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "the body has to be an object, got something else"),
        ({}, "the body has to have the key 'text'"),
        ({"text": ""}, "text has to be a text of 1 to 3 characters, got ''"),
        ({"text": "abcd"}, "text has to be a text of 1 to 3 characters, got 'abcd'"),
        ({"text": "a", "number": 1.5}, "number has to be a number from 0 to 1, got 1.5"),
        ({"text": "a", "number": True}, "number has to be a number from 0 to 1, got True"),
        ({"text": "a", "many": [1, "2"]}, "many[1] has to be a whole number, got '2'"),
        ({"text": "a", "many": [1, 2, 3]}, "many has to be an array of at most 2"),
        ({"text": "a", "inner": {"x": 1}}, "inner.x has to be true or false, got 1"),
        ({"text": "a", "word": True}, "word has to be one of a, 1, got True"),
        ({"text": "a", "words": 1}, "unknown key 'words' in the body"),
    ],
)
def test_an_invalid_value_is_named(value: Any, text: str) -> None:
    with pytest.raises(SchemaFault) as fault:
        check(value, WHOLE, "the body")
    assert str(fault.value).startswith(text)
    assert not Draft202012Validator(WHOLE).is_valid(value)


def test_a_text_in_a_url_becomes_its_type() -> None:
    assert parse("12", {"type": "integer"}, "n") == 12
    assert parse("true", {"type": "boolean"}, "b") is True
    assert parse("12", {"type": "string"}, "s") == "12"
    for text in ("yes", "True", ""):
        with pytest.raises(SchemaFault, match="b has to be true or false"):
            parse(text, {"type": "boolean"}, "b")


def test_a_route_is_defined_once() -> None:
    route = next(iter(ROUTES))
    with pytest.raises(ValueError, match="is defined twice"):
        Table(route, route)


def test_two_schemas_of_one_name_are_refused() -> None:
    def handler(*_: Any) -> dict[str, Any]:
        return {}

    one, two = (
        Route("GET", path, handler, "", {"title": "Same", "type": kind})
        for path, kind in (("a", "object"), ("b", "array"))
    )
    with pytest.raises(ValueError, match="two schemas are called 'Same'"):
        describe(Table(one, two), "0.1.0")
