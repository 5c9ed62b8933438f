"""A candidate against the version in service, scan by scan on the same test set.

The difference of each scan counts, and patients are resampled (paired bootstrap): what is hard for
both says nothing about either. A candidate is not worse where even the far end of the 95 % interval
of its loss lies within the margin (non-inferiority; ICH E9, 1998).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from adjuvant.model import Model
from training.difference import Difference, Pair, Verdict, difference, sentence
from training.errors import ReleaseError
from training.figures import SMALLEST_GROUP, Score
from training.lesions import LARGE_MM, LesionScore, Span, decisive, judged_by, looked_for
from training.margins import Margins

if TYPE_CHECKING:
    # It imports Keras, which figures do not need.
    from training.seen import Separation

S = TypeVar("S", Score, LesionScore)


@dataclass(frozen=True)
class Comparison:
    """All differences, the first of them the one that must be judged; `groups` of the first one.

    `separation` says how it is known that the version in service never saw the scans, and
    `in_service_scores` holds its results.
    """

    model: str
    version: str
    digest: str
    separation: Separation
    differences: tuple[Difference, ...]
    groups: dict[str, dict[str, Difference]]
    fewest_patients: int
    in_service_scores: tuple[Any, ...] = field(repr=False, default=())

    @property
    def verdict(self) -> Verdict:
        """The worst of all verdicts; undecided where the first figure could not be judged.

        Too few patients to judge a figure that is the same on every scan are no obstacle.
        """
        verdicts = [one.verdict for one in self.differences]
        if "worse" in verdicts:
            return "worse"
        if "undecided" in verdicts or verdicts[0] == "not judged":
            return "undecided"
        return "not worse"

    @property
    def name(self) -> str:
        """The version in service."""
        return f"{self.model} {self.version}"

    def content(self) -> dict[str, Any]:
        """For `comparison.json`: everything, with the verdicts."""
        told = asdict(self) | {"verdict": self.verdict}
        for told_one, one in zip(told["differences"], self.differences, strict=True):
            told_one["verdict"] = one.verdict
        return told

    def require_not_worse(self) -> None:
        """Raise ReleaseError, saying by how much, where the candidate may be worse."""
        if self.verdict == "not worse":
            return
        first = self.differences[0]
        if self.verdict == "undecided" and first.verdict == "not judged":
            raise ReleaseError(
                f"the test set has {first.patients} patients for the comparison with {self.name}, "
                f"and margins.fewest_patients is {self.fewest_patients}"
            )
        wrong = [sentence(one) for one in self.differences if one.verdict == self.verdict]
        said = "worse than" if self.verdict == "worse" else "not shown to be as good as"
        hint = "" if self.verdict == "worse" else " (a larger test set narrows the interval)"
        raise ReleaseError(f"the candidate is {said} {self.name}: {'; '.join(wrong)}{hint}")


def compare_glands(
    scores: Sequence[Score],
    in_service: Sequence[Score],
    model: Model,
    separation: Separation,
    margins: Margins,
) -> Comparison:
    """Outlines of the gland. Raises ValueError where the scans are not the same."""
    both = _same(scores, in_service)
    few = margins.fewest_patients
    dices = [(one, other) for one, other in both if one.dice is not None]
    empty = [(one, other) for one, other in both if one.dice is None]
    found = [
        difference(("gland Dice, mean", "", "higher"), _dices(dices), margins.dice, few),
        difference(
            ("gland HD95, mean", "mm", "lower"), _distances(dices), margins.hausdorff_95_mm, few
        ),
        difference(
            ("gland visible, not found", "%", "lower"),
            [Pair(a.patient_id, _not_found(a), _not_found(b)) for a, b in dices],
            margins.missed,
            few,
        ),
        difference(
            ("no gland visible, one drawn", "%", "lower"),
            [Pair(a.patient_id, not a.silent, not b.silent) for a, b in empty],
            margins.drawn_without_gland,
            few,
        ),
    ]
    return Comparison(
        model.name,
        model.version,
        model.digest,
        separation,
        tuple(one for one in found if one is not None),
        _groups(dices),
        few,
        tuple(in_service),
    )


def _dices(both: Iterable[tuple[Score, Score]]) -> list[Pair]:
    return [Pair(a.patient_id, a.dice or 0.0, b.dice or 0.0) for a, b in both]


def _not_found(score: Score) -> bool:
    """Nothing outlined, or something else: the one is no better than the other."""
    return score.silent or score.elsewhere


def _distances(both: Iterable[tuple[Score, Score]]) -> list[Pair]:
    """Where both found something to measure to."""
    return [
        Pair(a.patient_id, a.hausdorff_95_mm, b.hausdorff_95_mm)
        for a, b in both
        if a.hausdorff_95_mm is not None and b.hausdorff_95_mm is not None
    ]


def _groups(both: Sequence[tuple[Score, Score]]) -> dict[str, dict[str, Difference]]:
    """The difference of Dice by kind and name of subgroups that are large enough."""
    result: dict[str, dict[str, Difference]] = {}
    for kind in both[0][0].groups if both else ():
        result[kind] = {}
        for name in sorted({one.groups[kind] for one, _ in both}):
            members = [pair for pair in both if pair[0].groups[kind] == name]
            one = difference(("gland Dice, mean", "", "higher"), _dices(members), None)
            if one is not None and len(members) >= SMALLEST_GROUP:
                result[kind][name] = one
    return result


def compare_nodules(
    scores: Sequence[LesionScore],
    in_service: Sequence[LesionScore],
    model: Model,
    separation: Separation,
    margins: Margins,
) -> Comparison:
    """Marks of nodules, each network at its own operating point, in the same outlines.

    Raises ValueError where the scans are not the same.
    """
    both = _same(scores, in_service)
    few = margins.fewest_patients
    healthy = [(a, b) for a, b in both if not a.nodules]
    span = decisive(scores)
    sensitivity = [
        Pair(a.patient_id, _found(a, span), _found(b, span), float(len(looked_for(a, span))))
        for a, b in both
    ]
    marks = [Pair(a.patient_id, a.false_positives, b.false_positives) for a, b in both]
    silent = [
        Pair(a.patient_id, a.false_positives == 0, b.false_positives == 0) for a, b in healthy
    ]
    if not any(one.weight for one in sensitivity):
        raise ValueError(f"no scan has a detectable nodule of {LARGE_MM:g} mm: nothing to compare")
    found = [
        difference(
            (f"{judged_by(span)}, found", "%", "higher"),
            sensitivity,
            margins.sensitivity,
            few,
        ),
        difference(("false marks in a scan, mean", "", "lower"), marks, margins.false_marks, few),
        difference(("scans without any nodule, nothing marked", "%", "higher"), silent, None),
    ]
    return Comparison(
        model.name,
        model.version,
        model.digest,
        separation,
        tuple(one for one in found if one is not None),
        {},
        few,
        tuple(in_service),
    )


def _found(score: LesionScore, span: Span) -> float:
    return float(sum(one.dice is not None for one in looked_for(score, span)))


def _same(one: Sequence[S], other: Sequence[S]) -> list[tuple[S, S]]:
    if [a.case_id for a in one] != [b.case_id for b in other]:
        raise ValueError("both versions must be measured on the same scans in the same order")
    return list(zip(one, other, strict=True))
