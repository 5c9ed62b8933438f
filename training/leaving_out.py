"""What a network loses on a scanner or centre that it never learnt from.

The same training once more without the scans of one group, then both networks on the same test
scans. What is lost on the group itself is the price of meeting it unprepared; what is lost on all
other scans is the price of having fewer scans to learn from, and belongs beside it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from adjuvant.close_up import CloseUp
from adjuvant.preprocess import Mask
from training.dataset import Entry, read_index
from training.datasets.fingerprint import told
from training.datasets.properties import NOT_TOLD
from training.datasets.split import TEST, frozen_digest, on_side
from training.difference import Difference, Pair, difference
from training.errors import ReleaseError
from training.evaluate import evaluate, outline, score
from training.figures import Score
from training.finished_run import exported, without_release
from training.foundation import Foundation
from training.loading import load_data, watched_cases
from training.pages.gallery import Gallery, Outline, Shown
from training.phantom.case import Case
from training.release import open_run
from training.train import train

SMALLEST = 5


@dataclass(frozen=True)
class Question:
    """Which groups of the property `by` to leave out of the training in `run`; none: each one."""

    run: Path
    data: Path
    out: Path
    by: str
    values: tuple[str, ...] = ()
    foundation: Foundation | None = None


@dataclass(frozen=True)
class Loss:
    """Without the group minus with it, mean Dice: on its own test scans, and on all others."""

    value: str
    learnt_from: int
    left_out: int
    on_group: Difference
    on_others: Difference | None
    gallery: Gallery = field(repr=False, compare=False, default_factory=Gallery)


def leave_out(question: Question, console: Console) -> tuple[Loss, ...]:
    """Train without each group in turn, in a folder of `out` each, and measure.

    A run that is killed goes on. Raises ReleaseError where the run is not finished or looks for
    nodules, or where a group is too small; SeenError where a test scan is of its patients.
    """
    about, recipe = open_run(without_release(question.run, question.out))
    if isinstance(recipe.preprocessing, CloseUp):
        raise ReleaseError(f"{question.run} finds nodules: only glands can be measured so")
    began = None if question.foundation is None else question.foundation.about()
    if began != about.get("foundation"):
        name = (about.get("foundation") or {}).get("model", "fresh weights")
        raise ReleaseError(f"{question.run} began with {name}: begin with the same (--from)")
    frozen_digest(question.data)
    patients = frozenset(about["patient_ids"])
    entries = read_index(question.data)
    values = question.values or groups(question, entries, patients, console)
    losses = []
    for value in values:
        _check(question, entries, value)

        def stays(entry: Entry, value: str = value) -> bool:
            return entry.patient_id in patients and told(entry.properties, question.by) != value

        data = load_data(question.data, recipe, console, stays)
        run = question.out / _folder(value)
        console.print(f"training without {question.by} {value}: {len(data.training)} scans")
        train(recipe, data, run, console, question.foundation)
        left = (len(data.training), int(about["images"]) - len(data.training))
        losses.append(_measure(question, run, (value, *left), console))
    return tuple(losses)


def groups(
    question: Question, entries: list[Entry], patients: frozenset[str], console: Console
) -> tuple[str, ...]:
    """Every group that the run learnt from, and that enough patients of the test set belong to.

    Raises ReleaseError where there are not two groups to learn from, or none to measure.
    """
    learnt = {told(one.properties, question.by) for one in entries if one.patient_id in patients}
    learnt.discard(NOT_TOLD)
    if len(learnt) < 2:
        raise ReleaseError(
            f"{question.run} learnt from {len(learnt)} {question.by}: nothing can be left out"
        )
    tested = on_side(question.data, entries, TEST)
    found = []
    for value in sorted(learnt):
        number = len(_patients(tested, question.by, value))
        if number >= SMALLEST:
            found.append(value)
        else:
            console.print(f"{question.by} {value}: {number} test patients, too few to measure")
    if not found:
        raise ReleaseError(f"no {question.by} has {SMALLEST} test patients")
    return tuple(found)


def _patients(entries: Iterable[Entry], by: str, value: str) -> set[str]:
    return {one.patient_id for one in entries if told(one.properties, by) == value}


def _check(question: Question, entries: list[Entry], value: str) -> None:
    number = len(_patients(on_side(question.data, entries, TEST), question.by, value))
    if number < SMALLEST:
        raise ReleaseError(
            f"{question.by} {value!r} has {number} test patients; {SMALLEST} are needed"
        )


def _measure(
    question: Question, run: Path, told_of: tuple[str, int, int], console: Console
) -> Loss:
    """Both networks on the test set."""
    value, learnt_from, left_out = told_of
    gallery, whole, inside = Gallery(), [], []
    with exported(question.run) as (full, seen), exported(run) as (without, _):

        def watch(case: Case, found: Mask, one: Score) -> None:
            mask = outline(case, full)
            whole.append(score(case, mask))
            inside.append(told(case.properties, question.by) == value)
            if inside[-1] and one.dice is not None:
                gallery.see(_shown(case, (found, mask), (one.dice, whole[-1].dice or 0.0)))

        measured = evaluate(watched_cases(question.data, None, console), without, seen, watch)
    pairs = list(zip(measured.scores, whole, strict=True))
    on_group = _difference(pair for pair, mine in zip(pairs, inside, strict=True) if mine)
    on_others = _difference(pair for pair, mine in zip(pairs, inside, strict=True) if not mine)
    if on_group is None:
        raise ReleaseError(f"no test scan of {question.by} {value} shows a gland")
    return Loss(value, learnt_from, left_out, on_group, on_others, gallery)


def _shown(case: Case, masks: tuple[Mask, Mask], dices: tuple[float, float]) -> Shown:
    whose = zip(("candidate", "in-service"), masks, strict=True)
    lines = (Outline("truth", case.gland), *(Outline(who, mask) for who, mask in whose))
    return Shown(dices[0], case, lines, f"Dice {dices[0]:.3f}, with them {dices[1]:.3f}")


def _difference(pairs: Iterable[tuple[Score, Score]]) -> Difference | None:
    return difference(
        ("gland Dice, mean", "", "higher"),
        [Pair(a.patient_id, a.dice, b.dice or 0.0) for a, b in pairs if a.dice is not None],
        None,
    )


def _folder(value: str) -> str:
    """A folder of its own for each group, whatever a camera is called."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", value).strip("-")[:40]
    return f"without-{plain}-{hashlib.sha256(value.encode()).hexdigest()[:6]}"
