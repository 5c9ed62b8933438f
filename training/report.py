"""An evaluation as files: `evaluation.json` with every score, `evaluation.md` for reading."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from training.collect.collection import write_whole
from training.comparison import Comparison
from training.datasets.shift import Shifts
from training.difference import Difference, shown
from training.figures import ELSEWHERE_DICE, Evaluation, Figure, Group, Rate, Totals

NAMES = {"percentile_5": "5th percentile"}
NEAREST = "gland Dice with the nearest reading"
SEVERAL_READINGS = "parts barely visible: read in several ways"
ELSEWHERE = "gland visible, something else drawn instead"
NOT_FOUND = (
    "Not found is a gland of which nothing is outlined, or something else instead of it "
    f"(Dice below {ELSEWHERE_DICE:g})."
)
UNFAMILIAR = "image called unlike those of the training"


Beside = tuple[Comparison | None, Shifts | None]
NOTHING: Beside = (None, None)


def write_evaluation(evaluation: Evaluation, folder: Path, beside: Beside = NOTHING) -> None:
    """Write both files into `folder`; `beside` the figures, what they were compared with."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(evaluation), indent=1, allow_nan=False)
    write_whole(folder / "evaluation.json", f"{content}\n".encode())
    title = f"# {evaluation.model} {evaluation.version}: evaluation\n\n"
    write_whole(folder / "evaluation.md", (title + markdown(evaluation, beside)).encode())


def markdown(evaluation: Evaluation, beside: Beside = NOTHING) -> str:
    """The figures as tables; always with where they come from."""
    kind = "simulated scans" if evaluation.totals.simulated else "scans"
    lines = [
        f"Measured on {evaluation.scans} {kind} of {evaluation.patients} patients. "
        f"{separation(evaluation.totals)} 95 % intervals by bootstrap over patients, of rates by "
        "Wilson. A gland missed altogether counts as Dice 0; HD95 only where pixels have one known "
        f"size (no pinhole) and a gland was found. {NOT_FOUND} Calibration is of pixels in the "
        "square around gland and outline, in 15 bins of probability.",
        "",
        "| what | figure | 95 % interval | scans |",
        "|---|---|---|---|",
    ]
    for name, figure in evaluation.dice.items():
        lines.append(_row(f"gland Dice, {NAMES.get(name, name)}", figure, "", 3))
    for name, figure in evaluation.nearest_dice.items():
        lines.append(_row(f"{NEAREST}, {NAMES.get(name, name)}", figure, "", 3))
    if evaluation.nearest_dice:
        lines.append(_rate(SEVERAL_READINGS, evaluation.several_readings))
    for name, figure in evaluation.hausdorff_95_mm.items():
        lines.append(_row(f"gland HD95, {name}", figure, " mm", 1))
    if evaluation.silent_without_gland is not None:
        lines.append(_rate("no gland visible, none drawn", evaluation.silent_without_gland))
    lines.append(_rate("gland visible, none drawn", evaluation.missed))
    lines.append(_rate(ELSEWHERE, evaluation.elsewhere))
    if (loss := evaluation.half_counts_loss) is not None:
        lines.append(_row("gland Dice lost with half of the counts", loss, "", 4))
    if (error := evaluation.calibration_error) is not None:
        lines.append(_row("calibration error of pixels", error, "", 3))
    lines += [_rate(f"{kind}, called uncertain", one) for kind, one in evaluation.doubted.items()]
    if evaluation.unfamiliar is not None:
        lines.append(_rate(UNFAMILIAR, evaluation.unfamiliar))
    lines.append(f"| refused | {evaluation.totals.refused} | | {evaluation.scans} |")
    for kind, groups in evaluation.groups.items():
        head = f"| {kind} | scans | missed | mean Dice | 95 % interval | median HD95 |"
        lines += ["", head, "|---|---|---|---|---|---|"]
        lines += [_group(name, group) for name, group in groups.items()]
    return "\n".join(lines + beside_lines(beside)) + "\n"


def beside_lines(beside: Beside) -> list[str]:
    """What the figures were compared with, and a warning where the scans are of another kind."""
    comparison, shifts = beside
    lines = [] if comparison is None else ["", *_compared(comparison)]
    if shifts is not None and shifts.warnings:
        lines += ["", "**These scans differ from those of the training:**", ""]
        lines += [f"- {one}" for one in shifts.warnings]
    return lines


def separation(totals: Totals) -> str:
    """One sentence: did training see these scans, and how do we know."""
    if totals.separation == "unchecked":
        return "**Not checked: whether training saw them.**"
    simulated = ""
    if totals.seeds and totals.training_seeds:
        mine, theirs = (_listed(seeds) for seeds in (totals.seeds, totals.training_seeds))
        simulated = f": simulator seed {mine}, training seed {theirs}"
    how = "patient by patient" if totals.separation == "patient" else "by seed"
    return f"Training never saw any of them (checked {how}{simulated})."


def _compared(comparison: Comparison) -> list[str]:
    """The lines that say whether the candidate is worse than the version in service."""
    head = f"| against {comparison.name} | this | before | difference | 95 % interval | margin |"
    return [
        f"Compared with {comparison.name}, then in service, on the same scans (paired bootstrap "
        f"over patients): **{comparison.verdict}**.",
        "",
        head,
        "|---|---|---|---|---|---|",
        *(_difference(one) for one in comparison.differences),
    ]


def _difference(one: Difference) -> str:
    values = [shown(value, one.unit) for value in (one.candidate, one.in_service, one.value)]
    interval = f"{shown(one.low, one.unit)} to {shown(one.high, one.unit)}"
    margin = "not judged" if one.margin is None else shown(one.margin, one.unit)
    return f"| {' | '.join([one.name, *values, interval, margin])} |"


def _listed(seeds: tuple[int, ...]) -> str:
    return ", ".join(str(seed) for seed in seeds)


def _row(what: str, figure: Figure, unit: str, digits: int) -> str:
    value = f"{figure.value:.{digits}f}{unit}"
    return f"| {what} | {value} | {_interval(figure, digits)} | {figure.scans} |"


def _rate(what: str, rate: Rate) -> str:
    percent = 100 * rate.part / rate.whole
    share = f"{rate.part} of {rate.whole} ({percent:.1f} %)"
    return f"| {what} | {share} | {percent_interval(rate)} | {rate.whole} |"


def percent_interval(rate: Rate) -> str:
    """The 95 % interval of a rate, as every report writes it."""
    return f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %"


def _interval(figure: Figure, digits: int) -> str:
    return f"{figure.low:.{digits}f} to {figure.high:.{digits}f}"


def _group(name: str, group: Group) -> str:
    cells = [name, str(group.scans), str(group.missed)]
    if group.dice is None:
        cells += ["too few", ""]
    else:
        cells += [f"{group.dice.value:.3f}", _interval(group.dice, 3)]
    distance = group.hausdorff_95_mm
    cells.append("" if distance is None else f"{distance.value:.1f} mm")
    return f"| {' | '.join(cells)} |"
