"""A finished run that looks for nodules -> a model version with its operating point and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adjuvant.close_up import CloseUp
from adjuvant.model import Model
from adjuvant.network import load_network
from training.card import write_card
from training.comparison import Comparison, compare_nodules
from training.datasets.fingerprint import Tally
from training.datasets.split import content_hash, digest_of
from training.errors import ReleaseError
from training.figures import Figure, Rate
from training.in_service import refuse_seen
from training.lesion_report import lesion_markdown, simulated_notice, write_lesions
from training.lesions import (
    LARGE_MM,
    UNKNOWN,
    LesionEvaluation,
    Reading,
    Span,
    choose_threshold,
    decisive,
    named,
    read_again,
    read_cases,
    score,
    sensitivity,
    summarise,
)
from training.margins import Margins
from training.operating_point import OperatingPoint
from training.pages.nodules import gallery_of, nodules_report
from training.pages.parts import Context
from training.phantom.case import Case
from training.release import (
    Request,
    export,
    keep_fingerprint,
    new_version,
    open_run,
    write_contract,
)
from training.run_folder import read_state
from training.seen import Seen, seeds_of, seen_by_model, seen_by_run


@dataclass(frozen=True)
class Scans:
    """What the operating point is chosen on, and what it is measured on: other patients each."""

    validation: Iterable[Case]
    test: Iterable[Case]


def release_nodules(
    request: Request, gland: Path, scans: Scans, watch: Callable[[Case], None] = lambda _: None
) -> LesionEvaluation:
    """Export, choose the operating point, measure, write the card.

    `gland` is the released model whose outlines the nodules are looked for in. Raises ReleaseError
    as `training.release.release` does, and where the run does not look for nodules; SeenError where
    one of both networks saw a scan, or a patient is in both sets of scans.
    """
    about, recipe = open_run(request)
    if not isinstance(recipe.preprocessing, CloseUp):
        raise ReleaseError(f"{request.run} outlines glands: release it without a gland model")
    gland_network = load_network(gland, device="cpu")
    seen = (seen_by_run(about), seen_by_model(gland_network.model))
    with new_version(request) as folder:
        network = export(request, recipe, about, folder)
        readings = read_cases(scans.validation, (gland_network, network), seen, watch)
        threshold = choose_threshold(readings, recipe.operating_point)
        scores = [score(one, threshold) for one in readings]
        span = decisive(scores)
        rate = sensitivity(scores, span)
        patients = frozenset(one.case.patient_id for one in readings)
        validated = Seen(seeds_of(patients), patients)
        network = replace(network, model=_at(network.model, threshold))
        tally, hashes = Tally(), {}

        def see(case: Case) -> None:
            tally.add(case)
            hashes[case.case_id] = content_hash(case)
            watch(case)

        tested = read_cases(scans.test, (gland_network, network), (*seen, validated), see)
        test_set = digest_of(hashes)
        request.check_test_set(test_set)
        measured = summarise(tested, threshold)
        simulated = any(bool(one.case.properties.get("simulated", True)) for one in tested)
        told = figures(measured, (span, rate), simulated=simulated)
        model = network.model.model_copy(update={"figures": told})
        comparison = against(request.in_service, tested, measured, recipe.margins)
        source = (
            f"{simulated_notice(simulated)}"
            f"Glands by {gland_network.model.name} {gland_network.model.version}. "
            f"{chosen(len(readings), (span, rate), recipe.operating_point)} "
            f"{unseen([one.case for one in (*readings, *tested)], seen, gland_network.model)}"
        )
        context = Context(
            model,
            simulated,
            gallery_of(tested, measured.scores, threshold),
            comparison,
            keep_fingerprint(request.run, folder, tally),
            read_state(request.run).log,
            test_set,
        )
        request.tell(nodules_report(measured, source, context), folder, comparison)
        write_contract(model, folder)
        write_lesions(measured, source, folder, (comparison, context.shifts))
        text = lesion_markdown(measured, source, (comparison, context.shifts))
        write_card(model, text, folder, recipe.network.members)
    return measured


def against(
    in_service: Path | None,
    tested: Sequence[Reading],
    measured: LesionEvaluation,
    margins: Margins,
) -> Comparison | None:
    """The version in service on the same scans and glands, at its own operating point."""
    if in_service is None:
        return None
    network = load_network(in_service, device="cpu")
    seen, threshold = seen_by_model(network.model), network.model.output.threshold
    scores = []
    for one in tested:
        refuse_seen(one.case, network.model, seen)
        scores.append(score(read_again(one, network), threshold))
    separation = seen.separation(seeds_of(one.patient_id for one in scores))
    return compare_nodules(measured.scores, scores, network.model, separation, margins)


def chosen(scans: int, validation: tuple[Span, Rate | None], wanted: OperatingPoint) -> str:
    """How the operating point came about, by what the recipe wanted."""
    span, rate = validation
    begun = f"The operating point was chosen on {scans} other scans"
    end = ""
    if span == UNKNOWN:
        end = (
            f" None of these nodules is known to have {LARGE_MM:g} mm: those of unknown size, as "
            "in pinhole images, count instead, large and small."
        )
    limit = f"with at most {wanted.false_marks:g} false marks in a scan"
    if rate is not None and rate.part >= wanted.sensitivity * rate.whole:
        return (
            f"{begun}: the highest at which {wanted.sensitivity:.0%} of their nodules are found "
            f"{limit}.{end}"
        )
    found = "none" if rate is None else f"{rate.part} of {rate.whole}"
    return (
        f"{begun}: the one that finds most of their nodules ({found}) {limit}, as none finds the "
        f"{wanted.sensitivity:.0%} that are wanted.{end}"
    )


def unseen(cases: Sequence[Case], seen: tuple[Seen, Seen], gland: Model) -> str:
    """What is known of either network having learnt from these patients, in one sentence.

    `seen` is what the network for nodules saw, and the one for glands.
    """
    seeds = seeds_of(one.patient_id for one in cases)
    simulated = any(bool(one.properties.get("simulated", True)) for one in cases)
    nodules_known, glands_known = (one.separation(seeds) != "unchecked" for one in seen)
    glands_known |= gland.training.data == "simulated" and not simulated
    if nodules_known and glands_known:
        return "No scan is of a patient that either network learnt from."
    if not (nodules_known or glands_known):
        return "Not checked: whether either network learnt from patients of these scans."
    known, unknown = ("nodules", "glands") if nodules_known else ("glands", "nodules")
    return (
        f"No scan is of a patient that the network for {known} learnt from; not checked: whether "
        f"the one for {unknown} did."
    )


def _at(model: Model, threshold: float) -> Model:
    output = model.output.model_copy(update={"threshold": threshold})
    return model.model_copy(update={"output": output})


def figures(
    measured: LesionEvaluation, validation: tuple[Span, Rate | None], *, simulated: bool
) -> dict[str, float | str | list[float]]:
    """The few figures that travel with the model: each with its interval. `validation` is what was
    found where the operating point was chosen, of nodules of which size."""
    kind = "simulated scans" if simulated else "scans"
    result: dict[str, float | str | list[float]] = {
        "data": f"{measured.scans} {kind} of {measured.patients} unseen patients",
    }
    span, rate = validation
    large, unknown = "sensitivity_10_mm", "sensitivity_size_not_known"
    told: dict[str, Figure | Rate | None] = {
        f"{unknown if span == UNKNOWN else large}_on_validation": rate,
        large: measured.sensitivity,
        unknown: measured.sensitivity_by_size.get(named(UNKNOWN)),
        "false_positives_per_scan": measured.false_positives,
        "dice_of_found": measured.dice,
        "silent_without_nodule": measured.silent,
    }
    for name, one in told.items():
        if one is not None:
            value = one.value if isinstance(one, Figure) else one.part / one.whole
            result[name] = round(value, 4)
            result[f"{name}_interval_95"] = [round(one.low, 4), round(one.high, 4)]
    return result
