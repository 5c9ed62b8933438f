"""Measure a released model on scans that training never saw, the way the plugin uses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import label

from adjuvant.errors import Refusal
from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.preprocess import Mask, fit, from_square, prepare
from training.metrics import STATISTICS, bootstrap, dice, hausdorff_95
from training.phantom.case import Case

COUNT_LEVELS = (50_000, 100_000, 200_000, 400_000)
SMALLEST_GROUP = 5


@dataclass(frozen=True)
class Score:
    """One scan's result. `dice` is None where the scan shows no gland: then `silent` counts."""

    case_id: str
    patient_id: str
    dice: float | None
    hausdorff_95_mm: float | None
    silent: bool
    groups: dict[str, str]


@dataclass(frozen=True)
class Figure:
    """A statistic with its 95 % interval, by patient."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Everything measured in one run, as it is written to `evaluation.json`."""

    model: str
    version: str
    digest: str
    weights_sha256: str
    scans: int
    patients: int
    dice: dict[str, Figure]
    hausdorff_95_mm: dict[str, Figure]
    silent_without_gland: Figure | None
    silent_with_gland: int
    refused: int
    groups: dict[str, dict[str, dict[str, float]]]
    scores: tuple[Score, ...]


def find_gland(case: Case, network: Network) -> Mask:
    """The gland on the scan's own matrix, through the plugin's preprocessing and network.

    Raises Refusal where the plugin would refuse the scan.
    """
    model = network.model
    inputs = prepare(case.counts.astype(np.float32), model.preprocessing)
    probabilities = network(inputs[None])[0, :, :, 0]
    shape = (case.counts.shape[0], case.counts.shape[1])
    found = from_square(probabilities, shape) > model.output.threshold
    where = fit(shape, model.preprocessing.size)
    pixels = shape[0] * shape[1] / (where.rows * where.columns)
    return without_islands(found, model.output.minimum_area_pixels * pixels)


def without_islands(mask: Mask, smallest: float) -> Mask:
    """The mask without connected parts of less than `smallest` pixels."""
    parts, _ = label(mask)
    sizes = np.bincount(parts.ravel())
    large = sizes >= smallest
    large[0] = False
    kept: Mask = large[parts]
    return kept


def score(case: Case, found: Mask) -> Score:
    """Compare one mask with the case's truth."""
    visible = bool(case.gland.any())
    spacing = float(case.properties["spacing_mm"] or 1.0)
    return Score(
        case.case_id,
        case.patient_id,
        dice(found, case.gland) if visible else None,
        hausdorff_95(found, case.gland, (spacing, spacing)),
        not found.any(),
        groups_of(case),
    )


def groups_of(case: Case) -> dict[str, str]:
    """Which subgroups the scan belongs to."""
    total = int(case.counts.sum(dtype=np.int64))
    return {
        "isotope": str(case.properties["isotope"]),
        "collimator": str(case.properties["collimator"]),
        "counts": count_level(total),
        "matrix": f"{case.counts.shape[0]} x {case.counts.shape[1]}",
        "disease": str(case.properties["disease"]),
    }


def count_level(total: int) -> str:
    """The scan's total counts as a range in thousands."""
    below = 0
    for limit in COUNT_LEVELS:
        if total < limit:
            return f"{below // 1000}-{limit // 1000}k"
        below = limit
    return f"from {below // 1000}k"


def evaluate(
    cases: Iterable[Case], network: Network, seen: Callable[[Case, Mask, Score], None]
) -> Evaluation:
    """Score every case; `seen` is called with each, for progress and pictures.

    A scan that is refused counts as a scan on which nothing was found.
    """
    scores, refused = [], 0
    for case in cases:
        try:
            found = find_gland(case, network)
        except Refusal:
            found = np.zeros(case.gland.shape, np.bool_)
            refused += 1
        scores.append(score(case, found))
        seen(case, found, scores[-1])
    return summarise(tuple(scores), network.model, refused)


def summarise(scores: tuple[Score, ...], model: Model, refused: int) -> Evaluation:
    """All figures of one evaluation. Raises ValueError where no scan shows a gland."""
    shown = [one for one in scores if one.dice is not None]
    if not shown:
        raise ValueError(f"none of the {len(scores)} scans shows a gland: nothing to measure")
    empty = [one for one in scores if one.dice is None]
    near = [one for one in shown if one.hausdorff_95_mm is not None]
    return Evaluation(
        model=model.name,
        version=model.version,
        digest=model.digest,
        weights_sha256=model.weights.sha256,
        scans=len(scores),
        patients=len({one.patient_id for one in scores}),
        dice={name: _figure(shown, "dice", name) for name in STATISTICS},
        hausdorff_95_mm={
            name: _figure(near, "hausdorff_95_mm", name) for name in ("mean", "median") if near
        },
        silent_without_gland=_figure(empty, "silent", "mean") if empty else None,
        silent_with_gland=sum(one.silent for one in shown),
        refused=refused,
        groups=_groups(shown),
        scores=scores,
    )


def _figure(scores: list[Score], field: str, name: str) -> Figure:
    """One statistic of one field, with its interval."""
    values = [float(getattr(one, field)) for one in scores]
    patients = [one.patient_id for one in scores]
    low, high = bootstrap(values, patients, STATISTICS[name])
    return Figure(STATISTICS[name](np.asarray(values)), low, high)


def _groups(shown: list[Score]) -> dict[str, dict[str, dict[str, float]]]:
    """Per kind and group: number of scans, mean Dice and its interval where there are enough."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for kind in shown[0].groups:
        for group in sorted({one.groups[kind] for one in shown}):
            members = [one for one in shown if one.groups[kind] == group]
            row: dict[str, float] = {"scans": len(members)}
            if len(members) >= SMALLEST_GROUP:
                row |= asdict(_figure(members, "dice", "mean"))
            result.setdefault(kind, {})[group] = row
    return result


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """`evaluation.json` with every score and `evaluation.md` for reading."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = asdict(evaluation)
    (folder / "evaluation.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    title = f"# {evaluation.model} {evaluation.version}: evaluation\n\n"
    (folder / "evaluation.md").write_text(title + markdown(evaluation), "utf-8")


def markdown(evaluation: Evaluation) -> str:
    """The figures as tables; always with where they come from."""
    lines = [
        f"Measured on {evaluation.scans} simulated scans of {evaluation.patients} patients that "
        "training never saw; 95 % intervals by bootstrap over patients.",
        "",
        "| what | figure | 95 % interval |",
        "|---|---|---|",
    ]
    for name, figure in evaluation.dice.items():
        lines.append(_row(f"gland Dice, {name.replace('_', ' ')}", figure, ""))
    for name, figure in evaluation.hausdorff_95_mm.items():
        lines.append(_row(f"gland HD95, {name}", figure, " mm"))
    if evaluation.silent_without_gland is not None:
        lines.append(_row("scans without visible gland: silent", evaluation.silent_without_gland))
    lines.append(f"| visible glands missed altogether | {evaluation.silent_with_gland} | |")
    lines.append(f"| scans refused | {evaluation.refused} | |")
    for kind, groups in evaluation.groups.items():
        lines += ["", f"| {kind} | scans | mean Dice | 95 % interval |", "|---|---|---|---|"]
        lines += [_group_row(name, group) for name, group in groups.items()]
    return "\n".join(lines) + "\n"


def _row(what: str, figure: Figure, unit: str = "") -> str:
    return f"| {what} | {figure.value:.3f}{unit} | {figure.low:.3f} to {figure.high:.3f} |"


def _group_row(name: str, group: dict[str, float]) -> str:
    if "value" not in group:
        return f"| {name} | {group['scans']} | too few | |"
    interval = f"{group['low']:.3f} to {group['high']:.3f}"
    return f"| {name} | {group['scans']} | {group['value']:.3f} | {interval} |"
