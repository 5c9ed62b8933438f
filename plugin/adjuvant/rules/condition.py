"""The tree of conditions of a rule: each answers with its reason and with the place that decided.

No condition raises, whatever the header holds, and none repeats a value of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydicom import Dataset

from adjuvant.rules.attribute import Attribute
from adjuvant.rules.operators import Operator
from adjuvant.rules.thyroid import explain_thyroid
from adjuvant.rules.verdict import Verdict

# Conditions that we bring, by the name under which a rule asks for them.
BUILT_IN: dict[str, Callable[[Dataset], Verdict]] = {"Thyroid": explain_thyroid}


class Condition(Protocol):
    """`place` is where it stands in its rule, such as `When.All[2].Equals`."""

    @property
    def place(self) -> str: ...
    def judge(self, header: Dataset) -> Verdict: ...


@dataclass(frozen=True)
class Comparison:
    """One of the values of an attribute is as asked for. An absent one never is."""

    place: str
    attribute: Attribute
    operator: Operator

    def judge(self, header: Dataset) -> Verdict:
        name, (yes, no) = self.attribute.name, self.operator.said
        found = False
        for text in self.attribute.texts(header):
            found = True
            if self.operator.holds(text):
                return Verdict(True, f"{name} {yes}", self.place)
        return Verdict(False, f"{name} {no if found else 'is absent'}", self.place)


@dataclass(frozen=True)
class Existence:
    """An attribute has a value, or has none."""

    place: str
    attribute: Attribute
    wanted: bool

    def judge(self, header: Dataset) -> Verdict:
        there = self.attribute.is_there(header)
        said = f"{self.attribute.name} is {'there' if there else 'absent'}"
        return Verdict(there == self.wanted, said, self.place)


@dataclass(frozen=True)
class BuiltIn:
    """A condition of ours, or its opposite."""

    place: str
    explain: Callable[[Dataset], Verdict]
    wanted: bool

    def judge(self, header: Dataset) -> Verdict:
        verdict = self.explain(header)
        return Verdict(verdict.applies == self.wanted, verdict.reason, self.place)


@dataclass(frozen=True)
class AllOf:
    """Every part holds; the first that does not decides."""

    place: str
    parts: tuple[Condition, ...]

    def judge(self, header: Dataset) -> Verdict:
        for part in self.parts:
            verdict = part.judge(header)
            if not verdict.applies or len(self.parts) == 1:
                return verdict
        return Verdict(True, f"all {len(self.parts)} conditions hold", self.place)


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds; the first that does decides."""

    place: str
    parts: tuple[Condition, ...]

    def judge(self, header: Dataset) -> Verdict:
        for part in self.parts:
            verdict = part.judge(header)
            if verdict.applies or len(self.parts) == 1:
                return verdict
        return Verdict(False, f"none of {len(self.parts)} conditions holds", self.place)


@dataclass(frozen=True)
class Negation:
    """The part does not hold, for instance because its attribute is absent."""

    place: str
    part: Condition

    def judge(self, header: Dataset) -> Verdict:
        verdict = self.part.judge(header)
        return Verdict(not verdict.applies, verdict.reason, verdict.condition)
