"""The gland's outline by the rule of `docs/truth.md`, from noise-free projections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, gaussian_filter, label, maximum_filter
from scipy.spatial import ConvexHull

from training.metrics import dice
from training.phantom.camera import Image

Mask = NDArray[np.bool_]

EDGE = 0.37
HOT_EDGE = 0.42
OWN_MAXIMUM = 0.75
THIN_EXPONENT = 0.5
THIN_FLOOR = 0.4
THIN_REACH_MM = 24.0
WINDOW = 0.10
TO_BACKGROUND = 0.5
ROSE = 3.0
RESOLVED_MM = 10.0
ISLAND_MM2 = 80.0
# Readers who see parts of the gland that are this much fainter, or miss those that are not that
# much brighter, than the limit of rule 4, are right too; outlines that agree this well are one.
OTHER_READERS = (0.7, 1.4)
SAME_DICE = 0.98


@dataclass(frozen=True)
class Projections:
    """What the camera sees without noise, float32, all on one scale, blurred and attenuated.

    `parts` (part, rows, columns): right lobe, left lobe, isthmus, pyramidal lobe as if there were
    no nodule; `parenchyma`, `hot`, `background` (rows, columns): what tissue between nodules, hot
    nodules and everything else (with scatter) give; `even` what that tissue would give if it took
    up everywhere alike (as `parenchyma` where there is no cold nodule to compare it with);
    `deficits` (nodule, rows, columns) what each cold nodule takes away. `counts` is what a pixel of
    value 1 counts.
    """

    parts: Image
    parenchyma: Image
    even: Image
    hot: Image
    background: Image
    deficits: Image
    counts: float = np.inf

    @property
    def whole(self) -> Image:
        """All that reaches the detector."""
        total: Image = self.parenchyma + self.hot + self.background
        return total


class Limits(NamedTuple):
    """A part is drawn if its maximum is above `part`, and then nowhere below `edge`."""

    part: float
    edge: float


def saturated(seen: Projections, ceiling: float) -> Projections:
    """The same where a pixel stores no more than `ceiling`, as files of 8 bits do."""
    left = np.minimum(1, ceiling / np.maximum(seen.whole, 1e-12)).astype(np.float32)
    return replace(
        seen,
        parts=seen.parts * left,
        parenchyma=seen.parenchyma * left,
        even=seen.even * left,
        hot=seen.hot * left,
        background=seen.background * left,
        deficits=seen.deficits * left,
    )


def outline(seen: Projections, spacing_mm: float, reader: float = 1.0) -> Mask:
    """The gland with its nodules as this reader draws it (`score`), bool (rows, columns); all False
    where no gland is visible."""
    return clean(score(seen, spacing_mm, reader) > 1, spacing_mm)


def differ(one: Mask, other: Mask) -> bool:
    """Whether two readers have drawn two outlines, and not the same one twice."""
    return dice(one, other) < SAME_DICE


def score(seen: Projections, spacing_mm: float, reader: float = 1.0) -> Image:
    """Brightness over the local threshold, float32 (rows, columns): the outline lies at 1.

    A part has to be `reader` times as bright to be seen as rule 4 says (`OTHER_READERS`).
    """
    limits = visibility_limits(seen, spacing_mm, reader)
    tissue = _tissue_score(seen, limits, spacing_mm)
    hottest = robust_maximum(seen.hot)
    if hottest <= limits.part:
        return bridge(tissue, seen, limits.part)
    reference = _reference(seen.hot, hottest, spacing_mm)
    hot = seen.hot / np.maximum(HOT_EDGE * reference, limits.edge)
    return bridge(np.maximum(hot, tissue), seen, limits.part)


def visibility_limits(seen: Projections, spacing_mm: float, reader: float = 1.0) -> Limits:
    """What the gland has to give for this reader to see it: in the window that the hottest point
    sets, beside the background, and in its noise (Rose, J Opt Soc Am 1948)."""
    around = background_level(seen)
    resolved = np.pi / 4 * (RESOLVED_MM / spacing_mm) ** 2
    noise = reader * max(ROSE * float(np.sqrt(around / (resolved * seen.counts))), 1e-12)
    hottest = robust_maximum(seen.parenchyma + seen.hot)
    part = max(reader * WINDOW * hottest, reader * TO_BACKGROUND * around, noise)
    return Limits(part, edge=max(EDGE * part, noise))


def bridge(filled: Image, seen: Projections, limit: float) -> Image:
    """Keep of a score that ignores cold nodules what the eye sees, and what it can fill in.

    What a nodule leaves of tissue is seen where it is above `limit`, as any part of the gland is.
    Inside the convex hull of the visible tissue of its part, a cold nodule belongs to the gland:
    where it bites the margin, the outline runs straight across. Beyond the hull nothing is drawn.
    """
    healthy, left = seen.parts.sum(axis=0), seen.parenchyma + seen.hot
    kept = np.minimum(left / np.maximum(healthy, 1e-12), 1)
    visible = np.where(left > limit, filled, filled * kept)
    lost = (filled > 1) & (visible <= 1)
    if not lost.any():
        return visible
    owner = seen.parts.argmax(axis=0)
    for number in np.unique(owner[lost]):
        tissue, gap = (np.argwhere(mask & (owner == number)) for mask in (visible > 1, lost))
        inside = gap[within_hull(gap, tissue)]
        visible[inside[:, 0], inside[:, 1]] = filled[inside[:, 0], inside[:, 1]]
    return visible


def within_hull(points: NDArray[np.intp], cloud: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of `points` (n, 2) lie in the convex hull of `cloud` (m, 2); none for a thin cloud."""
    if len(cloud) < 3 or np.linalg.matrix_rank(cloud - cloud[0]) < 2:
        return np.zeros(len(points), bool)
    sides = ConvexHull(cloud).equations
    below: NDArray[np.bool_] = points @ sides[:, :2].T + sides[:, 2] <= 0.5
    inside: NDArray[np.bool_] = np.logical_and.reduce(below, axis=1)
    return inside


def _tissue_score(seen: Projections, limits: Limits, spacing_mm: float) -> Image:
    peaks = [robust_maximum(part) for part in seen.parts]
    highest = max(peaks[:2]) if max(peaks[:2]) > 0 else max(peaks)
    best = np.zeros_like(seen.background)
    drawn, references = np.zeros_like(best), np.zeros_like(best)
    for part, peak in zip(seen.parts, peaks, strict=True):
        if peak <= limits.part:
            continue
        level = peak**OWN_MAXIMUM * highest ** (1 - OWN_MAXIMUM)
        reference = _reference(part, level, spacing_mm, peak)
        best = np.maximum(best, part / np.maximum(EDGE * reference, limits.edge))
        drawn += part
        references += part * reference
    joint = drawn * drawn / np.maximum(EDGE * references, limits.edge * drawn + 1e-12)
    merged: Image = np.maximum(best, joint).astype(np.float32, copy=False)
    return merged


def _reference(part: Image, level: float, spacing_mm: float, peak: float | None = None) -> Image:
    """The level that the eye judges the edge by: the part's own, lower where the part is thin."""
    reach = max(3, round(THIN_REACH_MM / spacing_mm))
    local = gaussian_filter(maximum_filter(part, reach), reach / 4, truncate=2.5)
    share = np.clip(local / (peak or level), THIN_FLOOR, 1) ** THIN_EXPONENT
    reference: Image = (level * share).astype(np.float32, copy=False)
    return reference


def robust_maximum(image: Image) -> float:
    """The mean of the brightest tenth of what lies above half of the maximum."""
    highest = float(image.max())
    if highest <= 0:
        return 0.0
    bright = np.sort(image[image >= 0.5 * highest])
    return float(bright[-max(1, len(bright) // 10) :].mean())


def background_level(seen: Projections) -> float:
    """Background where the gland is: its median there."""
    gland = seen.parts.sum(axis=0) + seen.hot
    where = gland > 0.3 * gland.max() if gland.max() > 0 else np.ones_like(gland, bool)
    return float(np.median(seen.background[where]))


def clean(mask: Mask, spacing_mm: float) -> Mask:
    """Holes belong to the gland; islands smaller than what the camera resolves go."""
    labels, number = label(mask)
    if number > 1:
        sizes = np.bincount(labels.ravel())
        small = np.flatnonzero(sizes * spacing_mm**2 < ISLAND_MM2)
        mask = mask & ~np.isin(labels, small)
    filled: Mask = binary_fill_holes(mask)
    return filled
