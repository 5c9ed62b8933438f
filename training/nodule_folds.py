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

from rich.console import Console

from adjuvant.network import load_network
from training.cross_validation import Question, plan, train_folds
from training.dataset import Entry
from training.datasets.split import VALIDATION
from training.errors import TrainingError
from training.figures import Rate
from training.finished_run import exported
from training.lesions import (
    LARGE,
    LARGE_MM,
    UNKNOWN,
    LesionScore,
    Span,
    choose_threshold,
    decisive,
    figure_of_marks,
    is_within,
    judged_by,
    read_cases,
    score,
    sensitivity,
)
from training.phantom.case import Case
from training.release_nodules import unseen
from training.seen import Seen, seen_by_model


@dataclass(frozen=True)
class NoduleFold:
    """One network: how many scans it learnt from, its operating point, and what it marks on the
    scans with a visible gland that were held back from it. `separation` says what is known of
    either network having learnt from these patients."""

    number: int
    learnt_from: int
    threshold: float
    scores: tuple[LesionScore, ...]
    separation: str = ""


def cross_validate_nodules(
    question: Question, gland: Path, console: Console
) -> tuple[NoduleFold, ...]:
    """Train and measure fold after fold; one that is done already is only measured.

    `gland` outlines the glands. Raises TrainingError where there are fewer patients than folds, or
    no nodule to choose an operating point by; SeenError where `gland` or the foundation learnt from
    one of the patients: all of these before the first training. ValueError where the recipe does
    not look for nodules.
    """
    gland_network = load_network(gland, device="cpu")
    known = seen_by_model(gland_network.model)
    check(question, known, console)
    folds = []
    for one in train_folds(question, console):
        with exported(one.run) as (network, seen):
            networks = (gland_network, network)
            validation = read_cases(question.cases(one.validation, console), networks, (known,))
            threshold = choose_threshold(validation, question.recipe.operating_point)
            held = read_cases(question.cases(one.held, console), networks, (seen, known))
        scores = tuple(score(reading, threshold) for reading in held)
        cases = [reading.case for reading in (*validation, *held)]
        said = unseen(cases, (seen, known), gland_network.model)
        folds.append(NoduleFold(one.number, one.learnt_from, threshold, scores, said))
    return tuple(folds)


def check(question: Question, gland: Seen, console: Console) -> None:
    """Raise what would end the cross-validation only after hours of training.

    `gland` is what the network for glands saw. Raises SeenError where that, or the foundation,
    learnt from one of the patients; TrainingError where one fold has nothing to choose an operating
    point by.
    """
    folds = plan(question)
    entries = [entry for fold in folds for entry in fold.held]
    for entry in entries:
        gland.refuse(entry)
    telling = {one.case_id for one in question.cases(entries, console) if _tells(one)}
    for fold in folds:
        validation: list[Entry] = fold.sides[VALIDATION]
        if not any(entry.case_id in telling for entry in validation):
            raise TrainingError(
                f"fold {fold.number} would choose its operating point on {len(validation)} scans, "
                f"and none has a detectable nodule of {LARGE_MM:g} mm: validate on more patients "
                f"(a smaller split than {question.recipe.split:g} in the recipe), or make fewer "
                "folds (--folds)"
            )


def _tells(case: Case) -> bool:
    """Whether it has a nodule that can decide on an operating point."""
    return bool(case.gland.any()) and any(
        one.detectable and (is_within(one.size_mm, LARGE) or is_within(one.size_mm, UNKNOWN))
        for one in case.nodules
    )


def markdown(folds: Sequence[NoduleFold], *, simulated: bool) -> str:
    """The table, with what it is about."""
    kind = "simulated scans" if simulated else "scans"
    scores = scores_of(folds)
    span = decisive(scores)
    known = " ".join(dict.fromkeys(one.separation for one in folds if one.separation))
    lines = [
        f"Each of {len(scores)} {kind} with a visible gland was measured by the one of "
        f"{len(folds)} networks whose training left its patient out, at an operating point that "
        f"was chosen on others. {known} 95 % intervals of rates by Wilson, of means by bootstrap "
        "over patients.",
        "",
        f"| fold | learnt from | operating point | scans | {judged_by(span)}: found "
        "| 95 % interval | false marks in a scan | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in folds:
        network = str(one.number), str(one.learnt_from), f"{one.threshold:g}"
        lines.append(_row(network, one.scores, span))
    return "\n".join([*lines, _row(("all", "", ""), scores, span)]) + "\n"


def scores_of(folds: Sequence[NoduleFold]) -> list[LesionScore]:
    """Of all folds together."""
    return [one for fold in folds for one in fold.scores]


def _row(network: tuple[str, str, str], scores: Sequence[LesionScore], span: Span) -> str:
    cells = (*network, str(len(scores)), *_found(sensitivity(scores, span)), *_marks(scores))
    return f"| {' | '.join(cells)} |"


def _found(rate: Rate | None) -> tuple[str, str]:
    if rate is None:
        return "none to find", ""
    return f"{rate.part} of {rate.whole}", f"{rate.low:.1%} to {rate.high:.1%}"


def _marks(scores: Sequence[LesionScore]) -> tuple[str, str]:
    if not scores:
        return "", ""
    marks = figure_of_marks(scores)
    return f"{marks.value:.2f}", f"{marks.low:.2f} to {marks.high:.2f}"


def content(folds: Sequence[NoduleFold]) -> dict[str, Any]:
    """For `cross-validation.json`; `found` is of the nodules that the table names."""
    scores = scores_of(folds)
    found = sensitivity(scores, decisive(scores))
    return {
        "found": None if found is None else asdict(found),
        "false_marks": asdict(figure_of_marks(scores)),
        "folds": [asdict(one) for one in folds],
    }
