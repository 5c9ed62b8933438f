"""What comparing a candidate with the active version came to: sums, and the worst cases.

Kept in one small file for each model. Another pair of versions begins another tally; the last few
are kept as sums.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from adjuvant.comparison import Comparison
from adjuvant.errors import Fault

WORST = 20
EARLIER = 5
LOW_DICE = 0.9


@dataclass(frozen=True)
class Seen:
    """One comparison: of which scan (Orthanc's identifier), when, and how long each took."""

    instance: str
    at: str | None
    found: Comparison
    active_ms: float
    candidate_ms: float


@dataclass(frozen=True)
class Tally:
    """Sums over `scans` comparisons. `glands` are those with a Dice, `areas` those with an area."""

    active: str
    active_digest: str
    candidate: str
    candidate_digest: str
    since: str | None
    scans: int = 0
    failed: int = 0
    skipped: int = 0
    last_fault: str | None = None
    glands: int = 0
    dice: float = 0.0
    low_dice: int = 0
    areas: int = 0
    area_cm2: float = 0.0
    absolute_area_cm2: float = 0.0
    nodules_gained: int = 0
    nodules_lost: int = 0
    active_ms: float = 0.0
    candidate_ms: float = 0.0
    worst: tuple[dict[str, Any], ...] = ()

    def add(self, seen: Seen) -> Tally:
        """With one comparison more."""
        found = seen.found
        return replace(
            self,
            scans=self.scans + 1,
            glands=self.glands + (found.dice is not None),
            dice=self.dice + (found.dice or 0.0),
            low_dice=self.low_dice + (found.dice is not None and found.dice < LOW_DICE),
            areas=self.areas + (found.area_cm2 is not None),
            area_cm2=self.area_cm2 + (found.area_cm2 or 0.0),
            absolute_area_cm2=self.absolute_area_cm2 + abs(found.area_cm2 or 0.0),
            nodules_gained=self.nodules_gained + found.gained,
            nodules_lost=self.nodules_lost + found.lost,
            active_ms=self.active_ms + seen.active_ms,
            candidate_ms=self.candidate_ms + seen.candidate_ms,
            worst=self._with(seen),
        )

    def _with(self, seen: Seen) -> tuple[dict[str, Any], ...]:
        """The lowest Dice, and every change of nodules before it: a reader looks at these."""
        case = {"instance": seen.instance, "at": seen.at, **asdict(seen.found)}
        return tuple(sorted((*self.worst, case), key=_badness)[:WORST])

    @property
    def report(self) -> dict[str, Any]:
        """Means instead of sums, as REST shows them."""
        return {
            "active": self.active,
            "active_digest": self.active_digest,
            "candidate": self.candidate,
            "candidate_digest": self.candidate_digest,
            "since": self.since,
            "scans": self.scans,
            "failed": self.failed,
            "skipped": self.skipped,
            "last_fault": self.last_fault,
            "glands": self.glands,
            "mean_dice": _mean(self.dice, self.glands),
            "below_dice_0_9": self.low_dice,
            "mean_area_difference_cm2": _mean(self.area_cm2, self.areas),
            "mean_absolute_area_difference_cm2": _mean(self.absolute_area_cm2, self.areas),
            "nodules_gained": self.nodules_gained,
            "nodules_lost": self.nodules_lost,
            "active_ms": _mean(self.active_ms, self.scans),
            "candidate_ms": _mean(self.candidate_ms, self.scans),
            "worst": list(self.worst),
        }


@dataclass
class TallyFile:
    """The tallies of one model in `path`, the current one last. A file that cannot be read begins
    anew: it decides nothing."""

    path: Path
    tallies: list[Tally] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            kept = json.loads(self.path.read_text())
            self.tallies = [Tally(**{**one, "worst": tuple(one["worst"])}) for one in kept]
        except (OSError, ValueError, TypeError, KeyError):
            self.tallies = []

    def current(self, begin: Tally) -> Tally:
        """The tally of the same pair of versions as `begin`, else `begin`."""
        last = self.tallies[-1] if self.tallies else None
        pair = (begin.active_digest, begin.candidate_digest)
        if last is not None and (last.active_digest, last.candidate_digest) == pair:
            return last
        return begin

    def keep(self, tally: Tally) -> None:
        """Write `tally` in the place of that of the same pair. Raises Fault."""
        others = [replace(one, worst=()) for one in self.tallies if not _same(one, tally)]
        self.tallies = [*others[-EARLIER:], tally]
        text = json.dumps([asdict(one) for one in self.tallies])
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text)
            os.replace(new, self.path)
        except OSError as fault:
            raise Fault(f"{self.path} cannot be written: {fault.strerror}") from fault


def _same(one: Tally, other: Tally) -> bool:
    pairs = [(tally.active_digest, tally.candidate_digest) for tally in (one, other)]
    return pairs[0] == pairs[1]


def _badness(case: dict[str, Any]) -> tuple[int, float]:
    dice = case["dice"]
    return (-(case["gained"] + case["lost"]), 1.0 if dice is None else dice)


def _mean(total: float, number: int) -> float | None:
    return round(total / number, 4) if number else None
