"""A part of JSON Schema, enough for parameters and bodies: what OpenAPI shows is what is checked.

Standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from adjuvant.sqlite_file import is_text

Schema = Mapping[str, Any]

# What `check` obeys; other keywords may only describe.
KEYWORDS = frozenset(
    {"type", "enum", "minimum", "maximum", "pattern", "minLength", "maxLength"}
    | {"items", "maxItems", "properties", "required", "additionalProperties"}
)
DESCRIPTIVE = frozenset({"title", "description", "default", "example", "format"})
SHOWN = 100

_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "object": ("an object", lambda value: isinstance(value, dict)),
    "array": ("an array", lambda value: isinstance(value, list)),
    "string": ("a text", is_text),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", lambda value: _is_number(value) and value == int(value)),
    "number": ("a number", lambda value: _is_number(value)),
    "null": ("null", lambda value: value is None),
}


class SchemaFault(ValueError):
    """A value is not what its schema asks for; the text names the place and the value."""


def check(value: Any, schema: Schema, where: str) -> None:
    """Raise SchemaFault where `value`, as JSON has it, is not valid; `where` names it."""
    if not _is_valid(value, schema):
        raise SchemaFault(f"{where} has to be {wanted(schema)}, got {_shown(value)}")
    if isinstance(value, dict):
        _check_object(value, schema, where)
    if isinstance(value, list):
        for number, item in enumerate(value):
            check(item, schema.get("items", {}), f"{where}[{number}]")


def parse(text: str, schema: Schema, where: str) -> Any:
    """The value of a text in a URL. Raises SchemaFault where it is not what is asked for."""
    value: Any = text
    if schema["type"] == "integer" and re.fullmatch(r"[0-9]{1,16}", text, re.ASCII):
        value = int(text)
    elif schema["type"] == "boolean":
        value = {"true": True, "false": False}.get(text, text)
    check(value, schema, where)
    return value


def wanted(schema: Schema) -> str:
    """What a schema asks for, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "pattern" in schema:
        return str(schema.get("description", f"a text that matches {schema['pattern']}"))
    words = " or ".join(_TYPES[name][0] for name in _types(schema))
    if "minimum" in schema:
        words += f" from {schema['minimum']}"
    if "maximum" in schema:
        words += f" to {schema['maximum']}"
    if "maxLength" in schema:
        words += f" of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    if "maxItems" in schema:
        words += f" of at most {schema['maxItems']}"
    return words


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise SchemaFault(f"{where} has to have the key {name!r}")
    for name, entry in value.items():
        other = schema.get("additionalProperties", True)
        if name not in known and other is False:
            raise SchemaFault(f"unknown key {name[:SHOWN]!r} in {where}")
        inner = known.get(name, other if isinstance(other, Mapping) else {})
        check(entry, inner, name if where == "the body" else f"{where}.{name[:SHOWN]}")


def _types(schema: Schema) -> list[str]:
    """The types that are let in: one, or a list of them."""
    types = schema["type"]
    return list(types) if isinstance(types, list) else [types]


def _is_valid(value: Any, schema: Schema) -> bool:
    if "enum" in schema and not any(type(value) is type(e) and value == e for e in schema["enum"]):
        return False
    if "type" in schema and not any(_TYPES[name][1](value) for name in _types(schema)):
        return False
    if isinstance(value, str):
        pattern = schema.get("pattern", "")
        if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
            return False
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if _is_number(value):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return not isinstance(value, list) or len(value) <= schema.get("maxItems", len(value))


def _is_number(value: Any) -> bool:
    """JSON's numbers: 1e999 is none, and neither is true."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | None) else "something else"
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
