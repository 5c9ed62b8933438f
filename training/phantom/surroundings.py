"""Everything in the field of view that is not thyroid: neck, head, shoulders, vessels, glands; and
every random choice about them. Lengths in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.phantom.anatomy import Solid, Texture, Volume, overlaid, unevenness
from training.phantom.randomness import Random, around, seed

HAND = 0.01
MISSING_SALIVARY = 0.1
# 7 % of larynges have a remnant of the duct (Ellis and van Nostrand, Laryngoscope 1977); that one
# in seven of them is a cyst is assumed.
THYROGLOSSAL_CYST = 0.01


@dataclass(frozen=True)
class Neck:
    """The outline of the body around the thyroid, in mm.

    `half_width`, `half_depth` of the neck; `shoulder_y` where it begins to widen, reaching
    `shoulder_half_width` 90 mm further down; `chin_y` where the jaw begins.
    """

    half_width: float
    half_depth: float
    shoulder_y: float
    shoulder_half_width: float
    chin_y: float
    jaw_half_width: float
    chest_activity: float
    texture: Texture


@dataclass(frozen=True)
class Surroundings:
    """The body and the organs in it (salivary glands, vessels, mouth, oesophagus, trachea)."""

    neck: Neck
    organs: tuple[Solid, ...]

    def tissue(self, points: Volume, edge_mm: float) -> Volume:
        """The fraction of each voxel that is body; `points` is float32 (3, z, y, x) in mm."""
        return neck_tissue(self.neck, points, edge_mm)

    def activity(self, points: Volume, inside: Volume, edge_mm: float) -> Volume:
        """Activity per volume, float32 (z, y, x), given the body's occupancy `inside`."""
        chest = 1 + (self.neck.chest_activity - 1) * smoothstep(
            (points[1] - self.neck.shoulder_y - 20) / 80
        )
        uneven = np.clip(1 + unevenness(self.neck.texture, points), 0.1, 3)
        return overlaid(inside * chest * uneven, self.organs, points, edge_mm)


def smoothstep(values: Volume) -> Volume:
    """0 below 0, 1 above 1, smooth between."""
    clipped = np.clip(values, 0, 1)
    step: Volume = clipped * clipped * (3 - 2 * clipped)
    return step


def neck_tissue(neck: Neck, points: Volume, edge_mm: float) -> Volume:
    """The neck between jaw and shoulders, as `Surroundings.tissue`."""
    x, y, z = points
    down = smoothstep((y - neck.shoulder_y) / 90)
    up = smoothstep((neck.chin_y - y) / 40)
    width = (
        neck.half_width
        + (neck.shoulder_half_width - neck.half_width) * down**1.5
        + (neck.jaw_half_width - neck.half_width) * up
    )
    depth = neck.half_depth + 35 * down + 30 * up
    # Chin and chest stand in front of the neck's skin.
    front = -28 * up + 6 * down
    middle = front + depth
    # The skull closes above the jaw.
    crown = np.sqrt(np.clip(1 - (np.minimum(y - (neck.chin_y - 70), 0) / 140) ** 2, 0.0, 1))
    radius = np.sqrt((x / (width * crown + 1)) ** 2 + ((z - middle) / depth) ** 2)
    filled: Volume = np.clip(0.5 + (1 - radius) * depth / edge_mm, 0, 1).astype(np.float32)
    return filled


def draw_surroundings(rng: Random) -> Surroundings:
    """Neck, jaw, shoulders, and the organs that take up or exclude the tracer."""
    chin = float(rng.normal(-82, 11))
    neck = Neck(
        half_width=float(rng.normal(60, 6)),
        half_depth=float(rng.normal(56, 5)),
        shoulder_y=float(rng.normal(22, 10)),
        shoulder_half_width=float(rng.normal(195, 15)),
        chin_y=chin,
        jaw_half_width=float(rng.normal(68, 5)),
        chest_activity=float(rng.uniform(1.0, 1.8)),
        texture=Texture(around(rng, 0.28, 0.3), float(rng.uniform(18, 36)), seed(rng)),
    )
    organs = (*draw_salivary(rng, chin), *draw_vessels(rng, neck))
    if rng.random() < HAND:
        organs = (*organs, *draw_hand(rng))
    # Last, so that everybody else's numbers stay theirs.
    if rng.random() < THYROGLOSSAL_CYST:
        organs = (*organs, draw_thyroglossal_cyst(rng))
    return Surroundings(neck, organs)


def draw_salivary(rng: Random, chin: float) -> tuple[Solid, ...]:
    """Parotid and submandibular glands, and often tracer in the mouth or swallowed.

    Where the thyroid takes up nothing, these are the brightest things of the image, so they are as
    unlike each other as they may be in patients (the spreads are assumed): one of them bright
    alone, another one missing (removed, burnt out by radioiodine, Sjögren's syndrome).
    """
    strength = around(rng, 9, 0.8)
    organs = []
    for sign in (-1, 1):
        at = (sign * float(rng.normal(52, 5)), chin - float(rng.normal(28, 9)), 45.0)
        size = (around(rng, 12, 0.25), around(rng, 23, 0.25), around(rng, 14, 0.2))
        parotid = strength * around(rng, 1.1, 0.5)
        organs.append(Solid("parotid", at, size, sign * -8, 0.0, parotid))
        at = (sign * float(rng.normal(28, 4.5)), chin - float(rng.normal(2, 8)), 12.0)
        size = (around(rng, 9, 0.25), around(rng, 11, 0.3), around(rng, 9, 0.2))
        tilt = sign * float(rng.normal(20, 15))
        submandibular = strength * around(rng, 1.2, 0.5)
        organs.append(Solid("submandibular", at, size, tilt, 0.0, submandibular))
    organs = [one for one in organs if rng.random() >= MISSING_SALIVARY]
    if rng.random() < 0.7:
        at = (float(rng.normal(0, 6)), chin - float(rng.normal(32, 8)), 0.0)
        size = (around(rng, 20, 0.2), around(rng, 13, 0.3), around(rng, 22, 0.2))
        organs.append(Solid("mouth", at, size, 0.0, 0.0, strength * around(rng, 0.5, 0.6)))
    if rng.random() < 0.15:
        at = (float(rng.normal(5, 3)), float(rng.uniform(10, 70)), 45.0)
        size = (4.0, around(rng, 20, 0.4), 4.0)
        organs.append(Solid("oesophagus", at, size, 0.0, 0.0, around(rng, 25, 0.6)))
    return tuple(organs)


def draw_thyroglossal_cyst(rng: Random) -> Solid:
    """Fluid without tracer in the midline, from the hyoid bone to the upper edge of the isthmus,
    close behind the skin: at most a faint gap in the soft tissue above the thyroid."""
    radius = float(np.clip(around(rng, 10, 0.35), 5, 20))
    at = (float(rng.normal(0, 4)), float(rng.uniform(-58, -20)), radius + 5.0)
    size = (radius, radius * float(rng.uniform(0.9, 1.3)), radius * 0.9)
    return Solid("thyroglossal cyst", at, size, activity=0.03)


def draw_hand(rng: Random) -> tuple[Solid, ...]:
    """A hand that holds the neck or a marker: a palm and four fingers in front of the skin."""
    side, strength = float(rng.choice((-1, 1))), around(rng, 1.3, 0.3)
    x, y = side * float(rng.uniform(45, 95)), float(rng.uniform(-30, 60))
    tilt = side * float(rng.uniform(20, 80))
    angle = np.deg2rad(tilt)
    palm = Solid("hand", (x, y, -14.0), (38.0, 45.0, 12.0), tilt, 0.0, strength)
    fingers = []
    for number in range(4):
        across, along = 18.0 * (number - 1.5), -75.0
        at = (
            x + float(np.cos(angle) * across + np.sin(angle) * along),
            y + float(-np.sin(angle) * across + np.cos(angle) * along),
            -12.0,
        )
        axes = (7.5, around(rng, 38, 0.1), 7.5)
        fingers.append(Solid("hand", at, axes, tilt + float(rng.normal(0, 5)), 0.0, strength))
    return (palm, *fingers)


def draw_vessels(rng: Random, neck: Neck) -> tuple[Solid, ...]:
    """Carotids and jugular veins, great vessels of the chest, and the air of the trachea."""
    blood = float(rng.uniform(1.6, 3.0))
    vessels = [Solid("trachea", (0.0, 10.0, 30.0), (8.5, 75.0, 8.5), activity=0.05)]
    for sign in (-1, 1):
        x = sign * float(rng.normal(31, 3))
        vessels.append(Solid("vessel", (x, -15, 32), (7, 75, 8), sign * -5, 0.0, blood))
    low = neck.shoulder_y + float(rng.normal(105, 12))
    vessels.append(Solid("heart", (8, low + 20, 78), (55, 62, 38), 20.0, 0.3, 0.3 + 0.55 * blood))
    return tuple(vessels)
