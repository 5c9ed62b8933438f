"""The networks of a cross-validation as one network: the mean of their answers.

It is written as a finished run, which `release` measures and releases as any other. All patients of
the folds count as seen, as each of them taught most of the members.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from rich.console import Console

from adjuvant.familiar import describe
from training.cross_validation import Fold, Question, fold_folder
from training.dataset import read_case, read_index
from training.datasets.fingerprint import Tally, write_fingerprint
from training.errors import TrainingError
from training.familiar_scans import familiar_of, write_familiar
from training.nodule_folds import NoduleFold
from training.progress import tracked
from training.recipe import Recipe
from training.run_folder import (
    BEST_FILE,
    SCANS,
    State,
    read_run,
    read_state,
    write_run,
    write_state,
)
from training.train import build, compile_for, with_weights

FOLDER = "ensemble"
Folds: TypeAlias = Sequence[Fold] | Sequence[NoduleFold]


def combine(question: Question, folds: Folds, console: Console) -> Path:
    """Write the run of the ensemble beside those of its members; where it is.

    Raises TrainingError where the network would be too large to be one (`network.members`).
    """
    one = question.recipe
    try:
        network = one.network.model_validate(
            one.network.model_dump() | {"members": len(folds)}, strict=True
        )
    except ValueError as fault:
        raise TrainingError(f"{len(folds)} networks are too many for an ensemble") from fault
    recipe = one.model_copy(update={"network": network})
    runs = [question.out / fold_folder(fold.number, len(folds)) for fold in folds]
    run = question.out / FOLDER
    run.mkdir(parents=True, exist_ok=True)
    _write_weights(recipe, one, runs, run)
    _write_about(recipe, question, folds, runs)
    _write_likeness(question, folds, run, console)
    # Last: with a state the run is one to release.
    dice = float(np.mean([read_state(member).best_dice for member in runs]))
    last, epochs = len(recipe.stages) - 1, recipe.stages[-1].epochs
    state = State(stage=last, epoch=epochs, best_dice=dice, best_epoch=epochs)
    write_state(run, state)
    return run


def _write_likeness(question: Question, folds: Folds, run: Path, console: Console) -> None:
    """Fingerprint and familiar images of all scans that were measured: each taught most members."""
    tally, described = Tally(), []
    measured = {score.case_id for fold in folds for score in fold.scores}
    mine = [entry for entry in read_index(question.data) if entry.case_id in measured]
    for entry in tracked(mine, "what the scans are like", console):
        case = read_case(question.data, entry)
        tally.add(case)
        # A network for nodules sees close-ups: whole scans say nothing of what it knows.
        if question.gland is None and case.gland.any():
            described.append(describe(case.counts))
    write_fingerprint(run, tally.content())
    if (familiar := familiar_of(described)) is not None:
        write_familiar(run, familiar)


def _write_weights(recipe: Recipe, one: Recipe, runs: Sequence[Path], run: Path) -> None:
    """The members' best weights, in the order of the folds."""
    whole = build(recipe)
    members = [with_weights(one, member / BEST_FILE) for member in runs]
    whole.set_weights([values for member in members for values in member.get_weights()])
    compile_for(whole, recipe)
    whole.optimizer.build(whole.trainable_variables)
    whole.save_weights(run / BEST_FILE)


def _write_about(recipe: Recipe, question: Question, folds: Folds, runs: Sequence[Path]) -> None:
    """`run.json`: what all of the members are made of, together."""
    members = [read_run(member) for member in runs]
    patients = sorted({patient for about in members for patient in about["patient_ids"]})
    content = members[0] | {
        "recipe": recipe.model_dump(mode="json"),
        "images": sum(len(fold.scores) for fold in folds),
        "patients": len(patients),
        "patient_ids": patients,
        SCANS: None,
    }
    write_run(question.out / FOLDER, content)
