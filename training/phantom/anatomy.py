"""A patient's gland and neck as solid shapes in millimetres, and their activity on a voxel grid.

Patient axes: x towards the patient's left, y towards the feet, z from the skin of the neck
backwards; the origin lies on the skin in front of the isthmus.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Volume = NDArray[np.float32]
Point = tuple[float, float, float]

NOISE_NODES = 40
PARTS = ("right", "left", "isthmus", "pyramidal")


@dataclass(frozen=True)
class Solid:
    """An ellipsoid: `centre` and `semi_axes` in mm, turned by `tilt_deg` in the coronal plane.

    `taper` makes it a pear: at +1 semi-axis towards the feet it is `1 + taper` times as wide.
    `activity` is per volume, relative to soft tissue (1).
    """

    part: str
    centre: Point
    semi_axes: Point
    tilt_deg: float = 0.0
    taper: float = 0.0
    activity: float = 1.0


@dataclass(frozen=True)
class Texture:
    """Unevenness of a tissue: relative `strength`, correlation length `scale_mm`, own `seed`."""

    strength: float
    scale_mm: float
    seed: int


@dataclass(frozen=True)
class Gland:
    """Lobes, isthmus and pyramidal lobe, with the nodules in them.

    A cold nodule keeps `activity` (0..1) of the tissue that it replaces; a hot one has its own.
    """

    parts: tuple[Solid, ...]
    cold: tuple[Solid, ...]
    hot: tuple[Solid, ...]
    texture: Texture
    roughness: Texture


@dataclass(frozen=True)
class GlandActivity:
    """Activity on the grid: `parts` (part, z, y, x) without any nodule, `texture` by how much each
    place differs from even tissue (1), `loss` the fraction that cold and hot nodules replace,
    `hot` what hot nodules hold, `taken` (nodule, z, y, x) the fraction that each cold nodule takes
    of what all others leave; all float32 (z, y, x)."""

    parts: Volume
    texture: Volume
    loss: Volume
    hot: Volume
    taken: Volume


def occupancy(solid: Solid, points: Volume, edge_mm: float, noise: Volume | None = None) -> Volume:
    """The fraction of each voxel inside the solid; `points` is float32 (3, z, y, x) in mm."""
    shifted = [points[axis] - np.float32(solid.centre[axis]) for axis in range(3)]
    angle = np.deg2rad(solid.tilt_deg)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (sine * shifted[0] + cosine * shifted[1]) / np.float32(solid.semi_axes[1])
    across = (cosine * shifted[0] - sine * shifted[1]) / np.float32(solid.semi_axes[0])
    if solid.taper:
        across = across / np.maximum(1 + np.float32(solid.taper) * along, 0.3)
    deep = shifted[2] / np.float32(solid.semi_axes[2])
    radius = np.sqrt(across * across + along * along + deep * deep)
    if noise is not None:
        radius = radius * (1 + noise)
    margin = (1 - radius) * np.float32(min(solid.semi_axes) / edge_mm)
    filled: Volume = np.clip(0.5 + margin, 0, 1).astype(np.float32, copy=False)
    return filled


def overlaid(activity: Volume, solids: Iterable[Solid], points: Volume, edge_mm: float) -> Volume:
    """Activity (z, y, x) with `solids` in the place of what was there, float32."""
    for solid in solids:
        share = occupancy(solid, points, edge_mm)
        activity = activity * (1 - share) + share * np.float32(solid.activity)
    whole: Volume = activity.astype(np.float32, copy=False)
    return whole


def unevenness(texture: Texture, points: Volume) -> Volume:
    """A smooth random field of standard deviation `strength` at `points` (3, z, y, x), periodic.

    The same texture gives the same field in every view of a patient.
    """
    rng = np.random.default_rng(texture.seed)
    nodes = gaussian_filter(rng.standard_normal((NOISE_NODES,) * 3, np.float32), 1, mode="wrap")
    nodes *= texture.strength / nodes.std()
    places = points / np.float32(texture.scale_mm / 2) + NOISE_NODES / 2
    field: Volume = map_coordinates(nodes, places, order=1, mode="grid-wrap", output=np.float32)
    return field


def gland_activity(gland: Gland, points: Volume, edge_mm: float) -> GlandActivity:
    """Fill the grid with the gland's activity."""
    rough = unevenness(gland.roughness, points)
    filled = np.zeros((len(PARTS), *points.shape[1:]), np.float32)
    weighted = np.zeros_like(filled)
    for solid in gland.parts:
        inside = occupancy(solid, points, edge_mm, rough)
        number = PARTS.index(solid.part)
        filled[number] = np.maximum(filled[number], inside)
        weighted[number] = np.maximum(weighted[number], inside * solid.activity)
    # Where parts overlap, tissue is there once.
    once = filled.max(axis=0) / np.maximum(filled.sum(axis=0), 1e-6)
    texture = np.clip(1 + unevenness(gland.texture, points), 0.05, 3)
    left = [
        1 - occupancy(solid, points, edge_mm, rough) * np.float32(1 - solid.activity)
        for solid in gland.cold
    ]
    cold_left = np.prod(left, axis=0) if left else np.ones(points.shape[1:], np.float32)
    hot_left, hot = np.ones_like(cold_left), np.zeros_like(cold_left)
    for solid in gland.hot:
        inside = occupancy(solid, points, edge_mm, 0.5 * rough)
        hot_left *= 1 - inside
        hot = np.maximum(hot, inside * solid.activity)
    return GlandActivity(
        parts=weighted * (once * texture),
        texture=texture,
        loss=1 - cold_left * hot_left,
        hot=hot * (0.5 + 0.5 * texture) * cold_left,
        taken=_taken_by_each(left, hot_left),
    )


def _taken_by_each(left: list[Volume], hot_left: Volume) -> Volume:
    """What each cold nodule takes of the tissue that the other nodules leave."""
    taken = np.zeros((len(left), *hot_left.shape), np.float32)
    for number, own in enumerate(left):
        others = [one for other, one in enumerate(left) if other != number]
        taken[number] = np.prod([hot_left, *others], axis=0) * (1 - own)
    return taken
