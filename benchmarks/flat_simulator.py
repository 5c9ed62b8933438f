"""A second, deliberately simple simulator: how the networks do on scans of another make.

    python -m benchmarks.flat_simulator --n 600 --seed 1 --out SCANS
    python -m training evaluate --model models/thyroid/0.6.0 --data SCANS --out FOLDER

It shares nothing with `training.phantom` but the form of a case, and which nodules count as
detectable: flat maps of tissue thickness instead of a gland in space, lobes that are drops along a
bent line instead of ellipsoids, one Gaussian for the camera, soft tissue of one brightness within a
drawn neck, and an outline by a simpler rule. No released network has learnt from it. What they lose
here is the part of their figures that belongs to the simulator they know. It makes plain anterior
views only.

The outline: what the camera sees of each part of the gland as if it had no cold nodule, from 37 %
of the part's own robust maximum on, where that is above a tenth of the hottest point and half of
the background; hot nodules from 42 % of theirs. A cold nodule: where its deficit is above half of
its maximum.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.ndimage import binary_fill_holes, gaussian_filter

from training.dataset import write_case, write_index
from training.phantom.case import Case, Nodule
from training.phantom.nodules import anatomical_noise, contrast_to_noise, detectable
from training.progress import tracked

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
Random = np.random.Generator

# Shares of the patients; how much of the tissue's brightness is left in the gland.
DISEASES = {
    "normal": (0.30, 1.0),
    "cold nodule": (0.32, 1.0),
    "diffuse goitre": (0.10, 1.0),
    "multinodular goitre": (0.16, 0.8),
    "toxic adenoma": (0.06, 0.2),
    "no uptake": (0.06, 0.0),
}
MATRICES = ((128, 2.4), (128, 1.8), (256, 1.2), (256, 0.9))
TEXTURE = {"multinodular goitre": 0.12}
USUAL_TEXTURE = 0.05
EDGE, HOT_EDGE, WINDOW, TO_BACKGROUND = 0.37, 0.42, 0.1, 0.5
FWHM = 2.355


@dataclass(frozen=True)
class Plane:
    """Pixel centres in mm from the middle of the image, and the side of a pixel."""

    x: Map
    y: Map
    spacing: float

    def blurred(self, image: Map, sigma_mm: float) -> Map:
        """A Gaussian of this width."""
        smooth: Map = gaussian_filter(image, sigma_mm / self.spacing, mode="nearest")
        return smooth


@dataclass(frozen=True)
class Ball:
    """A nodule: centre and radius in mm, the part of the tissue's brightness that is left in it."""

    x: float
    y: float
    radius: float
    left: float

    def chord(self, plane: Plane) -> Map:
        """How long the way through it is, mm."""
        away = (plane.x - self.x) ** 2 + (plane.y - self.y) ** 2
        way: Map = 2 * np.sqrt(np.maximum(self.radius**2 - away, 0))
        return way


def drop(rng: Random, plane: Plane, side: int, size: float) -> tuple[Map, Map]:
    """The thickness of a lobe, mm, and where along and across it a pixel lies: (2, rows, columns),
    both from -1 to 1 inside of it."""
    half, width, depth = np.array((23, 8.5, 13)) * size * rng.lognormal(0, 0.14, 3)
    along = (plane.y - rng.normal(2, 4)) / half
    lean, bow = rng.normal(2.5, 1.5), rng.normal(0, 2)
    middle = side * (width + rng.uniform(5, 10) - lean * along) + bow * (along**2 - 0.5)
    wide = width * (1 + rng.uniform(0, 0.35) * along)
    profile = np.maximum(1 - along**2, 0) ** rng.uniform(0.35, 0.6)
    across = (plane.x - middle) / np.maximum(wide * profile, 1e-6)
    inside = np.sqrt(np.maximum(1 - across**2, 0))
    return depth * profile * inside, np.stack([along, across])


def bridge(rng: Random, plane: Plane, size: float) -> Map:
    """An isthmus, and now and then a pyramidal lobe, as thickness in mm."""
    low = rng.normal(8, 3) * size
    isthmus = np.exp(-(((plane.y - low) / (6 * size)) ** 2)) * (np.abs(plane.x) < 14 * size)
    thick: Map = rng.uniform(2, 5) * isthmus * (rng.random() > 0.17)
    if rng.random() < 0.38:
        top = low - rng.uniform(15, 35) * size
        narrow = np.exp(-(((plane.x - rng.normal(0, 4)) / 3.5) ** 2))
        thick = thick + rng.uniform(2, 4) * narrow * (plane.y > top) * (plane.y < low)
    return thick


def within(rng: Random, lobes: list[tuple[Map, Map]], plane: Plane, left: float) -> Ball:
    """A nodule somewhere in one of the lobes."""
    _, (along, across) = lobes[int(rng.integers(len(lobes)))]
    wanted = rng.uniform(-0.75, 0.75, 2)
    distance = (along - wanted[0]) ** 2 + (across - wanted[1]) ** 2
    row, column = np.unravel_index(int(distance.argmin()), distance.shape)
    radius = float(np.clip(rng.lognormal(np.log(8), 0.45), 3, 22))
    return Ball(float(plane.x[row, column]), float(plane.y[row, column]), radius, left)


def neighbourhood(rng: Random, plane: Plane, peak: float) -> Map:
    """Soft tissue of the neck and shoulders, and salivary glands above."""
    neck, slope = rng.uniform(52, 70), rng.uniform(0.6, 1.6)
    wide = neck + np.maximum(plane.y - rng.uniform(35, 60), 0) * slope
    tissue = peak / rng.lognormal(np.log(9), 0.5) / (1 + np.exp((np.abs(plane.x) - wide) / 4))
    for side in (-1, 1):
        x, y = side * rng.normal(30, 6), -rng.uniform(75, 115)
        far = ((plane.x - x) / rng.uniform(8, 13)) ** 2 + ((plane.y - y) / rng.uniform(10, 18)) ** 2
        tissue = tissue + rng.uniform(0, 0.9) * peak * np.exp(-far)
    around: Map = tissue
    return around


def flat_case(seed: int, number: int) -> Case:
    """Case `number` of the set `seed`: another patient each."""
    rng = np.random.default_rng([seed, number])
    names, shares = list(DISEASES), np.array([share for share, _ in DISEASES.values()])
    disease = str(rng.choice(names, p=shares / shares.sum()))
    matrix, spacing = MATRICES[int(rng.integers(len(MATRICES)))]
    ticks = (np.arange(matrix) - (matrix - 1) / 2) * spacing
    x, y = np.meshgrid(ticks + rng.normal(0, 8), ticks + rng.normal(0, 12))
    plane = Plane(x, y, spacing)
    size = 1.4 * rng.lognormal(0, 0.15) if "goitre" in disease else rng.lognormal(0, 0.1)
    lobes = [drop(rng, plane, side, size) for side in (-1, 1)]
    several = int(rng.integers(1, 4))
    numbers = {"cold nodule": (1, 0), "multinodular goitre": (several, 1), "toxic adenoma": (0, 1)}
    cold, hot = numbers.get(disease, (0, 0))
    colds = [within(rng, lobes, plane, rng.uniform(0, 0.4)) for _ in range(cold)]
    hots = [within(rng, lobes, plane, rng.uniform(1.5, 3)) for _ in range(hot)]
    texture = TEXTURE.get(disease, USUAL_TEXTURE)
    field = plane.blurred(rng.standard_normal((matrix, matrix)), rng.uniform(4, 8))
    uneven = np.maximum(1 + texture * field / field.std(), 0.1)
    left = DISEASES[disease][1] * (rng.uniform(0.2, 2.0) if disease == "toxic adenoma" else 1)
    parts = [
        thick * uneven * left for thick in (lobes[0][0], lobes[1][0], bridge(rng, plane, size))
    ]
    sigma = rng.uniform(7, 12) / FWHM
    content = (parts, uneven, colds, hots)
    return _expose(rng, plane, sigma, content, (f"flat{seed}-{number:05d}", disease))


def _expose(
    rng: Random,
    plane: Plane,
    sigma: float,
    content: tuple[list[Map], Map, list[Ball], list[Ball]],
    name: tuple[str, str],
) -> Case:
    """What the camera counts, and the truth; `content` are the parts of the gland, by how much each
    place of them differs from even tissue (1), cold and hot nodules."""
    parts, uneven, colds, hots = content
    healthy = np.sum(parts, axis=0)
    taken = [np.minimum(ball.chord(plane), healthy) * (1 - ball.left) for ball in colds]
    rest = np.maximum(healthy - np.sum([*taken, np.zeros_like(healthy)], axis=0), 0)
    glowing = np.sum([np.zeros_like(healthy), *(ball.chord(plane) * ball.left for ball in hots)], 0)
    seen = [plane.blurred(part, sigma) for part in parts]
    hot, gland = plane.blurred(glowing, sigma), plane.blurred(rest + glowing, sigma)
    around = plane.blurred(neighbourhood(rng, plane, float(rng.uniform(9, 14))), sigma)
    primary = gland + around
    whole = primary + rng.uniform(0.1, 0.3) * plane.blurred(primary, 25) + 0.02
    total = int(rng.uniform(60e3, 500e3))
    scale = total / whole.sum()
    counts = rng.poisson(whole * scale).astype(np.uint16)
    mask = outline(seen, hot, gland, background=whole - gland)
    deficits = [plane.blurred(one, sigma) for one in taken]
    blots = plane.blurred(rest * (1 - 1 / uneven), sigma)
    nodules = tuple(
        nodule(ball, deficit, whole, (mask, scale, blots / (whole - blots)))
        for ball, deficit in zip(colds, deficits, strict=True)
    )
    case_id, disease = name
    properties = {
        "isotope": "Tc-99m",
        "collimator": "LEHR",
        "view": "anterior",
        "disease": disease,
        "rows": mask.shape[0],
        "columns": mask.shape[1],
        "spacing_mm": plane.spacing,
        "total_counts": total,
    }
    return Case(case_id, case_id, counts, mask, properties, nodules)


def robust_maximum(image: Map) -> float:
    """The 95th percentile of what is above half of the maximum."""
    bright = image[image > image.max() / 2]
    return float(np.percentile(bright, 95)) if bright.size else 0.0


def outline(parts: list[Map], hot: Map, gland: Map, background: Map) -> Mask:
    """By the rule above, bool (rows, columns)."""
    there = gland > 0.3 * gland.max()
    around = float(np.median(background[there])) if gland.max() > 0 else 0.0
    limit = max(WINDOW * robust_maximum(gland), TO_BACKGROUND * around, 1e-9)
    drawn = np.zeros(hot.shape, np.bool_)
    whole = np.sum(parts, axis=0)
    for part in parts:
        peak = robust_maximum(part)
        if peak > limit:
            drawn |= (whole > EDGE * peak) & (part > 0.5 * whole)
    hottest = robust_maximum(hot)
    if hottest > limit:
        drawn |= hot > HOT_EDGE * hottest
    filled: Mask = binary_fill_holes(drawn)
    return filled


def nodule(ball: Ball, deficit: Map, whole: Map, place: tuple[Mask, float, Map]) -> Nodule:
    """The truth of one cold nodule; `place` is the gland, the counts of brightness 1, and by how
    much tissue there differs from even tissue."""
    gland, scale, blots = place
    mask = (deficit > deficit.max() / 2) & (deficit.max() > 1e-6)
    if not mask.any():
        return Nodule(mask, 2 * ball.radius, 0.0, 0.0, False)
    taken, expected = float(deficit[mask].sum()), float((whole + deficit)[mask].sum())
    contrast, snr = taken / expected, float(taken * scale / np.sqrt(expected * scale))
    inside = float((mask & gland).sum() / mask.sum())
    size = 2 * ball.radius
    noise = contrast_to_noise(contrast, snr, anatomical_noise(blots, gland, mask))
    return Nodule(mask, size, contrast, snr, detectable(size, snr, noise, inside))


def cases(seed: int, n: int) -> Iterator[Case]:
    """The first `n` cases of a set."""
    return (
        flat_case(seed, number) for number in tracked(range(n), "drawing", Console(stderr=True))
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flat_simulator")
    parser.description = "Write scans of a second simulator, for `training evaluate`."
    parser.add_argument("--n", type=int, default=600, help="number of scans")
    parser.add_argument("--seed", type=int, default=1, help="other seed, other patients")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    given = parser.parse_args()
    write_index(given.out, [write_case(given.out, one) for one in cases(given.seed, given.n)])


if __name__ == "__main__":
    main()
