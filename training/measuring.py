"""Measure a released network and write everything about it into a folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adjuvant.network import Network
from training.collect.collection import write_whole
from training.comparison import Comparison
from training.datasets.fingerprint import Tally, read_fingerprint
from training.datasets.shift import compare
from training.datasets.split import content_hash, digest_of
from training.evaluate import evaluate
from training.lesion_report import lesion_markdown, simulated_notice, write_lesions
from training.lesions import read_cases, summarise
from training.margins import Margins
from training.onlooker import onlooker
from training.pages.gallery import Gallery
from training.pages.gland import gland_report
from training.pages.nodules import gallery_of, nodules_report
from training.pages.parts import Context
from training.phantom.case import Case
from training.pictures import draw_worst
from training.recipe import Recipe
from training.release import REPORT
from training.release_nodules import against
from training.report import markdown, write_evaluation
from training.run_folder import read_run, read_state
from training.seen import Seen, seen_by_model


@dataclass(frozen=True)
class Question:
    """Measure the version in `model`, write to `out`; what it saw, its run, and another version."""

    model: Path
    out: Path
    seen: Seen
    run: Path | None = None
    against: Path | None = None

    @property
    def margins(self) -> Margins:
        """Those of the run's recipe; the usual ones where it is not at hand."""
        if self.run is None:
            return Margins()
        return Recipe.model_validate(read_run(self.run)["recipe"]).margins

    def context(
        self, network: Network, seen: tuple[Tally, str], gallery: Gallery, found: Comparison | None
    ) -> Context:
        """For the report; `seen` are the scans and the SHA-256 of all of them."""
        tally, test_set = seen
        training = read_fingerprint(self.model)
        return Context(
            network.model,
            tally.simulated > 0,
            gallery,
            found,
            None if training is None else compare(training, tally),
            () if self.run is None else read_state(self.run).log,
            test_set,
        )


def measure(cases: Iterable[Case], network: Network, question: Question) -> str:
    """`evaluation.json` and `.md`, `worst.png` and `report.html`; the figures as markdown."""
    looking = onlooker(question.against)
    measured = evaluate(cases, network, question.seen, looking.see)
    comparison = looking.compare(measured, question.margins)
    seen = looking.tally, measured.totals.test_set
    context = question.context(network, seen, looking.gallery, comparison)
    beside = (comparison, context.shifts)
    write_evaluation(measured, question.out, beside)
    draw_worst(looking.worst, question.out / "worst.png")
    write_whole(question.out / REPORT, gland_report(measured, context).encode())
    return markdown(measured, beside)


def measure_nodules(
    cases: Iterable[Case], networks: tuple[Network, Network], question: Question
) -> str:
    """The same of a network for nodules; `networks` are gland and nodules."""
    gland, nodules = networks
    tally, hashes = Tally(), {}

    def see(case: Case) -> None:
        tally.add(case)
        hashes[case.case_id] = content_hash(case)

    readings = read_cases(cases, networks, (question.seen, seen_by_model(gland.model)), see)
    threshold = nodules.model.output.threshold
    measured = summarise(readings, threshold)
    comparison = against(question.against, readings, measured, question.margins)
    gallery = gallery_of(readings, measured.scores, threshold)
    context = question.context(nodules, (tally, digest_of(hashes)), gallery, comparison)
    notice = simulated_notice(context.scans_simulated)
    about = f"{notice}Glands by {gland.model.name} {gland.model.version}."
    beside = (comparison, context.shifts)
    write_lesions(measured, about, question.out, beside)
    write_whole(question.out / REPORT, nodules_report(measured, about, context).encode())
    return lesion_markdown(measured, about, beside)
