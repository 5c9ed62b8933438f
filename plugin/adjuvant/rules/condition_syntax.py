"""Conditions as they are written in JSON -> the tree that judges headers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from adjuvant.rules.attribute import Attribute, is_sequence, parse_attribute
from adjuvant.rules.condition import (
    BUILT_IN,
    AllOf,
    AnyOf,
    BuiltIn,
    Comparison,
    Condition,
    Existence,
    Negation,
)
from adjuvant.rules.operators import Among, Matches, Operator, Range, compile_pattern

DEEPEST = 16
MOST_CONDITIONS = 1000
MOST_CHOICES = 1000
SHOWN = 80


class Wrong(Exception):
    """What is wrong with something written: where, what it has to be, and what it is."""

    def __init__(self, place: str, wanted: str, value: object) -> None:
        super().__init__(place, wanted, value)
        self.place, self.wanted, self.value = place, wanted, value

    def __str__(self) -> str:
        return f"{self.place}: {self.wanted}, got {shown(self.value)}"


def shown(value: object) -> str:
    """A value as Python writes it, in one line of ASCII, its beginning where it is long."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # too deep, or a number of thousands of digits
        text = f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


@dataclass
class Budget:
    """How many conditions a rule set may still have."""

    left: int = MOST_CONDITIONS


def read_condition(written: object, place: str, budget: Budget, depth: int = 1) -> Condition:
    """One condition with everything inside it; raises Wrong."""
    if depth > DEEPEST:
        raise Wrong(place, f"has to be at most {DEEPEST} deep", written)
    budget.left -= 1
    if budget.left < 0:
        raise Wrong(place, f"a rule set has at most {MOST_CONDITIONS} conditions", written)
    if not isinstance(written, dict):
        raise Wrong(place, "has to be an object", written)
    if "Tag" in written:
        return _read_test(written, place)
    kinds = ("Tag", "All", "Any", "Not", *BUILT_IN)
    if len(written) != 1 or next(iter(written)) not in kinds:
        raise Wrong(place, f"has to have one of the keys {', '.join(kinds)}", written)
    ((key, value),) = written.items()
    inside = f"{place}.{key}"
    if key in BUILT_IN:
        return BuiltIn(inside, BUILT_IN[key], _boolean(value, inside))
    if key == "Not":
        return Negation(inside, read_condition(value, inside, budget, depth + 1))
    if not isinstance(value, list) or not value:
        raise Wrong(inside, "has to be a list of conditions", value)
    parts = tuple(
        read_condition(part, f"{inside}[{number}]", budget, depth + 1)
        for number, part in enumerate(value)
    )
    return AllOf(inside, parts) if key == "All" else AnyOf(inside, parts)


def _read_test(written: dict[str, object], place: str) -> Condition:
    keys = [key for key in written if key != "Tag"]
    operators = (*OPERATORS, "Exists")
    if len(keys) != 1 or keys[0] not in operators:
        raise Wrong(place, f"has to have, beside Tag, one of {', '.join(operators)}", written)
    attribute = _attribute(written["Tag"], f"{place}.Tag")
    key, inside = keys[0], f"{place}.{keys[0]}"
    if key == "Exists":
        return Existence(inside, attribute, _boolean(written[key], inside))
    if is_sequence(attribute):
        raise Wrong(f"{place}.Tag", f"a sequence has no value: {key} cannot be asked of it", key)
    return Comparison(inside, attribute, OPERATORS[key](written[key], inside))


def _attribute(written: object, place: str) -> Attribute:
    if not isinstance(written, str):
        raise Wrong(place, "has to be a text", written)
    try:
        return parse_attribute(written)
    except ValueError as fault:
        raise Wrong(place, str(fault), written) from None


def _among(written: object, place: str) -> Operator:
    return _one_of([written], place)


def _choices(written: object, place: str) -> Operator:
    if not isinstance(written, list) or not 1 <= len(written) <= MOST_CHOICES:
        raise Wrong(place, f"has to be a list of 1 to {MOST_CHOICES} texts or numbers", written)
    return _one_of(written, place)


def _one_of(written: Collection[object], place: str) -> Operator:
    texts, numbers = set[str](), set[float]()
    for one in written:
        if isinstance(one, str) and one.strip(" \0"):
            texts.add(one.strip(" \0"))
        elif (found := _number(one)) is not None:
            numbers.add(found)
        else:
            raise Wrong(place, "has to be a text or a number", one)
    return Among(frozenset(texts), frozenset(numbers))


def _matches(written: object, place: str) -> Operator:
    if not isinstance(written, str) or not written:
        raise Wrong(place, "has to be a regular expression", written)
    try:
        return Matches(compile_pattern(written))
    except ValueError as fault:
        raise Wrong(place, str(fault), written) from None


def _range(written: object, place: str) -> Operator:
    wanted = "has to be [lowest, highest], one of which may be null"
    if not isinstance(written, list) or len(written) != 2 or written == [None, None]:
        raise Wrong(place, wanted, written)
    low = -math.inf if written[0] is None else _number(written[0])
    high = math.inf if written[1] is None else _number(written[1])
    if low is None or high is None:
        raise Wrong(place, wanted, written)
    if low > high:
        raise Wrong(place, "has to begin with the lower number", written)
    return Range(low, high)


def _number(written: object) -> float | None:
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    try:
        found = float(written)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _boolean(written: object, place: str) -> bool:
    if not isinstance(written, bool):
        raise Wrong(place, "has to be true or false", written)
    return written


OPERATORS: dict[str, Callable[[object, str], Operator]] = {
    "Equals": _among,
    "OneOf": _choices,
    "Matches": _matches,
    "Range": _range,
}
