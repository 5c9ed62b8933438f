"""A set of rules, and what it decides about an image: for each interpretation, the first rule that
applies says whether and when the image is read, and what becomes of the results."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from pydicom import Dataset

from adjuvant.rules.condition import Condition
from adjuvant.rules.planar import not_a_planar_image
from adjuvant.rules.verdict import Verdict

Level = Literal["instance", "series", "study"]
RESULTS = ("SEG", "SC", "SR")
MOST_REASONS = 5


@dataclass(frozen=True)
class Rule:
    """Which images an interpretation reads, how urgently, and what is delivered where.

    `level` is what has to be complete before: the image alone, its series or its study. `results`
    are the kinds that are stored, `routing` the names of where they are sent.
    """

    name: str
    when: Condition
    interpretation: str
    level: Level
    results: tuple[str, ...]
    routing: tuple[str, ...]
    priority: int


@dataclass(frozen=True)
class Judgement:
    """What one rule says of an image; `decides` where no rule before it applied as well."""

    rule: Rule
    verdict: Verdict
    decides: bool


@dataclass(frozen=True)
class Decision:
    """The rule by which an image is read, or None, and the reason in one sentence."""

    rule: Rule | None
    reason: str


@dataclass(frozen=True)
class RuleSet:
    """Rules in their order. `document` is the set as it is written, every default included."""

    rules: tuple[Rule, ...]
    document: list[dict[str, Any]]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the document: the same for sets that say the same."""
        written = json.dumps(self.document, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(written.encode()).hexdigest()

    def judge(self, header: Dataset) -> tuple[Judgement, ...]:
        """What every rule says of an image."""
        refused = not_a_planar_image(header)
        if refused:
            return tuple(Judgement(rule, Verdict(False, refused), False) for rule in self.rules)
        found: list[Judgement] = []
        decided: set[str] = set()
        for rule in self.rules:
            verdict = rule.when.judge(header)
            decides = verdict.applies and rule.interpretation not in decided
            if decides:
                decided.add(rule.interpretation)
            found.append(Judgement(rule, verdict, decides))
        return tuple(found)

    def decide(self, header: Dataset, interpretation: str) -> Decision:
        """By which rule an interpretation reads an image, if at all."""
        refused = not_a_planar_image(header)
        if refused:
            return Decision(None, refused)
        rules = tuple(rule for rule in self.rules if rule.interpretation == interpretation)
        reasons: list[str] = []
        for rule in rules:
            verdict = rule.when.judge(header)
            if verdict.applies:
                return Decision(rule, verdict.reason)
            reasons.append(verdict.reason if len(rules) == 1 else f"{rule.name}: {verdict.reason}")
        return Decision(None, _joined(reasons) or f"no rule is about {interpretation}")

    def unseen_priority(self, interpretation: str) -> int | None:
        """The priority of every image, where that is known before any header is read.

        None where the header has to say when, or how urgently, an image is read.
        """
        rules = [rule for rule in self.rules if rule.interpretation == interpretation]
        priorities = {rule.priority for rule in rules}
        if any(rule.level != "instance" for rule in rules) or len(priorities) > 1:
            return None
        return priorities.pop() if priorities else 0


def _joined(reasons: list[str]) -> str:
    """All of them, or the first few."""
    more = len(reasons) - MOST_REASONS
    rest = [f"and {more} rules more"] if more > 0 else []
    return "; ".join([*reasons[:MOST_REASONS], *rest])
