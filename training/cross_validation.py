"""Every patient is measured once, by a network whose training left this patient out.

Patients are divided into folds; for each, a network learns from all others. For a data set that is
too small to spare a test set: all of its scans are both learnt from and measured on, never by the
same network. What is measured is the recipe, not a network that is released.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from training.dataset import Entry, read_case, read_index, split_patients
from training.datasets.split import TRAINING, VALIDATION, on_side
from training.errors import TrainingError
from training.figures import Figure, Score, figure_of
from training.finished_run import evaluation_of
from training.foundation import Foundation
from training.loading import read_sides
from training.outlines import read_outliner
from training.phantom.case import Case
from training.progress import tracked
from training.recipe import Recipe
from training.seen import Separation, seen_by_model, unchecked
from training.train import train


@dataclass(frozen=True)
class Question:
    """Cross-validate `recipe` on `data` in so many folds; the runs go below `out`.

    `gland` is the released model that outlines the glands in which a recipe looks for nodules.
    """

    recipe: Recipe
    data: Path
    out: Path
    folds: int = 5
    foundation: Foundation | None = None
    gland: Path | None = None

    def cases(self, entries: Sequence[Entry], console: Console) -> Iterable[Case]:
        """These scans of the data, one by one under a progress bar."""
        return (read_case(self.data, one) for one in tracked(entries, "measuring", console))


@dataclass(frozen=True)
class Planned:
    """One fold before its training: the scans to learn from and to validate on, by side, and those
    of the patients that are held back."""

    number: int
    sides: dict[str, list[Entry]]
    held: list[Entry]


@dataclass(frozen=True)
class Trained:
    """The finished run of one fold: how many scans it learnt from, those of its own patients on
    which it was validated, and those of the patients that were held back from it."""

    number: int
    run: Path
    learnt_from: int
    validation: list[Entry]
    held: list[Entry]


@dataclass(frozen=True)
class Fold:
    """One network: how many scans it learnt from, and the scores of those that were held back from
    it. `separation` says how it is known that neither it nor what it began with saw their patients
    (`training.seen`)."""

    number: int
    learnt_from: int
    scores: tuple[Score, ...]
    separation: Separation = "patient"


def cross_validate(question: Question, console: Console) -> tuple[Fold, ...]:
    """Train and measure fold after fold; one that is done already is only measured.

    A data set's own test scans are left alone. Raises TrainingError where there are fewer patients
    than folds, SeenError where the foundation learnt from one of them, ValueError where the recipe
    looks for nodules (`training.nodule_folds`).
    """
    folds = []
    for one in train_folds(question, console):
        measured = evaluation_of(one.run, question.cases(one.held, console))
        separation = measured.totals.separation
        folds.append(Fold(one.number, one.learnt_from, measured.scores, separation))
    return tuple(folds)


def plan(question: Question) -> list[Planned]:
    """The folds, before any training.

    Which epoch of a network is kept is decided on a part of the patients that it may learn from.
    Raises TrainingError where there are fewer patients than folds, SeenError where the foundation
    learnt from one of them.
    """
    recipe = question.recipe
    entries = on_side(question.data, read_index(question.data), TRAINING, VALIDATION)
    if question.foundation is not None:
        known = seen_by_model(question.foundation.model)
        for entry in entries:
            known.refuse(entry)
    parts = {TRAINING: recipe.split, VALIDATION: 1 - recipe.split}
    folds = []
    for number, held in enumerate(divide(entries, question.folds, recipe.seed), 1):
        others = [one for one in entries if one.patient_id not in held]
        mine = [one for one in entries if one.patient_id in held]
        folds.append(Planned(number, split_patients(others, parts, recipe.seed), mine))
    return folds


def train_folds(question: Question, console: Console) -> Iterator[Trained]:
    """Train one network after the other. Raises as `plan` does, before the first of them."""
    outliner = None if question.gland is None else read_outliner(question.gland)
    for one in plan(question):
        console.print(f"fold {one.number} of {question.folds}")
        data = read_sides(question.data, one.sides, question.recipe, console, outliner)
        run = question.out / fold_folder(one.number, question.folds)
        train(question.recipe, data, run, console, question.foundation)
        yield Trained(one.number, run, len(data.training), one.sides[VALIDATION], one.held)


def fold_folder(number: int, folds: int) -> str:
    """The folder of one network's run."""
    return f"fold-{number}-of-{folds}"


def divide(entries: Sequence[Entry], folds: int, seed: int) -> list[frozenset[str]]:
    """The patients of each fold: all of them, each in one. Raises TrainingError where there are
    fewer patients than folds."""
    patients = sorted({entry.patient_id for entry in entries})
    if len(patients) < folds:
        raise TrainingError(f"{len(patients)} patients cannot be divided into {folds} folds")
    order = np.random.default_rng(seed).permutation(len(patients))
    return [frozenset(patients[place] for place in part) for part in np.array_split(order, folds)]


def dice_of(folds: Sequence[Fold]) -> Figure:
    """Mean Dice over all scans with a gland of these folds, by patient.

    Raises TrainingError where none shows a gland.
    """
    shown = _shown(folds)
    if not shown:
        raise TrainingError("no scan shows a gland: nothing to measure")
    return figure_of([one.dice or 0.0 for one in shown], [one.patient_id for one in shown])


def _shown(folds: Sequence[Fold]) -> list[Score]:
    """Of the scans with a gland."""
    return [one for fold in folds for one in fold.scores if one.dice is not None]


def markdown(folds: Sequence[Fold], *, simulated: bool) -> str:
    """The table, with what it is about."""
    kind = "simulated scans" if simulated else "scans"
    whole = dice_of(folds)
    means = [dice_of([fold]).value for fold in folds if _shown([fold])]
    lines = [
        f"Each of {whole.scans} {kind} with a visible gland was measured by the one of "
        f"{len(folds)} networks whose training left its patient out. "
        f"{unchecked(one.separation for one in folds)}95 % intervals by bootstrap over patients.",
        "",
        "| fold | learnt from | scans | mean Dice | 95 % interval | missed |",
        "|---|---|---|---|---|---|",
    ]
    for fold in folds:
        lines.append(_row(str(fold.number), str(fold.learnt_from), [fold]))
    lines.append(_row("all", "", folds))
    spread = f"from {min(means):.3f} to {max(means):.3f}"
    return "\n".join([*lines, "", f"The folds' means go {spread}."]) + "\n"


def _row(name: str, learnt_from: str, folds: Sequence[Fold]) -> str:
    shown = _shown(folds)
    if not shown:
        return f"| {name} | {learnt_from} | 0 | none to measure |  |  |"
    one = dice_of(folds)
    missed = sum(score.silent for score in shown)
    interval = f"{one.low:.3f} to {one.high:.3f}"
    cells = (name, learnt_from, str(one.scans), f"{one.value:.3f}", interval, str(missed))
    return f"| {' | '.join(cells)} |"


def content(folds: Sequence[Fold]) -> dict[str, Any]:
    """For `cross-validation.json`."""
    return {"dice": asdict(dice_of(folds)), "folds": [asdict(one) for one in folds]}
