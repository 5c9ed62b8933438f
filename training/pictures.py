"""The cases on which a model did worst, as one picture with both outlines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adjuvant.preprocess import Mask
from training.figures import Score
from training.phantom.case import Case

COLUMNS = 4
TRUTH_COLOUR = "#00d0ff"
FOUND_COLOUR = "#ffd000"


@dataclass
class Worst:
    """Keeps the `number` worst cases of those shown to it; the only thing here that changes."""

    number: int = 12
    kept: list[tuple[float, Case, Mask]] = field(default_factory=list)

    def see(self, case: Case, found: Mask, score: Score) -> None:
        """Remember the case if it is among the worst so far; false alarms are the worst."""
        value = score.dice if score.dice is not None else float(score.silent) * 2 - 1
        self.kept.append((value, case, found))
        self.kept = sorted(self.kept, key=lambda item: (item[0], item[1].case_id))[: self.number]


def draw_worst(worst: Worst, path: Path) -> None:
    """A PNG: truth cyan, network yellow, worst first."""
    # Imported here: only this command needs matplotlib, and it has to draw without a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(worst.kept) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 3.3 * rows), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.ravel():
        axes.axis("off")
    for axes, (value, case, found) in zip(grid.ravel(), worst.kept, strict=False):
        axes.imshow(case.counts, cmap="gray_r", vmax=max(1, np.percentile(case.counts, 99.8)))
        for mask, colour in ((case.gland, TRUTH_COLOUR), (found, FOUND_COLOUR)):
            if mask.any():
                axes.contour(mask, [0.5], colors=[colour], linewidths=1)
        title = f"Dice {value:.3f}" if case.gland.any() else "no gland visible"
        axes.set_title(f"{title}\n{case.properties['disease']}", fontsize=8)
    simulated = any(case.properties.get("simulated", True) for _, case, _ in worst.kept)
    title = "Simulated scans: truth cyan" if simulated else "Outline by hand cyan"
    figure.suptitle(f"{title}, network yellow", fontsize=10)
    figure.savefig(path, dpi=80)
