"""What is sent as a thyroid and is none: a knee, a bone scan, a flood source; and every random
choice about them. Lengths in mm, in the axes of `anatomy`. The right answer to all is nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.phantom.anatomy import Solid, Texture, Volume, occupancy, overlaid, unevenness
from training.phantom.randomness import Random, around, choose, seed

KINDS = {"knee": 0.3, "bone scan": 0.4, "flood source": 0.3}


@dataclass(frozen=True)
class Elsewhere:
    """Soft tissue (`flesh`) of activity 1 with `texture`, and in it what takes up more."""

    kind: str
    flesh: tuple[Solid, ...]
    organs: tuple[Solid, ...]
    texture: Texture

    def tissue(self, points: Volume, edge_mm: float) -> Volume:
        """The fraction of each voxel that is body; `points` is float32 (3, z, y, x) in mm."""
        filled: Volume = np.max([occupancy(one, points, edge_mm) for one in self.flesh], axis=0)
        return filled

    def activity(self, points: Volume, inside: Volume, edge_mm: float) -> Volume:
        """Activity per volume, float32 (z, y, x), given the body's occupancy `inside`."""
        uneven = np.clip(1 + unevenness(self.texture, points), 0.1, 3)
        return overlaid(inside * uneven, self.organs, points, edge_mm)


def draw_elsewhere(rng: Random) -> Elsewhere:
    """One of them."""
    kind = choose(rng, KINDS)
    if kind == "flood source":
        sheet = Solid("source", (0.0, 0.0, 15.0), (3000.0, 3000.0, 12.0))
        return Elsewhere(kind, (sheet,), (), Texture(0.005, 30, seed(rng)))
    flesh, organs = draw_knees(rng) if kind == "knee" else draw_thorax(rng)
    return Elsewhere(kind, flesh, organs, Texture(around(rng, 0.12, 0.3), 30, seed(rng)))


def draw_knees(rng: Random) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """One knee or both, with joints that take up more than shafts, one of them often inflamed."""
    apart, both = float(rng.uniform(50, 75)), rng.random() < 0.6
    low, bone = float(rng.normal(0, 20)), around(rng, 3, 0.3)
    flesh, organs = [], []
    for x in (-apart, apart) if both else (float(rng.normal(0, 8)),):
        hot = bone * (around(rng, 2, 0.4) if rng.random() < 0.3 else 1)
        flesh.append(Solid("leg", (x, low, 55), (around(rng, 52, 0.1), 600.0, 52.0)))
        organs += [
            Solid("bone", (x, low - 170, 55), (14.0, 150.0, 14.0), 0, 0, 0.6 * bone),
            Solid("bone", (x, low + 180, 52), (14.0, 160.0, 14.0), 0, 0, 0.6 * bone),
            Solid("bone", (x, low - 20, 52), (37.0, 16.0, 26.0), float(rng.normal(0, 4)), 0, hot),
            Solid("bone", (x, low + 16, 52), (36.0, 12.0, 24.0), float(rng.normal(0, 4)), 0, hot),
            Solid("bone", (x, low - 22, 14), (19.0, 21.0, 9.0), 0, 0, 0.8 * hot),
        ]
    return tuple(flesh), tuple(organs)


def draw_thorax(rng: Random) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """Spine, ribs and sternum of a bone scan, from in front or from behind."""
    bone, step = around(rng, 24, 0.35), around(rng, 27, 0.1)
    behind = rng.random() < 0.5
    spine_z, front_z = (38.0, 150.0) if behind else (140.0, 14.0)
    low = float(rng.uniform(-40, 40))
    torso = Solid("torso", (0, 0, 95), (around(rng, 165, 0.1), 700.0, 100.0))
    organs = []
    for number in range(-9, 10):
        y = low + number * step
        strength = bone * around(rng, 1, 0.12)
        organs.append(Solid("bone", (0, y, spine_z), (17.0, 0.42 * step, 16), 0, 0, strength))
        if -8 <= number <= 4:
            for sign in (-1, 1):
                at = (sign * 78.0, y + (8 if behind else 20), 0.5 * (spine_z + 70))
                tilt = sign * float(rng.normal(-16 if behind else 22, 3))
                rib = (68.0, 5.5, 12.0)
                organs.append(Solid("bone", at, rib, tilt, 0, 0.6 * bone * around(rng, 1, 0.2)))
    organs.append(Solid("bone", (0, low - 60, front_z), (17.0, 75.0, 6.0), 0, 0, 0.7 * bone))
    for _ in range(int(rng.integers(0, 4))):
        at = (float(rng.uniform(-120, 120)), float(rng.uniform(-200, 200)), 60.0)
        size = around(rng, 9, 0.4)
        organs.append(Solid("bone", at, (size, size, size), 0, 0, bone * around(rng, 2.5, 0.4)))
    return (torso,), tuple(organs)
