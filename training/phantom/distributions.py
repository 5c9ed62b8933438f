"""Every random choice about a patient's gland, in one place. Lengths in mm, angles in degrees.

Lobes of 43 x 15 x 12 mm, isthmus absent in 17 %, pyramidal lobe in 38 %: published anatomy; the
shares and strengths of diseases are assumptions (`docs/truth.md`). Activities are per volume and
relative to soft tissue; for a normal gland they were set so that the one published clinical
acquisition is matched (see the tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from training.phantom.anatomy import Gland, Solid, Texture
from training.phantom.elsewhere import Elsewhere, draw_elsewhere
from training.phantom.randomness import Random, around, choose, seed
from training.phantom.surroundings import Surroundings, draw_surroundings

DISEASES = {
    "normal": 0.24,
    "diffuse goitre": 0.10,
    "Graves disease": 0.12,
    "multinodular goitre": 0.14,
    "cold nodule": 0.14,
    "toxic adenoma": 0.08,
    "thyroiditis": 0.05,
    "one lobe": 0.02,
    "remnant": 0.02,
    "ectopic tissue": 0.01,
    "no uptake": 0.05,
    "elsewhere": 0.03,
}
ISOTOPES = {"Tc-99m": 0.80, "I-123": 0.14, "I-131": 0.06}
# Thyroid-to-soft-tissue activity of a normal gland, median; spread is log-normal.
UPTAKE = {"Tc-99m": 78.0, "I-123": 120.0, "I-131": 200.0}
# Relative to normal: median, sigma of the logarithm.
DISEASE_UPTAKE = {
    "normal": (1.0, 0.35),
    "diffuse goitre": (0.8, 0.4),
    "Graves disease": (3.5, 0.5),
    "multinodular goitre": (0.7, 0.4),
    "cold nodule": (0.9, 0.35),
    "toxic adenoma": (0.25, 0.9),
    "thyroiditis": (0.08, 0.7),
    "one lobe": (1.0, 0.4),
    "remnant": (0.6, 0.7),
    "ectopic tissue": (0.6, 0.5),
    "no uptake": (0.004, 0.5),
}
# Linear size of the lobes relative to normal: median, sigma of the logarithm.
DISEASE_SIZE = {
    "normal": (1.0, 0.10),
    "diffuse goitre": (1.35, 0.14),
    "Graves disease": (1.25, 0.15),
    "multinodular goitre": (1.40, 0.20),
    "cold nodule": (1.12, 0.14),
    "toxic adenoma": (1.05, 0.12),
    "thyroiditis": (1.05, 0.15),
    "one lobe": (1.12, 0.12),
    "remnant": (0.95, 0.12),
    "ectopic tissue": (1.0, 0.2),
    "no uptake": (0.95, 0.12),
}
# Standard deviation of the parenchyma's activity.
DISEASE_TEXTURE = {"multinodular goitre": 0.32, "thyroiditis": 0.30, "Graves disease": 0.09}
DEFAULT_TEXTURE = 0.13
# Spread of the logarithm of each lobe's length, width and depth.
DISEASE_ASYMMETRY = {"diffuse goitre": 0.18, "multinodular goitre": 0.25}
DEFAULT_ASYMMETRY = 0.14
GOITRES = ("diffuse goitre", "multinodular goitre")
SUBSTERNAL = 0.12
NO_GLAND = Gland((), (), (), Texture(0, 10, 0), Texture(0, 20, 0))


@dataclass(frozen=True)
class Patient:
    """One patient's anatomy, disease and tracer; every view of the patient shows the same."""

    disease: str
    isotope: str
    gland: Gland
    surroundings: Surroundings | Elsewhere


def mix_of(shares: Mapping[str, float]) -> dict[str, float]:
    """`DISEASES` with other shares of some; the others divide what is left as they did.

    Raises ValueError for a disease that is not simulated, a share that is not from 0 to 1, and
    shares that together leave less than nothing, or something where nothing else is left.
    """
    for disease, share in shares.items():
        if disease not in DISEASES:
            raise ValueError(f"no disease {disease!r} is simulated, only {', '.join(DISEASES)}")
        if not 0 <= share <= 1:
            raise ValueError(f"the share of {disease!r} must be from 0 to 1, got {share:g}")
    others = sum(share for disease, share in DISEASES.items() if disease not in shares)
    left = 1 - sum(shares.values())
    if left < -1e-9 or (left > 1e-9 and not others):
        raise ValueError(f"the shares make {1 - left:g} together, which is not 1")
    return {
        disease: shares[disease] if disease in shares else share * max(left, 0.0) / others
        for disease, share in DISEASES.items()
    }


def draw_patient(rng: Random, diseases: Mapping[str, float] = DISEASES) -> Patient:
    """A patient of the mix of a thyroid clinic, and now and then an image of something else."""
    disease, isotope = choose(rng, diseases), choose(rng, ISOTOPES)
    if disease == "elsewhere":
        other = draw_elsewhere(rng)
        return Patient(other.kind, "Tc-99m", NO_GLAND, other)
    uptake = UPTAKE[isotope] * around(rng, *DISEASE_UPTAKE[disease])
    gland = draw_gland(rng, disease, uptake)
    return Patient(disease, isotope, gland, draw_surroundings(rng))


def draw_gland(rng: Random, disease: str, uptake: float) -> Gland:
    """Lobes, bridges and nodules of one disease with `uptake` per volume of parenchyma."""
    size = around(rng, *DISEASE_SIZE[disease])
    lobes, bridges = draw_tissue(rng, disease, size, uptake)
    cold, hot = draw_nodules(rng, disease, (lobes, bridges), uptake)
    nodular = disease == "multinodular goitre"
    return Gland(
        parts=(*lobes, *bridges),
        cold=cold,
        hot=hot,
        texture=Texture(
            around(rng, DISEASE_TEXTURE.get(disease, DEFAULT_TEXTURE), 0.3),
            float(rng.uniform(8, 16)),
            seed(rng),
        ),
        roughness=Texture(
            around(rng, 0.13 if nodular else 0.085, 0.3), float(rng.uniform(14, 26)), seed(rng)
        ),
    )


def draw_tissue(
    rng: Random, disease: str, size: float, uptake: float
) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """Lobes, and what lies between them."""
    if disease == "ectopic tissue":
        return (draw_ectopic(rng, uptake),), ()
    spread = DISEASE_ASYMMETRY.get(disease, DEFAULT_ASYMMETRY)
    lobes = draw_lobes(rng, size, uptake, spread)
    if disease == "remnant":
        return draw_remnants(rng, lobes), ()
    if disease == "one lobe" or rng.random() < 0.005:
        return (lobes[int(rng.integers(2))],), ()
    bridges = draw_bridges(rng, lobes, size)
    if disease in GOITRES and rng.random() < SUBSTERNAL:
        bridges = (*bridges, *draw_substernal(rng, lobes))
    return lobes, bridges


def draw_ectopic(rng: Random, uptake: float) -> Solid:
    """Tissue that has not descended, from the base of the tongue down; there are no lobes."""
    radius = around(rng, 11, 0.25)
    at = (float(rng.normal(0, 3)), float(rng.uniform(-75, -28)), float(rng.uniform(18, 42)))
    axes = (radius, radius * around(rng, 1.1, 0.2), radius * around(rng, 1, 0.15))
    return Solid("pyramidal", at, axes, float(rng.uniform(-20, 20)), 0.0, uptake)


def draw_remnants(rng: Random, lobes: tuple[Solid, ...]) -> tuple[Solid, ...]:
    """What surgery leaves: a part of one lobe, or of both."""
    kept = lobes if rng.random() < 0.45 else (lobes[int(rng.integers(2))],)
    return tuple(draw_remnant(rng, lobe) for lobe in kept)


def draw_remnant(rng: Random, lobe: Solid) -> Solid:
    """A part of this lobe, where it was."""
    x, y, z = lobe.centre
    centre = (x, y + float(rng.uniform(-12, 12)), z)
    across, along, deep = (axis * float(rng.uniform(0.3, 0.75)) for axis in lobe.semi_axes)
    return replace(lobe, centre=centre, semi_axes=(across, along, deep))


def draw_substernal(rng: Random, lobes: tuple[Solid, ...]) -> tuple[Solid, ...]:
    """A goitre that reaches down behind the sternum, on one side or both."""
    sides = lobes if rng.random() < 0.3 else (lobes[int(rng.integers(2))],)
    grown = []
    for lobe in sides:
        x, y, z = lobe.centre
        length = around(rng, 26, 0.3)
        at = (0.8 * x, y + lobe.semi_axes[1] + 0.3 * length, z + float(rng.uniform(4, 20)))
        axes = (lobe.semi_axes[0] * around(rng, 1.05, 0.2), length, lobe.semi_axes[2])
        strength = lobe.activity * float(rng.uniform(0.5, 1.0))
        grown.append(Solid(lobe.part, at, axes, float(rng.normal(0, 10)), 0.0, strength))
    return tuple(grown)


def draw_lobes(rng: Random, size: float, uptake: float, spread: float) -> tuple[Solid, ...]:
    """Right and left lobe: about 43 x 15 x 12 mm, apex up and outwards, right often larger."""
    tilt, taper = float(rng.normal(11, 5)) / size, float(rng.uniform(0.05, 0.38))
    low = float(rng.normal(0, 5))
    lobes = []
    for part, sign, larger in (("right", -1, 1.03), ("left", 1, 0.97)):
        length = around(rng, 24 * size * larger, spread)
        width = around(rng, 8.6 * size**1.25 * larger, spread)
        depth = around(rng, 7.5 * size * larger, spread)
        gap = float(rng.normal(9, 1.6))
        lobes.append(
            Solid(
                part,
                (
                    sign * (gap + 0.95 * width),
                    low + float(rng.normal(0, 3.5)) - 4 + (size - 1) * 12,
                    float(rng.normal(19, 2.5)) + 0.5 * depth,
                ),
                (width, length, depth),
                tilt_deg=sign * -(tilt + float(rng.normal(0, 4))),
                taper=float(np.clip(taper + rng.normal(0, 0.08), 0, 0.5)),
                activity=uptake * around(rng, 1.0, 0.10),
            )
        )
    return tuple(lobes)


def draw_bridges(rng: Random, lobes: tuple[Solid, ...], size: float) -> tuple[Solid, ...]:
    """The isthmus, absent in 17 %, and a pyramidal lobe, present in 38 %."""
    right, left = lobes
    uptake = 0.5 * (right.activity + left.activity)
    middle = 0.5 * (right.centre[1] + left.centre[1])
    length = 0.5 * (right.semi_axes[1] + left.semi_axes[1])
    y = middle + length * float(rng.uniform(0.15, 0.5))
    half = 0.5 * (left.centre[0] - right.centre[0])
    centre_x = 0.5 * (left.centre[0] + right.centre[0])
    bridges = []
    if rng.random() >= 0.17:
        axes = (half, around(rng, 7.5 * size, 0.25), around(rng, 3.2 * size, 0.3))
        tilt = float(rng.normal(0, 7))
        bridges.append(Solid("isthmus", (centre_x, y, 15.0), axes, tilt, activity=0.95 * uptake))
    if rng.random() < 0.38:
        reach = around(rng, 14 * size, 0.35)
        x = centre_x + float(rng.normal(0, 5))
        axes = (around(rng, 3.4, 0.2), reach, around(rng, 2.8, 0.2))
        tilt = float(rng.normal(0, 8))
        where = (x, y - 0.8 * reach - 3, 14.0)
        strength = around(rng, 0.8, 0.3) * uptake
        bridges.append(Solid("pyramidal", where, axes, tilt, 0.3, strength))
    return tuple(bridges)


def draw_nodules(
    rng: Random,
    disease: str,
    tissue: tuple[tuple[Solid, ...], tuple[Solid, ...]],
    uptake: float,
) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """Cold and hot nodules: how many, how large (median 16 mm, 4 to 60) and where."""
    lobes, bridges = tissue
    numbers = {
        "cold nodule": (1 + int(rng.random() < 0.25) + int(rng.random() < 0.08), 0),
        "multinodular goitre": (int(rng.integers(1, 6)), int(rng.integers(0, 5))),
        "toxic adenoma": (int(rng.random() < 0.2), 1 + int(rng.random() < 0.12)),
    }
    cold_number, hot_number = numbers.get(
        disease, (int(disease != "normal" and rng.random() < 0.06), 0)
    )
    hosts = (*lobes, *(one for one in bridges if one.part == "isthmus"))
    cold: list[Solid] = []
    for _ in range(cold_number):
        nodule = draw_nodule(rng, lobes, hosts, float(rng.uniform(0, 0.45)))
        if cold and rng.random() < 0.25:
            nodule = draw_beside(rng, nodule, cold[-1])
        cold.append(nodule)
    hot = []
    for _ in range(hot_number):
        activity = uptake * around(rng, 1.9, 0.3)
        if disease == "toxic adenoma":
            activity = max(uptake, 8) * around(rng, 8, 0.5)
        hot.append(draw_nodule(rng, lobes, lobes, activity))
    return tuple(cold), tuple(hot)


def draw_beside(rng: Random, nodule: Solid, other: Solid) -> Solid:
    """The same nodule where it touches another one, above, below or at its side."""
    angle = float(rng.uniform(0, 2 * np.pi))
    apart = (
        0.5 * (sum(nodule.semi_axes[:2]) + sum(other.semi_axes[:2])) * float(rng.uniform(0.8, 1))
    )
    x, y, z = other.centre
    return replace(nodule, centre=(x + apart * np.sin(angle), y + apart * np.cos(angle), z))


def draw_nodule(
    rng: Random, lobes: tuple[Solid, ...], hosts: tuple[Solid, ...], activity: float
) -> Solid:
    """A nodule in one of the lobes, rarely in the isthmus, and rarely larger than its host is wide;
    one in four lies at the rim."""
    among = hosts if rng.random() < 0.12 else lobes
    lobe = among[int(rng.integers(len(among)))]
    largest = lobe.semi_axes[0] * (1.25 if rng.random() < 0.9 else 2.2)
    radius = min(float(np.clip(around(rng, 8, 0.5), 2, 30)), largest)
    place = rng.uniform(-1, 1, 3) * (0.75, 0.7, 0.6)
    if rng.random() < 0.25:
        place[0] = float(np.sign(place[0])) * float(rng.uniform(0.9, 1.3))
    room = np.maximum(np.array(lobe.semi_axes) - 0.35 * radius, 0)
    offset = place * room
    angle = np.deg2rad(lobe.tilt_deg)
    turned = (
        np.cos(angle) * offset[0] + np.sin(angle) * offset[1],
        -np.sin(angle) * offset[0] + np.cos(angle) * offset[1],
        offset[2],
    )
    x, y, z = (float(c + t) for c, t in zip(lobe.centre, turned, strict=True))
    axes = tuple(radius * around(rng, 1, 0.15) for _ in range(3))
    solid = Solid(lobe.part, (x, y, z), (axes[0], axes[1], axes[2]), float(rng.uniform(-60, 60)))
    return replace(solid, activity=activity)
