"""How many scans does a department have to draw? The same training on 94, 200, 1800 of them.

Each larger set holds the smaller ones, whole patients first come first; all see as many images and
are measured on the same scans of other patients. So the difference is what the scans were worth.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from adjuvant.close_up import CloseUp
from training.collect.collection import write_whole
from training.dataset import Entry, read_index
from training.datasets.split import TRAINING, sides_to_learn_from
from training.errors import TrainingError
from training.figures import Evaluation, Figure, figure_of
from training.finished_run import evaluation_of
from training.foundation import Foundation
from training.loading import load_data, watched_cases
from training.metrics import STATISTICS
from training.recipe import Recipe
from training.seen import Separation, unchecked
from training.train import train

SIZES = (94, 200, 1800)


@dataclass(frozen=True)
class Question:
    """Train by `recipe` on so many scans of `data` each, and measure on those of `test`."""

    recipe: Recipe
    data: Path
    test: Path
    out: Path
    sizes: tuple[int, ...] = SIZES
    foundation: Foundation | None = None


@dataclass(frozen=True)
class Point:
    """What a network is that learnt from `scans` scans of `patients` patients: Dice of the gland
    (mean and 5th percentile) and the glands that it missed, on the test scans. `separation` says
    how it is known that it never saw their patients (`training.seen`)."""

    scans: int
    patients: int
    mean: Figure
    percentile_5: Figure
    missed: int
    separation: Separation = "patient"


def learning_curve(question: Question, console: Console) -> tuple[Point, ...]:
    """Train and measure each, in a folder of `out`; one that is done already is only measured.

    Raises TrainingError where there are fewer scans than asked for, and for a recipe that looks for
    nodules.
    """
    recipe = question.recipe
    if isinstance(recipe.preprocessing, CloseUp):
        raise TrainingError(
            f"recipe {recipe.name} looks for nodules: only recipes for glands are measured so"
        )
    entries = read_index(question.data)
    sides = sides_to_learn_from(question.data, entries, recipe.split, recipe.seed)
    learnable = in_order(sides[TRAINING])
    if len(learnable) < max(question.sizes):
        raise TrainingError(
            f"{question.data} has {len(learnable)} scans to learn from, "
            f"{max(question.sizes)} are asked for"
        )
    rest = {entry.case_id for entry in learnable}
    points = []
    for size in sorted(question.sizes):
        left = rest - {entry.case_id for entry in learnable[:size]}
        data = load_data(question.data, recipe, console, partial(_stays, left=left))
        console.print(f"training on {len(data.training)} scans")
        run = question.out / f"{size}-scans"
        train(recipe, data, run, console, question.foundation)
        measured = evaluation_of(run, watched_cases(question.test, None, console))
        points.append(_point(len(data.training), data.training_patients, measured))
    return tuple(points)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The same scans, patient after patient, in an order that has nothing to do with their names;
    it stays the same when others are added."""

    def place(entry: Entry) -> tuple[str, str]:
        return hashlib.sha256(entry.patient_id.encode()).hexdigest(), entry.case_id

    return sorted(entries, key=place)


def _stays(entry: Entry, left: set[str]) -> bool:
    return entry.case_id not in left


def _point(scans: int, patients: int, measured: Evaluation) -> Point:
    shown = [one for one in measured.scores if one.dice is not None]
    values = [one.dice or 0.0 for one in shown]
    owners = [one.patient_id for one in shown]
    mean, low = (figure_of(values, owners, STATISTICS[name]) for name in ("mean", "percentile_5"))
    missed = sum(one.silent for one in shown)
    return Point(scans, patients, mean, low, missed, measured.totals.separation)


def markdown(points: Sequence[Point], *, simulated: bool) -> str:
    """The table, with where its figures come from."""
    kind = "simulated scans" if simulated else "scans"
    lines = [
        f"Measured on {points[0].mean.scans} {kind} with a visible gland, of patients that none of "
        f"the trainings saw. {unchecked(one.separation for one in points)}95 % intervals by "
        "bootstrap over patients.",
        "",
        "| learnt from | patients | mean Dice | 95 % interval | 5th percentile | 95 % interval "
        "| missed |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in points:
        cells = [f"{one.scans} scans", str(one.patients), *_cells(one.mean)]
        lines.append(f"| {' | '.join([*cells, *_cells(one.percentile_5), str(one.missed)])} |")
    return "\n".join(lines) + "\n"


def _cells(figure: Figure) -> tuple[str, str]:
    return f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}"


def content(points: Sequence[Point]) -> dict[str, Any]:
    """For `learning-curve.json`."""
    return {"points": [asdict(one) for one in points]}


def draw(points: Sequence[Point], path: Path, *, simulated: bool) -> None:
    """Mean and 5th percentile of Dice over the number of scans, as SVG."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6.4, 4), layout="constrained")
    axes = canvas.subplots()
    scans = [one.scans for one in points]
    for name, colour, title in (
        ("mean", "#0b5fa5", "mean"),
        ("percentile_5", "#b3541e", "5th percentile"),
    ):
        figures: list[Figure] = [getattr(one, name) for one in points]
        values = [one.value for one in figures]
        reach = [[v - f.low for v, f in zip(values, figures, strict=True)],
                 [f.high - v for v, f in zip(values, figures, strict=True)]]  # fmt: skip
        axes.errorbar(scans, values, reach, marker="o", capsize=4, color=colour, label=title)
    axes.set_xscale("log")
    axes.set_xticks(scans, [str(one) for one in scans])
    axes.minorticks_off()
    axes.set_xlabel(f"{'simulated ' if simulated else ''}scans to learn from")
    axes.set_ylabel("Dice of the gland on scans of other patients")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    file = io.BytesIO()
    canvas.savefig(file, format="svg", metadata={"Date": None})
    write_whole(path, file.getvalue())
