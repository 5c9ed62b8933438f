"""Everything in the field of view that is not thyroid: neck, head, shoulders, vessels, glands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.phantom.anatomy import Solid, Texture, Volume, occupancy, unevenness


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


def smoothstep(values: Volume) -> Volume:
    """0 below 0, 1 above 1, smooth between."""
    clipped = np.clip(values, 0, 1)
    step: Volume = clipped * clipped * (3 - 2 * clipped)
    return step


def tissue(neck: Neck, points: Volume, edge_mm: float) -> Volume:
    """The fraction of each voxel that is body; `points` is float32 (3, z, y, x) in mm."""
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


def body_activity(surroundings: Surroundings, points: Volume, inside: Volume) -> Volume:
    """Activity per volume, float32 (z, y, x), given the body's occupancy `inside`."""
    neck = surroundings.neck
    y = points[1]
    chest = 1 + (neck.chest_activity - 1) * smoothstep((y - neck.shoulder_y - 20) / 80)
    activity = inside * chest * np.clip(1 + unevenness(neck.texture, points), 0.1, 3)
    edge_mm = float(abs(points[0, 0, 0, 1] - points[0, 0, 0, 0]) + 1e-3)
    for solid in surroundings.organs:
        share = occupancy(solid, points, edge_mm)
        activity = activity * (1 - share) + share * np.float32(solid.activity)
    whole: Volume = activity.astype(np.float32, copy=False)
    return whole
