"""What looks on while a network for the gland is measured, and gathers what a report needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjuvant.network import load_network
from adjuvant.preprocess import Mask
from training.comparison import Comparison, compare_glands
from training.datasets.fingerprint import Tally
from training.figures import Evaluation, Score
from training.in_service import InService
from training.margins import Margins
from training.pages.gallery import Gallery, Outline, Shown
from training.phantom.case import Case
from training.pictures import Worst
from training.seen import seen_by_model


@dataclass
class Onlooker:
    """Sees every case with the candidate's outline; the version in service draws its own."""

    in_service: InService | None = None
    worst: Worst = field(default_factory=Worst)
    gallery: Gallery = field(default_factory=Gallery)
    tally: Tally = field(default_factory=Tally)

    def see(self, case: Case, found: Mask, score: Score) -> None:
        """One case after the other: a `training.evaluate.Watch`."""
        self.worst.see(case, found, score)
        self.tally.add(case)
        outlines = [Outline("truth", case.gland), Outline("candidate", found)]
        if self.in_service is not None:
            outlines.append(Outline("in-service", self.in_service.see(case)))
            before = self.in_service.scores[-1].dice
        else:
            before = None
        # A scan without a gland on which none is drawn is right, and nothing to look at.
        if (value := _value(score)) is not None:
            self.gallery.see(Shown(value, case, tuple(outlines), _title(score, before)))

    def compare(self, measured: Evaluation, margins: Margins) -> Comparison | None:
        """What was measured against the version in service; None where there is none."""
        if (one := self.in_service) is None:
            return None
        return compare_glands(measured.scores, one.scores, one.model, one.separation, margins)


def onlooker(in_service: Path | None) -> Onlooker:
    """One that compares with this released version, or with none."""
    if in_service is None:
        return Onlooker()
    network = load_network(in_service, device="cpu")
    return Onlooker(InService(network, seen_by_model(network.model)))


def _value(score: Score) -> float | None:
    """Dice; below 0 where a gland was drawn and none is there; None where rightly none is."""
    if score.dice is None:
        return None if score.silent else -1.0
    return score.dice


def _title(score: Score, before: float | None) -> str:
    if score.dice is None:
        return "no gland visible, one drawn"
    was = "" if before is None else f", in service {before:.3f}"
    return f"Dice {score.dice:.3f}{was}"
