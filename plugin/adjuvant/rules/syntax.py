"""Rules as they are written in JSON -> a `RuleSet`, or one line that says what is wrong.

docs/rules.md is the description for people; its examples are read by a test.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast, get_args

from adjuvant.errors import RuleFault
from adjuvant.rules.condition_syntax import Budget, Wrong, read_condition
from adjuvant.rules.ruleset import RESULTS, Level, Rule, RuleSet

MOST_RULES = 100
MOST_ROUTES = 16
LARGEST_PRIORITY = 1000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}", re.ASCII)
NAMED = (
    "has to be a name of 1 to 64 letters, digits, spaces, or any of _ . -, "
    "which begins with a letter or digit"
)
ROUTE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
REQUIRED = ("Name", "When", "Interpretation")
# Every key that may be left out, with what it is then.
OPTIONAL: dict[str, Any] = {
    "Level": "instance",
    "Results": list(RESULTS),
    "Routing": [],
    "Priority": 0,
}

# What every configuration had before there were rules: every planar scan of the thyroid.
DEFAULT_RULES: list[dict[str, Any]] = [
    {
        "Name": "thyroid",
        "When": {"Thyroid": True},
        "Interpretation": "thyroid",
        **OPTIONAL,
    }
]


@dataclass(frozen=True)
class Known:
    """What rules may name: interpretations that have a model, and routes (None: any)."""

    interpretations: Collection[str]
    routes: Collection[str] | None = None


def read_rules(written: object, known: Known, place: str = "Rules") -> RuleSet:
    """The rules in their order.

    Raises RuleFault for the first thing that is wrong; `place` is how its text begins.
    """
    try:
        return _read_set(written, known)
    except Wrong as wrong:
        raise RuleFault(f"{place}{wrong}") from None


def default_rules() -> RuleSet:
    """The set that is in force where nobody says otherwise."""
    return read_rules(DEFAULT_RULES, Known(("thyroid",)))


def _read_set(written: object, known: Known) -> RuleSet:
    if not isinstance(written, list) or not 1 <= len(written) <= MOST_RULES:
        raise Wrong("", f"has to be a list of 1 to {MOST_RULES} rules", written)
    budget, rules, documents = Budget(), dict[str, Rule](), []
    for number, one in enumerate(written):
        try:
            document = _complete(one)
            rule = _read_rule(document, known, budget)
            if rule.name in rules:
                raise Wrong("Name", "has to be another than that of a rule before", rule.name)
        except Wrong as wrong:
            place = f"[{number}]{_known_name(one)} {wrong.place}".rstrip()
            raise Wrong(place, wrong.wanted, wrong.value) from None
        rules[rule.name] = rule
        documents.append(document)
    return RuleSet(tuple(rules.values()), documents)


def _known_name(written: object) -> str:
    name = written.get("Name") if isinstance(written, dict) else None
    return f" {name!r}" if isinstance(name, str) and NAME.fullmatch(name) else ""


def _complete(written: object) -> dict[str, Any]:
    """With every key, in one order."""
    if not isinstance(written, dict):
        raise Wrong("", "has to be an object", written)
    for key, value in written.items():
        if key not in (*REQUIRED, *OPTIONAL):
            known = ", ".join((*REQUIRED, *OPTIONAL))
            raise Wrong(ascii(key)[1:-1][:80], f"unknown key (known keys: {known})", value)
    for key in REQUIRED:
        if key not in written:
            raise Wrong(key, "has to be there", None)
    return (
        {key: written[key] for key in REQUIRED}
        | OPTIONAL
        | {key: written[key] for key in OPTIONAL if key in written}
    )


def _read_rule(document: dict[str, Any], known: Known, budget: Budget) -> Rule:
    name = document["Name"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Wrong("Name", NAMED, name)
    interpretation = _one_of(document, "Interpretation", sorted(known.interpretations))
    return Rule(
        name=name,
        when=read_condition(document["When"], "When", budget),
        interpretation=interpretation,
        level=cast(Level, _one_of(document, "Level", get_args(Level))),
        results=_results(document["Results"]),
        routing=_routing(document["Routing"], known.routes),
        priority=_priority(document["Priority"]),
    )


def _one_of(document: dict[str, Any], key: str, known: Collection[str]) -> str:
    written = document[key]
    if not isinstance(written, str) or written not in known:
        model = " (an interpretation whose model is in Models)" if key == "Interpretation" else ""
        raise Wrong(key, f"has to be one of {', '.join(known)}{model}", written)
    return written


def _results(written: object) -> tuple[str, ...]:
    """In our own order. The report refers to the segmentation and the picture by their UIDs."""
    if not isinstance(written, list) or not written or any(x not in RESULTS for x in written):
        raise Wrong("Results", f"has to be a list of some of {', '.join(RESULTS)}", written)
    if len(set(written)) < len(written):
        raise Wrong("Results", "has to name each only once", written)
    if "SR" in written and len(written) < len(RESULTS):
        raise Wrong("Results", "has to hold SEG and SC with SR, which refers to both", written)
    return tuple(kind for kind in RESULTS if kind in written)


def _routing(written: object, routes: Collection[str] | None) -> tuple[str, ...]:
    if not isinstance(written, list) or len(written) > MOST_ROUTES:
        raise Wrong("Routing", f"has to be a list of at most {MOST_ROUTES} names", written)
    for place, name in enumerate(written):
        if not isinstance(name, str) or not ROUTE.fullmatch(name):
            wanted = "has to be the name of a route: small letters, digits, hyphens"
            raise Wrong(f"Routing[{place}]", wanted, name)
        if routes is not None and name not in routes:
            wanted = f"has to be one of Adjuvant.Routes ({', '.join(routes) or 'there is none'})"
            raise Wrong(f"Routing[{place}]", wanted, name)
    if len(set(written)) < len(written):
        raise Wrong("Routing", "has to name each only once", written)
    return tuple(written)


def _priority(written: object) -> int:
    if isinstance(written, bool) or not isinstance(written, int) or abs(written) > LARGEST_PRIORITY:
        wanted = f"has to be a whole number from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}"
        raise Wrong("Priority", wanted, written)
    return written
