"""Ways to outline the gland side by side on the same scans: thresholds, other programs, ours.

A threshold is what a workstation offers: everything above a part of the highest count, after a
3 x 3 mean, without which single counts would decide. Masks of other programs come as a folder with
one PNG for each case, on its own matrix: what is not 0 is gland.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from adjuvant.network import Network
from adjuvant.preprocess import Image, Mask
from training.difference import Better, Difference, Pair, difference, signed
from training.errors import ReleaseError
from training.evaluate import outline, score
from training.figures import Figure, Score
from training.metrics import STATISTICS, bootstrap
from training.phantom.case import Case
from training.seen import Seen

Outliner = Callable[[Case], Mask]
OTSU_LEVELS = 256


@dataclass
class Method:
    """A way to outline a gland; `seen` is what it learnt from, where that is known."""

    name: str
    outline: Outliner
    seen: Seen | None = None
    scores: list[Score] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """A method on all scans. `against` is its mean Dice minus that of the first method, scan by
    scan; None for the first itself."""

    name: str
    mean: Figure
    percentile_5: Figure
    hausdorff_95_mm: Figure | None
    silent: tuple[int, int]
    missed: int
    against: Difference | None


def threshold(part: float) -> Method:
    """Everything above `part` (0 to 1) of the highest count."""

    def above(case: Case) -> Mask:
        smooth = smoothed(case.counts)
        mask: Mask = smooth > part * float(smooth.max())
        return mask

    return Method(f"threshold at {100 * part:g} % of the maximum", above)


def otsu() -> Method:
    """Everything above the level that divides the counts best into two (Otsu, IEEE SMC 1979)."""

    def above(case: Case) -> Mask:
        smooth = smoothed(case.counts)
        mask: Mask = smooth > otsu_level(smooth)
        return mask

    return Method("Otsu's threshold", above)


def otsu_level(values: Image) -> float:
    """The level with the largest variance between what is above and what is not."""
    numbers, edges = np.histogram(values, OTSU_LEVELS)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(numbers)
    above = below[-1] - below
    total = np.cumsum(numbers * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / below - (total[-1] - total) / above
        between = np.nan_to_num(below * above * apart**2)
    return float(edges[int(np.argmax(between)) + 1])


def smoothed(counts: NDArray[Any]) -> Image:
    """The mean of 3 x 3 pixels, float32."""
    smooth: Image = uniform_filter(counts.astype(np.float32), 3, mode="nearest")
    return smooth


def network(model: Network, seen: Seen) -> Method:
    """A released version, as the plugin delivers it."""
    return Method(model.model.title, lambda case: outline(case, model), seen)


def masks_in(folder: Path, name: str) -> Method:
    """Another program's masks: `folder`/<case>.png on the scan's own matrix."""

    def read(case: Case) -> Mask:
        from PIL import Image as Picture

        path = folder / f"{case.case_id}.png"
        try:
            with Picture.open(path) as picture:
                mask: Mask = np.asarray(picture) > 0
        except OSError as fault:
            raise ReleaseError(f"{name}: cannot read {path}") from fault
        if mask.shape != case.gland.shape:
            raise ReleaseError(f"{path} is {mask.shape}, the scan {case.gland.shape}")
        return mask

    return Method(name, read)


def compare(cases: Iterable[Case], methods: Sequence[Method]) -> tuple[Result, ...]:
    """All methods on all cases; the others are compared with the first.

    Raises SeenError where one learnt from a scan's patient, ReleaseError where a mask is missing,
    ValueError where no case shows a gland.
    """
    for case in cases:
        for method in methods:
            if method.seen is not None:
                method.seen.refuse(case)
            method.scores.append(score(case, method.outline(case)))
    return tuple(_result(one, methods[0]) for one in methods)


def _result(method: Method, first: Method) -> Result:
    shown = [one for one in method.scores if one.dice is not None]
    empty = [one for one in method.scores if one.dice is None]
    if not shown:
        raise ValueError(f"none of the {len(method.scores)} scans shows a gland")
    pairs = [
        Pair(a.patient_id, a.dice, b.dice or 0.0)
        for a, b in zip(method.scores, first.scores, strict=True)
        if a.dice is not None
    ]
    about: tuple[str, str, Better] = ("gland Dice, mean", "", "higher")
    return Result(
        method.name,
        _figure([(one.dice or 0.0, one.patient_id) for one in shown], "mean"),
        _figure([(one.dice or 0.0, one.patient_id) for one in shown], "percentile_5"),
        _distance(shown),
        (sum(one.silent for one in empty), len(empty)),
        sum(one.silent for one in shown),
        None if method is first else difference(about, pairs, None),
    )


def _distance(shown: Sequence[Score]) -> Figure | None:
    pairs = [
        (one.hausdorff_95_mm, one.patient_id) for one in shown if one.hausdorff_95_mm is not None
    ]
    return _figure(pairs, "median") if pairs else None


def _figure(pairs: Sequence[tuple[float, str]], name: str) -> Figure:
    values, patients = zip(*pairs, strict=True)
    low, high = bootstrap(values, patients, STATISTICS[name])
    return Figure(STATISTICS[name](np.asarray(values)), low, high, len(values))


HEAD = (
    "method",
    "mean Dice",
    "95 % interval",
    "5th percentile",
    "median HD95",
    "nothing drawn where nothing is",
    "missed",
    "against the first",
    "95 % interval",
)


def markdown(results: Sequence[Result], *, simulated: bool) -> str:
    """The table, with where its figures come from."""
    kind = "simulated scans" if simulated else "scans"
    lines = [
        f"The same {results[0].mean.scans} {kind} with a visible gland for all, and "
        f"{results[0].silent[1]} without one. 95 % intervals by bootstrap over patients; the "
        "difference is of each scan. A gland missed altogether counts as Dice 0.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
    ]
    lines += [f"| {' | '.join(_cells(one))} |" for one in results]
    return "\n".join(lines) + "\n"


def _cells(one: Result) -> list[str]:
    cells = [one.name, f"{one.mean.value:.3f}", f"{one.mean.low:.3f} to {one.mean.high:.3f}"]
    distance = one.hausdorff_95_mm
    cells += [f"{one.percentile_5.value:.3f}"]
    cells += ["" if distance is None else f"{distance.value:.1f} mm"]
    cells += [f"{one.silent[0]} of {one.silent[1]}", str(one.missed)]
    if one.against is None:
        return [*cells, "", ""]
    interval = f"{signed(one.against.low, '')} to {signed(one.against.high, '')}"
    return [*cells, signed(one.against.value, ""), interval]


def content(results: Sequence[Result]) -> dict[str, Any]:
    """For `methods.json`."""
    return {"methods": [asdict(one) for one in results]}
