"""Cross-validation of a recipe that looks for nodules: the folds are those of
`training.cross_validation`, what is measured is nodules found and false marks.

Each network has an operating point of its own, chosen as `release` chooses it, but on the patients
on which its training was validated: those that are measured decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from adjuvant.network import load_network
from training.cross_validation import Question, train_folds
from training.errors import TrainingError
from training.figures import Rate
from training.finished_run import exported
from training.lesions import (
    LARGE_MM,
    LesionScore,
    choose_threshold,
    figure_of_marks,
    read_cases,
    score,
    sensitivity,
)
from training.seen import seen_by_model


@dataclass(frozen=True)
class NoduleFold:
    """One network: how many scans it learnt from, its operating point, and what it marks on the
    scans with a visible gland that it did not see."""

    number: int
    learnt_from: int
    threshold: float
    scores: tuple[LesionScore, ...]


def cross_validate_nodules(
    question: Question, gland: Path, console: Console
) -> tuple[NoduleFold, ...]:
    """Train and measure fold after fold; one that is done already is only measured.

    `gland` outlines the glands. Raises TrainingError where there are fewer patients than folds, or
    no nodule to choose an operating point by; SeenError where `gland` learnt from one of the
    patients; ValueError where the recipe does not look for nodules.
    """
    gland_network = load_network(gland, device="cpu")
    known = seen_by_model(gland_network.model)
    folds = []
    for one in train_folds(question, console):
        with exported(one.run) as (network, seen):
            networks = (gland_network, network)
            validation = read_cases(question.cases(one.validation, console), networks, (known,))
            try:
                threshold = choose_threshold(validation)
            except ValueError as fault:
                raise TrainingError(
                    f"fold {one.number}, {len(one.validation)} scans to validate on: {fault}"
                ) from fault
            held = read_cases(question.cases(one.held, console), networks, (seen, known))
        scores = tuple(score(reading, threshold) for reading in held)
        folds.append(NoduleFold(one.number, one.learnt_from, threshold, scores))
    return tuple(folds)


def found_of(folds: Sequence[NoduleFold]) -> Rate:
    """Detectable nodules from 10 mm that are found. Raises TrainingError where there is none."""
    rate = sensitivity([one for fold in folds for one in fold.scores], LARGE_MM, np.inf)
    if rate is None:
        numbers = ", ".join(str(fold.number) for fold in folds)
        raise TrainingError(f"fold {numbers}: no detectable nodule of {LARGE_MM:g} mm to find")
    return rate


def markdown(folds: Sequence[NoduleFold], *, simulated: bool) -> str:
    """The table, with what it is about."""
    kind = "simulated scans" if simulated else "scans"
    lines = [
        f"Each of {sum(len(one.scores) for one in folds)} {kind} with a visible gland was measured "
        f"by the one of {len(folds)} networks that did not learn from its patient, at an operating "
        "point that was chosen on others. 95 % intervals of rates by Wilson, of means by bootstrap "
        "over patients.",
        "",
        "| fold | learnt from | operating point | scans | detectable nodules from "
        f"{LARGE_MM:g} mm: found | 95 % interval | false marks in a scan | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(str(one.number), (str(one.learnt_from), f"{one.threshold:g}"), [one])
          for one in folds),
        _row("all", ("", ""), folds),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(name: str, network: tuple[str, str], folds: Sequence[NoduleFold]) -> str:
    scores = [one for fold in folds for one in fold.scores]
    found, marks = found_of(folds), figure_of_marks(scores)
    cells = (
        *(name, *network, str(len(scores)), f"{found.part} of {found.whole}"),
        f"{found.low:.1%} to {found.high:.1%}",
        f"{marks.value:.2f}",
        f"{marks.low:.2f} to {marks.high:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def content(folds: Sequence[NoduleFold]) -> dict[str, Any]:
    """For `cross-validation.json`."""
    marks = figure_of_marks([one for fold in folds for one in fold.scores])
    whole = {"found": asdict(found_of(folds)), "false_marks": asdict(marks)}
    return {**whole, "folds": [asdict(one) for one in folds]}
