"""The report on a network for the gland: one page that can be handed around."""

from __future__ import annotations

from collections.abc import Iterable

from training.comparison import Comparison
from training.difference import Difference, signed
from training.figures import Evaluation, Figure, Group, Rate
from training.pages.charts import histogram, interval, scatter
from training.pages.page import Safe, page, section, table, tiles
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
from training.report import (
    ELSEWHERE,
    NAMES,
    NEAREST,
    NOT_FOUND,
    SEVERAL_READINGS,
    UNFAMILIAR,
    percent_interval,
    separation,
)

LIMITS = f"""Dice is 2 |A and B| / (|A| + |B|) with the outline that the plugin delivers, on the
scan's own matrix; a gland missed altogether counts as 0. HD95 is the 95th percentile of the
distances between both outlines, where pixels have one known size (no pinhole) and a gland was
found. {NOT_FOUND}
Half of the counts: each count of the scan kept with probability one half. The calibration
error (Naeini, AAAI 2015) is of pixels in the square around gland and outline, in 15 bins of
probability, all scans alike. Called uncertain: the result says "limited quality" of the outline
itself. Intervals are 95 %: by bootstrap over patients, of rates by Wilson.
Rare events, such as missed glands, may not occur in a test set at all: none of 100 is still
compatible with 3.6 %."""


def gland_report(measured: Evaluation, context: Context) -> str:
    """The whole page as HTML."""
    kind = "simulated scans" if measured.totals.simulated else "scans"
    title = f"{measured.model} {measured.version}"
    head = (
        f"<h1>{title} <small>outlines of the gland, measured on {measured.scans} {kind} of "
        f"{measured.patients} patients</small></h1>"
        f'<p class="lead">{separation(measured.totals).replace("**", "")}</p>'
    )
    return page(
        f"{title}: evaluation",
        notice(context),
        (
            head,
            tiles(_tiles(measured)),
            warnings(context.shifts),
            verdict(context.comparison),
            _figures(measured),
            _spread(measured, context.comparison),
            cases(context),
            _subgroups(measured, context.comparison),
            curves(context.log),
            shift_section(context.shifts),
            provenance(context),
        ),
    )


def _tiles(measured: Evaluation) -> Iterable[tuple[str, str, str]]:
    for name, figure in measured.dice.items():
        if name != "percentile_5":
            yield f"gland Dice, {name}", f"{figure.value:.3f}", _of(figure, 3)
    if (distance := measured.hausdorff_95_mm.get("median")) is not None:
        yield "gland HD95, median", f"{distance.value:.1f} mm", _of(distance, 1)
    yield _rate("gland visible, none drawn", measured.missed)
    if measured.silent_without_gland is not None:
        yield _rate("no gland visible, none drawn", measured.silent_without_gland)


def _of(figure: Figure, digits: int) -> str:
    return f"95 %: {figure.low:.{digits}f} to {figure.high:.{digits}f}, {figure.scans} scans"


def _rate(name: str, rate: Rate) -> tuple[str, str, str]:
    of = f"95 %: {percent_interval(rate)}, {rate.part} of {rate.whole}"
    return name, f"{100 * rate.part / rate.whole:.1f} %", of


def _figures(measured: Evaluation) -> str:
    named = [(f"gland Dice, {NAMES.get(name, name)}", one) for name, one in measured.dice.items()]
    named += [(f"{NEAREST}, {NAMES.get(n, n)}", one) for n, one in measured.nearest_dice.items()]
    rows: list[tuple[object, ...]] = [_figure_row(name, one, 3) for name, one in named]
    if measured.nearest_dice:
        rows.append(_rate_row(SEVERAL_READINGS, measured.several_readings))
    rows += [
        _figure_row(f"gland HD95, {name}", one, 1, " mm")
        for name, one in measured.hausdorff_95_mm.items()
    ]
    others = {
        "gland Dice lost with half of the counts": (measured.half_counts_loss, 4),
        "calibration error of pixels": (measured.calibration_error, 3),
    }
    rows += [
        _figure_row(name, one, digits) for name, (one, digits) in others.items() if one is not None
    ]
    rows.append(_rate_row(ELSEWHERE, measured.elsewhere))
    rows += [_rate_row(f"{kind}, called uncertain", one) for kind, one in measured.doubted.items()]
    if measured.unfamiliar is not None:
        rows.append(_rate_row(UNFAMILIAR, measured.unfamiliar))
    rows.append(("refused by the plugin", measured.totals.refused, "", measured.scans))
    return section("Figures", table(("", "value", "95 % interval", "scans"), rows), lead=LIMITS)


def _figure_row(name: str, figure: Figure, digits: int, unit: str = "") -> tuple[object, ...]:
    interval = f"{figure.low:.{digits}f} to {figure.high:.{digits}f}"
    return name, f"{figure.value:.{digits}f}{unit}", interval, figure.scans


def _rate_row(name: str, rate: Rate) -> tuple[object, ...]:
    return name, f"{rate.part} of {rate.whole}", percent_interval(rate), rate.whole


def _spread(measured: Evaluation, comparison: Comparison | None) -> str:
    """Dice of every scan, not only its mean."""
    mine = [one.dice for one in measured.scores if one.dice is not None]
    series = [("candidate", mine)]
    second = ""
    if comparison is not None:
        theirs = [one.dice for one in comparison.in_service_scores if one.dice is not None]
        series.append(("in-service", theirs))
        names = [one.case_id for one in measured.scores if one.dice is not None]
        pairs = list(zip(theirs, mine, names, strict=True))
        chart = scatter(pairs, (f"Dice of {comparison.name}", "Dice of this version"),
                        "Dice of both versions, scan by scan")  # fmt: skip
        second = _figure(chart, "Above the diagonal this version is better.")
    key = "Filled: this version. Line: the version in service." if comparison else ""
    first = _figure(histogram(series, "Dice"), key)
    return section("Every scan", f'<div class="charts">{first}{second}</div>')


def _figure(chart: str, caption: str) -> str:
    return f"<figure>{chart}<figcaption>{caption}</figcaption></figure>"


def _subgroups(measured: Evaluation, comparison: Comparison | None) -> str:
    """A table for each kind: mean Dice of each group on one scale, and what changed."""
    means = [one.dice for kind in measured.groups.values() for one in kind.values() if one.dice]
    scale = (min((one.low for one in means), default=0.0), 1.0)
    whole = measured.dice["mean"].value
    tables = []
    for kind, groups in measured.groups.items():
        changes = {} if comparison is None else comparison.groups.get(kind, {})
        head = [kind, "scans", "missed", "mean Dice", "95 % interval", "", "median HD95"]
        head += [] if comparison is None else ["difference", "95 % interval"]
        rows = []
        for name, group in groups.items():
            row = _group(name, group, scale, whole)
            rows.append(row if comparison is None else (*row, *_change(changes.get(name))))
        tables.append(table(head, rows))
    return section(
        "Subgroups",
        *tables,
        lead="Scans with a visible gland; groups below five scans have no figure. All bars are on "
        "one scale, the dashed line is the mean of all scans. Of so many groups some look better "
        "or worse by chance.",
    )


def _group(name: str, group: Group, scale: tuple[float, float], whole: float) -> tuple[object, ...]:
    dice, distance = group.dice, group.hausdorff_95_mm
    if dice is None:
        return name, group.scans, group.missed, "too few", "", "", ""
    return (
        name,
        group.scans,
        group.missed,
        f"{dice.value:.3f}",
        f"{dice.low:.3f} to {dice.high:.3f}",
        Safe(interval(dice.value, dice.low, dice.high, scale, mark=whole)),
        "" if distance is None else f"{distance.value:.1f} mm",
    )


def _change(one: Difference | None) -> tuple[str, str]:
    if one is None:
        return "", ""
    return signed(one.value, ""), f"{signed(one.low, '')} to {signed(one.high, '')}"
