"""Measure a network for cold nodules, nodule by nodule, the way the plugin uses it.

The gland is the one that the released gland network finds, not the true one. A nodule is found
where a mark and it share at least a tenth of their union (as in nnDetection, MICCAI 2021); a mark
that shares as much with no nodule at all, detectable or not, is a false positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from adjuvant.network import Network
from adjuvant.nodules import Candidate, candidates, nodule_probability, smallest_nodule
from adjuvant.preprocess import Image, Mask
from training.evaluate import groups_of, outline
from training.figures import Figure, Rate, figure_of, rate_of
from training.metrics import dice
from training.operating_point import USUAL, OperatingPoint
from training.phantom.case import Case, Nodule
from training.seen import Seen

SAME = 0.1
LARGE_MM = 10.0
THRESHOLDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.15),
    *(round(0.1 * step, 1) for step in range(1, 10)),
)
# From the first to below the second, in mm.
Span: TypeAlias = tuple[float, float]
LARGE: Span = (LARGE_MM, np.inf)
# Of a nodule that was drawn in an image that magnifies (pinhole) nobody knows the size, which is 0.
UNKNOWN: Span = (0.0, 0.0)
SIZES_MM: tuple[Span, ...] = ((0.0, 10.0), (10.0, 20.0), (20.0, np.inf), UNKNOWN)


@dataclass(frozen=True)
class Reading:
    """One scan with what the networks say of it, before any operating point."""

    case: Case
    gland: Mask
    probability: Image
    smallest: float


@dataclass(frozen=True)
class NoduleScore:
    """One true nodule; `dice` with what marks it, None where nothing does. `size_mm` is 0 where
    nobody knows it."""

    size_mm: float
    detectable: bool
    dice: float | None


@dataclass(frozen=True)
class LesionScore:
    """One scan's result at one operating point."""

    case_id: str
    patient_id: str
    nodules: tuple[NoduleScore, ...]
    false_positives: int
    groups: dict[str, str]


@dataclass(frozen=True)
class LesionEvaluation:
    """What was measured at `threshold`. Sensitivities are of detectable nodules: of 10 mm and more,
    and by size, unknown or not; `silent` is the rate of scans without any nodule that stay bare.
    """

    threshold: float
    scans: int
    patients: int
    sensitivity: Rate | None
    sensitivity_by_size: dict[str, Rate]
    false_positives: Figure
    dice: Figure | None
    silent: Rate | None
    scores: tuple[LesionScore, ...]


def read_cases(
    cases: Iterable[Case],
    networks: tuple[Network, Network],
    seen: Sequence[Seen],
    watch: Callable[[Case], None] = lambda _: None,
) -> list[Reading]:
    """What both networks (gland, nodules) say of every case with a visible gland.

    Raises SeenError at the first case of a patient whom one of `seen` knows.
    """
    readings = []
    for case in cases:
        for one in seen:
            one.refuse(case)
        watch(case)
        if case.gland.any():
            readings.append(_read(case, *networks))
    return readings


def _read(case: Case, gland_network: Network, nodule_network: Network) -> Reading:
    reading = Reading(case, outline(case, gland_network), np.zeros((0, 0), np.float32), 1.0)
    return read_again(reading, nodule_network)


def read_again(reading: Reading, nodule_network: Network) -> Reading:
    """The same scan and gland as another network for nodules reads them."""
    counts, gland = reading.case.counts.astype(np.float32), reading.gland
    return replace(
        reading,
        probability=nodule_probability(counts, gland, nodule_network),
        smallest=smallest_nodule(gland, nodule_network) if gland.any() else 1.0,
    )


def marks_of(reading: Reading, threshold: float) -> tuple[Candidate, ...]:
    """What is marked at a threshold."""
    return candidates(reading.probability, threshold, reading.smallest)


def score(reading: Reading, threshold: float) -> LesionScore:
    """Compare the marks at one threshold with the true nodules."""
    case = reading.case
    marks = marks_of(reading, threshold)
    shared = np.array([[_overlap(mark, one) for one in case.nodules] for mark in marks])
    shared = shared.reshape(len(marks), len(case.nodules))
    nodules = tuple(
        NoduleScore(one.size_mm, one.detectable, _dice(one, marks, shared[:, number]))
        for number, one in enumerate(case.nodules)
    )
    false = int((shared < SAME).all(axis=1).sum()) if marks else 0
    return LesionScore(case.case_id, case.patient_id, nodules, false, groups_of(case))


def _overlap(mark: Candidate, nodule: Nodule) -> float:
    union = int((mark.mask | nodule.mask).sum())
    return int((mark.mask & nodule.mask).sum()) / union if union else 0.0


def _dice(nodule: Nodule, marks: Sequence[Candidate], shared: np.ndarray) -> float | None:
    """With all marks that find the nodule together; None where there is none."""
    finding = [mark.mask for mark, part in zip(marks, shared, strict=True) if part >= SAME]
    return dice(np.any(finding, axis=0), nodule.mask) if finding else None


def choose_threshold(readings: Sequence[Reading], wanted: OperatingPoint = USUAL) -> float:
    """The highest threshold at which as many of the detectable nodules of 10 mm and more are found
    as wanted, or of those of unknown size (`decisive`), with no more false marks than wanted. Where
    there is none, the one that finds most of those with no more false marks. Raises ValueError
    without such a nodule.
    """
    best, most_found = max(THRESHOLDS), -1
    for threshold in sorted(THRESHOLDS, reverse=True):
        scores = [score(one, threshold) for one in readings]
        rate = sensitivity(scores, decisive(scores))
        if rate is None:
            raise ValueError("no scan has a detectable nodule of 10 mm: nothing to choose by")
        if np.mean([one.false_positives for one in scores]) > wanted.false_marks:
            continue
        if rate.part >= wanted.sensitivity * rate.whole:
            return threshold
        if rate.part > most_found:
            best, most_found = threshold, rate.part
    return best


def decisive(scores: Sequence[LesionScore]) -> Span:
    """The size of the detectable nodules by which a network is judged: 10 mm and more, or unknown
    where none is known to be so large."""
    large, unknown = (any(looked_for(one, span) for one in scores) for span in (LARGE, UNKNOWN))
    return UNKNOWN if unknown and not large else LARGE


def looked_for(score: LesionScore, span: Span) -> list[NoduleScore]:
    """The detectable nodules of this size."""
    return [one for one in score.nodules if one.detectable and is_within(one.size_mm, span)]


def is_within(size_mm: float, span: Span) -> bool:
    """Whether a nodule has a size of this span; one of unknown size only in its own."""
    if span == UNKNOWN or not size_mm:
        return span == UNKNOWN and not size_mm
    return span[0] <= size_mm < span[1]


def sensitivity(scores: Sequence[LesionScore], span: Span) -> Rate | None:
    """The rate of detectable nodules of this size that are found."""
    nodules = [nodule for one in scores for nodule in looked_for(one, span)]
    if not nodules:
        return None
    return rate_of(sum(nodule.dice is not None for nodule in nodules), len(nodules))


def summarise(readings: Sequence[Reading], threshold: float) -> LesionEvaluation:
    """All figures at one threshold. Raises ValueError where there is no scan."""
    if not readings:
        raise ValueError("no scan shows a gland: nothing to measure")
    scores = tuple(score(one, threshold) for one in readings)
    rates = {named(size): sensitivity(scores, size) for size in SIZES_MM}
    found = [(n.dice, s.patient_id) for s in scores for n in s.nodules if n.dice is not None]
    healthy = [one for one in scores if not one.nodules]
    return LesionEvaluation(
        threshold=threshold,
        scans=len(scores),
        patients=len({one.patient_id for one in scores}),
        sensitivity=sensitivity(scores, LARGE),
        sensitivity_by_size={name: rate for name, rate in rates.items() if rate is not None},
        false_positives=figure_of_marks(scores),
        dice=_mean(found) if found else None,
        silent=_silent(healthy) if healthy else None,
        scores=scores,
    )


def figure_of_marks(scores: Sequence[LesionScore]) -> Figure:
    """The mean number of false marks in a scan."""
    return _mean([(one.false_positives, one.patient_id) for one in scores])


def _mean(values: Sequence[tuple[float, str]]) -> Figure:
    return figure_of([value for value, _ in values], [patient for _, patient in values])


def _silent(healthy: Sequence[LesionScore]) -> Rate:
    return rate_of(sum(one.false_positives == 0 for one in healthy), len(healthy))


def judged_by(span: Span) -> str:
    """What `decisive` nodules are called."""
    return "detectable nodules " + ("of unknown size" if span == UNKNOWN else named(span))


def named(span: Span) -> str:
    """What a size is called in a table of them."""
    if span == UNKNOWN:
        return "size not known"
    smallest, largest = span
    return f"from {smallest:g} mm" if np.isinf(largest) else f"{smallest:g} to {largest:g} mm"
