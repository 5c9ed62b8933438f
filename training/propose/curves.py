"""The study of the simulated annotator as a picture and a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.propose.annotator import BY_CHANCE, PROPOSED, Study

COLOURS = {PROPOSED: "#c03a2b", BY_CHANCE: "#34506b"}


def draw_study(study: Study, path: Path) -> None:
    """A PNG: mean Dice over drawn scans, each repeat thin, their mean thick."""
    # Imported here: only this command needs matplotlib, and it has to draw without a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for strategy, colour in COLOURS.items():
        for repeat in repeats(study):
            line = values(study, strategy, "dice")[repeat]
            axes.plot(study.plan.drawn, line, color=colour, linewidth=0.7, alpha=0.35)
        mean = values(study, strategy, "dice").mean(axis=0)
        axes.plot(study.plan.drawn, mean, color=colour, linewidth=2.2, marker="o", label=strategy)
    axes.set_xscale("log", base=2)
    axes.set_xticks(study.plan.drawn, [str(one) for one in study.plan.drawn])
    axes.set_xlabel("drawn scans")
    axes.set_ylabel(f"mean Dice on {study.test} simulated scans")
    axes.set_title(
        f"U-Net of {study.plan.size} pixels, {len(repeats(study))} repeats (thin), mean (thick)",
        fontsize=10,
    )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def table(study: Study) -> str:
    """Markdown: for each number of drawn scans, mean (lowest to highest) of both strategies."""
    lines = [
        "| drawn scans | proposed: Dice | by chance: Dice | proposed: Dice ≥ 0.9 | by chance |",
        "|---|---|---|---|---|",
    ]
    for place, drawn in enumerate(study.plan.drawn):
        cells = [
            _cell(values(study, strategy, what)[:, place])
            for what in ("dice", "good")
            for strategy in COLOURS
        ]
        lines.append(f"| {drawn} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def repeats(study: Study) -> list[int]:
    """The repeats that both strategies have ended."""
    wanted = len(study.plan.drawn) * len(COLOURS)
    numbers = [one.repeat for one in study.rounds]
    return sorted({one for one in numbers if numbers.count(one) == wanted})


def values(study: Study, strategy: str, what: str) -> np.ndarray:
    """(repeats, rounds) of one strategy."""
    known = {(one.strategy, one.repeat, one.drawn): one for one in study.rounds}
    return np.array(
        [
            [getattr(known[strategy, repeat, drawn], what) for drawn in study.plan.drawn]
            for repeat in repeats(study)
        ]
    )


def _cell(some: np.ndarray) -> str:
    return f"{some.mean():.3f} ({some.min():.3f}-{some.max():.3f})"
