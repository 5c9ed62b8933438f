"""One figure of two versions on the same scans: the difference, its interval, and what it means.

A candidate is not worse where even the far end of the 95 % interval of its loss lies within the
margin (non-inferiority; ICH E9, 1998).

Where two versions do alike on every scan, resampling gives no interval. Of a rate it is then that
of 0 of so many patients (Wilson), to either side; where it is wider than the margin, there are too
few of them to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from training.metrics import paired_bootstrap, wilson

Better = Literal["higher", "lower"]
Verdict = Literal["not worse", "worse", "undecided", "too few patients", "not judged"]


@dataclass(frozen=True)
class Pair:
    """One scan: the sums of both, over `weight` things (1 where the scan itself is counted)."""

    patient_id: str
    candidate: float
    in_service: float
    weight: float = 1.0


@dataclass(frozen=True)
class Difference:
    """Candidate minus in service, `low` to `high` the 95 % interval.

    `margin` is None where the figure is reported and not judged. `alike`: on no scan do they
    differ.
    """

    name: str
    unit: str
    better: Better
    candidate: float
    in_service: float
    value: float
    low: float
    high: float
    scans: int
    patients: int
    margin: float | None = None
    alike: bool = False

    @property
    def loss(self) -> tuple[float, float, float]:
        """By how much the candidate is worse: value, low, high; negative where it is better."""
        if self.better == "lower":
            return self.value, self.low, self.high
        return -self.value, -self.high, -self.low

    @property
    def verdict(self) -> Verdict:
        """`worse` where the whole interval is a loss and its far end is beyond the margin.

        `too few patients` where nothing speaks for a loss but they cannot rule it out.
        """
        if self.margin is None:
            return "not judged"
        _, low, high = self.loss
        if high <= self.margin:
            return "not worse"
        if self.alike:
            return "too few patients"
        return "worse" if low > 0 else "undecided"


def sentence(one: Difference) -> str:
    """Both values, the difference with its interval, and the margin."""
    margin = "" if one.margin is None else f"; {shown(one.margin, one.unit)} worse is allowed"
    if one.verdict == "too few patients":
        margin += f", and {one.patients} patients are too few to show it"
    return (
        f"{one.name}: {shown(one.candidate, one.unit)}, was {shown(one.in_service, one.unit)} "
        f"(difference {signed(one.value, one.unit)}, 95 % interval {signed(one.low, one.unit)} to "
        f"{signed(one.high, one.unit)}{margin})"
    )


def signed(value: float, unit: str) -> str:
    """A difference with its sign."""
    text = shown(value, unit)
    if text.startswith("-"):
        return text if any(digit in "123456789" for digit in text) else text[1:]
    return text if value <= 0 else f"+{text}"


def shown(value: float, unit: str) -> str:
    """A value of a figure as people read it."""
    if unit == "%":
        return f"{100 * value:.1f} %"
    return f"{value:.1f} mm" if unit == "mm" else f"{value:.3f}"


def difference(
    about: tuple[str, str, Better], pairs: Sequence[Pair], margin: float | None, fewest: int = 2
) -> Difference | None:
    """One figure of all pairs, `about` its name, unit and direction; None where there is no pair.

    Not judged below `fewest` patients.
    """
    pairs = [one for one in pairs if one.weight > 0]
    if not pairs:
        return None
    name, unit, better = about
    patients = [one.patient_id for one in pairs]
    weights = [one.weight for one in pairs]
    whole = sum(weights)
    candidate = sum(one.candidate for one in pairs) / whole
    in_service = sum(one.in_service for one in pairs) / whole
    changes = [one.candidate - one.in_service for one in pairs]
    number = len(set(patients))
    alike = not any(changes)
    if alike and unit == "%":
        _, high = wilson(0, number)
        low = -high
    else:
        low, high = paired_bootstrap(changes, weights, patients)
    return Difference(
        name,
        unit,
        better,
        candidate,
        in_service,
        candidate - in_service,
        low,
        high,
        len(pairs),
        number,
        margin if number >= fewest else None,
        alike,
    )
