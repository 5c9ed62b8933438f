"""Scores -> figures, each with its 95 % interval, over all scans and by subgroup.

Intervals of means, medians and percentiles come from a bootstrap over patients, as scans of one
patient resemble each other; intervals of rates are Wilson's, by scan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adjuvant.model import Model
from training.calibration import Bins, calibration_error
from training.datasets.properties import NOT_TOLD
from training.metrics import STATISTICS, Statistic, bootstrap, wilson

if TYPE_CHECKING:
    # It imports Keras, which figures do not need.
    from training.seen import Separation

SMALLEST_GROUP = 5
# Outlines that agree less with the truth are poor ones.
POOR_DICE = 0.85
# An outline that shares less than this with a visible gland is one of something else.
ELSEWHERE_DICE = 0.1


@dataclass(frozen=True)
class Score:
    """One scan's result. `dice` is None where the scan shows no gland: then `silent` counts.

    `half_counts_dice` is of the same scan with half of its counts, where that was measured;
    `nearest_dice` with the nearest of the scan's `readings`, where that was; `unfamiliar` says
    whether the plugin calls the image unusual, None where the model cannot;
    `doubted` says whether the plugin calls the outline uncertain, None where there is none.
    """

    case_id: str
    patient_id: str
    dice: float | None
    hausdorff_95_mm: float | None
    silent: bool
    groups: dict[str, str]
    half_counts_dice: float | None = None
    doubted: bool | None = None
    nearest_dice: float | None = None
    readings: int = 1
    unfamiliar: bool | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether something else was outlined instead of the visible gland."""
        return self.dice is not None and not self.silent and self.dice < ELSEWHERE_DICE


@dataclass(frozen=True)
class Figure:
    """A statistic over `scans` scans with its 95 % interval, by patient."""

    value: float
    low: float
    high: float
    scans: int


@dataclass(frozen=True)
class Rate:
    """`part` out of `whole` scans, with the 95 % interval of the rate."""

    part: int
    whole: int
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """A subgroup's scans with a gland: mean Dice, median HD95; None below five scans."""

    scans: int
    missed: int
    dice: Figure | None
    hausdorff_95_mm: Figure | None


@dataclass(frozen=True)
class Totals:
    """What the scores do not tell: scans refused, how training was kept from seeing them,
    whether any of them is simulated, and the SHA-256 of all of them (as a test set is frozen)."""

    refused: int
    seeds: tuple[int, ...]
    training_seeds: tuple[int, ...]
    separation: Separation
    simulated: bool = True
    test_set: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Everything measured in one run, as it is written to `evaluation.json`.

    `dice` and `hausdorff_95_mm` by statistic (mean, median, percentile_5; mean, median), `groups`
    by kind and name. The rates are of scans without a gland that were left empty, and of scans
    with one that were (`missed`), or on which something else was outlined (`elsewhere`).
    `half_counts_loss` is what Dice loses where half of the counts are taken away,
    `calibration_error` of pixels as in `training.calibration`. `nearest_dice` is of the same
    scans as `dice` but for those without an outline where one reader sees none, each with the
    nearest of its readings, by statistic; `several_readings` says how many have more than one.
    `unfamiliar`: how many images the plugin calls unlike those of the training, None where the
    model cannot. `doubted`: of the outlines of a kind, how many the plugin calls uncertain.
    """

    model: str
    version: str
    digest: str
    weights_sha256: str
    scans: int
    patients: int
    totals: Totals
    dice: dict[str, Figure]
    hausdorff_95_mm: dict[str, Figure]
    silent_without_gland: Rate | None
    missed: Rate
    elsewhere: Rate
    half_counts_loss: Figure | None
    calibration_error: Figure | None
    doubted: dict[str, Rate]
    nearest_dice: dict[str, Figure]
    several_readings: Rate
    unfamiliar: Rate | None
    groups: dict[str, dict[str, Group]]
    scores: tuple[Score, ...]


def summarise(
    scores: tuple[Score, ...],
    model: Model,
    totals: Totals,
    calibration: Sequence[tuple[str, Bins]] = (),
) -> Evaluation:
    """All figures of one evaluation; `calibration` are patient and pixels of each scan.

    Raises ValueError where no scan shows a gland.
    """
    shown = [one for one in scores if one.dice is not None]
    if not shown:
        raise ValueError(f"none of the {len(scores)} scans shows a gland: nothing to measure")
    empty = [one for one in scores if one.dice is None]
    distances = {name: _figure(shown, "hausdorff_95_mm", name) for name in ("mean", "median")}
    return Evaluation(
        model=model.name,
        version=model.version,
        digest=model.digest,
        weights_sha256=model.weights.sha256,
        scans=len(scores),
        patients=len({one.patient_id for one in scores}),
        totals=totals,
        dice={name: one for name in STATISTICS if (one := _figure(shown, "dice", name))},
        hausdorff_95_mm={name: one for name, one in distances.items() if one},
        silent_without_gland=_silent(empty) if empty else None,
        missed=_silent(shown),
        elsewhere=rate_of(sum(one.elsewhere for one in shown), len(shown)),
        half_counts_loss=_half_counts(shown),
        calibration_error=_calibration(calibration),
        doubted=_doubted(scores),
        nearest_dice=_nearest(shown),
        several_readings=rate_of(sum(one.readings > 1 for one in shown), len(shown)),
        unfamiliar=_unfamiliar(scores),
        groups=_groups(shown),
        scores=scores,
    )


def figure_of(
    values: Sequence[float] | NDArray[np.float64],
    patients: Sequence[str],
    statistic: Statistic = STATISTICS["mean"],
) -> Figure:
    """A statistic of what each scan gave, with its interval by patient; `values` as in
    `training.metrics.bootstrap`, at least one."""
    numbers = np.asarray(values, np.float64)
    low, high = bootstrap(numbers, patients, statistic)
    return Figure(statistic(numbers), low, high, len(numbers))


def rate_of(part: int, whole: int) -> Rate:
    """So many out of so many scans, or of whatever is counted, with Wilson's interval."""
    return Rate(part, whole, *wilson(part, whole))


def _figure(scores: Sequence[Score], field: str, name: str) -> Figure | None:
    """One statistic of one field over the scores that have it; None where none has."""
    having = [one for one in scores if getattr(one, field) is not None]
    if not having:
        return None
    values = [float(getattr(one, field)) for one in having]
    return figure_of(values, [one.patient_id for one in having], STATISTICS[name])


def _half_counts(shown: Sequence[Score]) -> Figure | None:
    """The mean of what each scan's Dice loses; None where that was not measured."""
    both = [
        (one.dice - one.half_counts_dice, one.patient_id)
        for one in shown
        if one.dice is not None and one.half_counts_dice is not None
    ]
    if not both:
        return None
    losses, patients = zip(*both, strict=True)
    return figure_of(losses, patients)


def _nearest(shown: Sequence[Score]) -> dict[str, Figure]:
    """By statistic; nothing where readers agree about every scan."""
    if all(one.readings == 1 for one in shown):
        return {}
    return {name: one for name in STATISTICS if (one := _figure(shown, "nearest_dice", name))}


def _calibration(scans: Sequence[tuple[str, Bins]]) -> Figure | None:
    if not scans:
        return None
    bins = np.stack([one for _, one in scans])
    return figure_of(bins, [patient for patient, _ in scans], calibration_error)


def _silent(scores: Sequence[Score]) -> Rate:
    return rate_of(sum(one.silent for one in scores), len(scores))


def _doubted(scores: Sequence[Score]) -> dict[str, Rate]:
    """Of the outlines of each kind that there is, how many were called uncertain."""
    kinds: dict[str, list[bool]] = {}
    for one in scores:
        if one.doubted is not None:
            kinds.setdefault(_kind_of_outline(one.dice), []).append(one.doubted)
    return {kind: rate_of(sum(said), len(said)) for kind, said in sorted(kinds.items())}


def _unfamiliar(scores: Sequence[Score]) -> Rate | None:
    said = [one.unfamiliar for one in scores if one.unfamiliar is not None]
    return rate_of(sum(said), len(said)) if said else None


def _kind_of_outline(dice: float | None) -> str:
    if dice is None:
        return "outline where no gland is visible"
    return f"outline with Dice {'below' if dice < POOR_DICE else 'from'} {POOR_DICE}"


def _groups(shown: Sequence[Score]) -> dict[str, dict[str, Group]]:
    """Per kind, its groups by name; without the kinds of which no scan tells anything."""
    names = {kind: {one.groups[kind] for one in shown} for kind in shown[0].groups}
    return {
        kind: {
            name: _group([one for one in shown if one.groups[kind] == name])
            for name in sorted(names[kind], key=_by_number)
        }
        for kind in names
        if names[kind] != {NOT_TOLD}
    }


def _by_number(name: str) -> tuple[int, str]:
    """50-100k comes before 100-200k."""
    found = re.search(r"\d+", name)
    return (int(found[0]) if found else 0, name)


def _group(members: Sequence[Score]) -> Group:
    enough = len(members) >= SMALLEST_GROUP
    return Group(
        len(members),
        sum(one.silent for one in members),
        _figure(members, "dice", "mean") if enough else None,
        _figure(members, "hausdorff_95_mm", "median") if enough else None,
    )
