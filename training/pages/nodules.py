"""The report on a network for cold nodules: one page that can be handed around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from adjuvant.preprocess import Mask
from training.figures import SMALLEST_GROUP, Figure, Rate
from training.lesions import (
    LARGE_MM,
    LesionEvaluation,
    LesionScore,
    Reading,
    Span,
    decisive,
    figure_of_marks,
    judged_by,
    marks_of,
    sensitivity,
)
from training.pages.gallery import Gallery, Outline, Shown
from training.pages.page import markup, page, section, table, tiles
from training.pages.parts import (
    Context,
    cases,
    curves,
    notice,
    provenance,
    shift_section,
    verdict,
    warnings,
)
from training.phantom.case import Case
from training.report import percent_interval

MEANING = """Detectable is what the physics can show; found is what shares at least a tenth of the
union with a mark; a false mark shares as much with no nodule at all. Intervals are 95 %: by
bootstrap over patients, of rates by Wilson. The network is made to miss little and therefore marks
much that is no nodule: a mark is a question to the reader, never a finding."""


def nodules_report(measured: LesionEvaluation, about: str, context: Context) -> str:
    """The whole page as HTML; `about` says where glands and operating point come from."""
    kind = "simulated scans" if context.scans_simulated else "scans"
    title = f"{context.model.name} {context.model.version}"
    head = (
        f"<h1>{title} <small>cold nodules, measured on {measured.scans} {kind} with a visible "
        f'gland of {measured.patients} patients</small></h1><p class="lead">{markup(about)}</p>'
    )
    return page(
        f"{title}: evaluation",
        notice(context),
        (
            head,
            tiles(_tiles(measured)),
            warnings(context.shifts),
            verdict(context.comparison),
            _sizes(measured),
            cases(context),
            _subgroups(measured.scores),
            curves(context.log),
            shift_section(context.shifts),
            provenance(context),
        ),
    )


def gallery_of(readings: Sequence[Reading], scores: Sequence[LesionScore], at: float) -> Gallery:
    """What to look at: scans on which there is a nodule, or a mark."""
    gallery = Gallery()
    for reading, score in zip(readings, scores, strict=True):
        if (value := _value(score)) is None:
            continue
        marked = [mark.mask for mark in marks_of(reading, at)]
        outlines = (
            Outline("gland", reading.gland),
            Outline("truth", _union(reading.case, [one.mask for one in reading.case.nodules])),
            Outline("candidate", _union(reading.case, marked)),
        )
        gallery.see(Shown(value, reading.case, outlines, _title(score)))
    return gallery


def _value(score: LesionScore) -> float | None:
    """Mean Dice of detectable nodules, where each false mark is one with 0; None without either."""
    dices = [one.dice or 0.0 for one in score.nodules if one.detectable]
    dices += [0.0] * score.false_positives
    return float(np.mean(dices)) if dices else None


def _title(score: LesionScore) -> str:
    looked_for = [one for one in score.nodules if one.detectable]
    found = sum(one.dice is not None for one in looked_for)
    return f"{found} of {len(looked_for)} detectable found, {score.false_positives} false"


def _union(case: Case, masks: Sequence[Mask]) -> Mask:
    union: Mask = np.any([np.zeros_like(case.gland), *masks], axis=0)
    return union


def _tiles(measured: LesionEvaluation) -> Iterable[tuple[str, str, str]]:
    if measured.sensitivity is not None:
        name = f"detectable nodules from {LARGE_MM:g} mm, found"
        yield name, _percent(measured.sensitivity), _range(measured.sensitivity)
    marks = measured.false_positives
    yield "false marks in a scan, mean", f"{marks.value:.2f}", _interval(marks)
    if measured.dice is not None:
        yield "Dice of nodules found, mean", f"{measured.dice.value:.3f}", _interval(measured.dice)
    if measured.silent is not None:
        name = "without any nodule, nothing marked"
        yield name, _percent(measured.silent), _range(measured.silent)


def _sizes(measured: LesionEvaluation) -> str:
    rows = [
        (size, one.whole, one.part, _percent(one), _range(one))
        for size, one in measured.sensitivity_by_size.items()
    ]
    return section(
        "By size",
        table(("mean diameter", "detectable nodules", "found", "part", ""), rows),
        lead=" ".join(MEANING.split()),
    )


def _subgroups(scores: Sequence[LesionScore]) -> str:
    """Sensitivity and false marks of each group."""
    tables, span = [], decisive(scores)
    for kind in scores[0].groups:
        names = sorted({one.groups[kind] for one in scores})
        if len(names) > 1:
            groups = [(name, [s for s in scores if s.groups[kind] == name]) for name in names]
            head = (kind, "scans", judged_by(span), "found", "95 % interval",
                    "false marks in a scan", "95 % interval")  # fmt: skip
            tables.append(table(head, [_group(*one, span) for one in groups]))
    lead = f"Groups below {SMALLEST_GROUP} nodules or scans have no figure."
    return section("Subgroups", *tables, lead=lead)


def _group(name: str, members: Sequence[LesionScore], span: Span) -> tuple[object, ...]:
    rate = sensitivity(members, span)
    whole = 0 if rate is None else rate.whole
    found = ("too few", "")
    if rate is not None and whole >= SMALLEST_GROUP:
        found = (_percent(rate), percent_interval(rate))
    false = ("too few", "")
    if len(members) >= SMALLEST_GROUP:
        marks = figure_of_marks(members)
        false = (f"{marks.value:.2f}", f"{marks.low:.2f} to {marks.high:.2f}")
    return name, len(members), whole, *found, *false


def _percent(rate: Rate) -> str:
    return f"{100 * rate.part / rate.whole:.1f} %"


def _range(rate: Rate) -> str:
    return f"95 %: {percent_interval(rate)}, {rate.part} of {rate.whole}"


def _interval(figure: Figure) -> str:
    return f"95 %: {figure.low:.2f} to {figure.high:.2f}, {figure.scans}"
