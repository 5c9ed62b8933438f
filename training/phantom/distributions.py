"""Every random choice about a patient, in one place. Lengths in mm, angles in degrees.

Lobes of 43 x 15 x 12 mm, isthmus absent in 17 %, pyramidal lobe in 38 %: published anatomy; the
shares and strengths of diseases are assumptions (`docs/truth.md`). Activities are per volume and
relative to soft tissue; for a normal gland they were set so that the one published clinical
acquisition is matched (see the tests).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.phantom.anatomy import Gland, Solid, Texture
from training.phantom.background import Neck, Surroundings

DISEASES = {
    "normal": 0.29,
    "diffuse goitre": 0.11,
    "Graves disease": 0.13,
    "multinodular goitre": 0.14,
    "cold nodule": 0.13,
    "toxic adenoma": 0.08,
    "thyroiditis": 0.05,
    "one lobe": 0.03,
    "no uptake": 0.04,
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
    "no uptake": (0.95, 0.12),
}
# Standard deviation of the parenchyma's activity.
DISEASE_TEXTURE = {"multinodular goitre": 0.32, "thyroiditis": 0.30, "Graves disease": 0.09}
DEFAULT_TEXTURE = 0.13

Random = np.random.Generator


@dataclass(frozen=True)
class Patient:
    """One patient's anatomy, disease and tracer; every view of the patient shows the same."""

    disease: str
    isotope: str
    gland: Gland
    surroundings: Surroundings


def choose(rng: Random, weights: dict[str, float]) -> str:
    """One key, with the probability given (weights need not sum to 1)."""
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def around(rng: Random, median: float, sigma: float) -> float:
    """A log-normal draw, cut at 2.5 sigma."""
    return float(median * np.exp(sigma * np.clip(rng.standard_normal(), -2.5, 2.5)))


def seed(rng: Random) -> int:
    """A seed for a random field that every view of the patient shares."""
    return int(rng.integers(2**31))


def draw_patient(rng: Random) -> Patient:
    """A patient of the mix of a thyroid clinic."""
    disease, isotope = choose(rng, DISEASES), choose(rng, ISOTOPES)
    uptake = UPTAKE[isotope] * around(rng, *DISEASE_UPTAKE[disease])
    gland = draw_gland(rng, disease, uptake)
    return Patient(disease, isotope, gland, draw_surroundings(rng))


def draw_gland(rng: Random, disease: str, uptake: float) -> Gland:
    """Lobes, bridges and nodules of one disease with `uptake` per volume of parenchyma."""
    size = around(rng, *DISEASE_SIZE[disease])
    lobes = draw_lobes(rng, size, uptake)
    if disease == "one lobe" or rng.random() < 0.005:
        lobes = (lobes[int(rng.integers(2))],)
    bridges = draw_bridges(rng, lobes, size) if len(lobes) == 2 else ()
    cold, hot = draw_nodules(rng, disease, lobes, uptake)
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


def draw_lobes(rng: Random, size: float, uptake: float) -> tuple[Solid, ...]:
    """Right and left lobe: about 43 x 15 x 12 mm, apex up and outwards, right often larger."""
    tilt, taper = float(rng.normal(11, 5)) / size, float(rng.uniform(0.05, 0.38))
    low = float(rng.normal(0, 5))
    lobes = []
    for part, sign, larger in (("right", -1, 1.03), ("left", 1, 0.97)):
        length = around(rng, 24 * size * larger, 0.13)
        width = around(rng, 8.6 * size**1.25 * larger, 0.14)
        depth = around(rng, 7.5 * size * larger, 0.14)
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
    rng: Random, disease: str, lobes: tuple[Solid, ...], uptake: float
) -> tuple[tuple[Solid, ...], tuple[Solid, ...]]:
    """Cold and hot nodules: how many, how large (median 16 mm, 6 to 40) and where."""
    numbers = {
        "cold nodule": (1 + int(rng.random() < 0.25), 0),
        "multinodular goitre": (int(rng.integers(1, 6)), int(rng.integers(0, 5))),
        "toxic adenoma": (int(rng.random() < 0.2), 1 + int(rng.random() < 0.12)),
    }
    cold_number, hot_number = numbers.get(
        disease, (int(disease != "normal" and rng.random() < 0.06), 0)
    )
    cold = tuple(draw_nodule(rng, lobes, float(rng.uniform(0, 0.45))) for _ in range(cold_number))
    hot = []
    for _ in range(hot_number):
        activity = uptake * around(rng, 1.9, 0.3)
        if disease == "toxic adenoma":
            activity = max(uptake, 8) * around(rng, 8, 0.5)
        hot.append(draw_nodule(rng, lobes, activity))
    return cold, tuple(hot)


def draw_nodule(rng: Random, lobes: tuple[Solid, ...], activity: float) -> Solid:
    """A nodule in one of the lobes, rarely larger than the lobe is wide."""
    lobe = lobes[int(rng.integers(len(lobes)))]
    radius = min(float(np.clip(around(rng, 8, 0.45), 3, 20)), 1.25 * lobe.semi_axes[0])
    place = rng.uniform(-1, 1, 3) * (0.75, 0.7, 0.6)
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
    return Surroundings(neck, (*draw_salivary(rng, chin), *draw_vessels(rng, neck)))


def draw_salivary(rng: Random, chin: float) -> tuple[Solid, ...]:
    """Parotid and submandibular glands, and often tracer in the mouth or swallowed."""
    strength = around(rng, 9, 0.7)
    organs = []
    for sign in (-1, 1):
        at = (sign * float(rng.normal(52, 4)), chin - float(rng.normal(28, 6)), 45.0)
        size = (around(rng, 12, 0.15), around(rng, 24, 0.15), around(rng, 14, 0.15))
        parotid = strength * around(rng, 1.1, 0.25)
        organs.append(Solid("parotid", at, size, sign * -8, 0.0, parotid))
        at = (sign * float(rng.normal(27, 3)), chin - float(rng.normal(2, 5)), 12.0)
        size = (around(rng, 9, 0.15), around(rng, 10, 0.15), around(rng, 9, 0.15))
        submandibular = strength * around(rng, 1.2, 0.25)
        organs.append(Solid("submandibular", at, size, sign * 25, 0.0, submandibular))
    if rng.random() < 0.7:
        at = (float(rng.normal(0, 6)), chin - float(rng.normal(32, 8)), 0.0)
        size = (around(rng, 20, 0.2), around(rng, 13, 0.3), around(rng, 22, 0.2))
        organs.append(Solid("mouth", at, size, 0.0, 0.0, strength * around(rng, 0.5, 0.6)))
    if rng.random() < 0.15:
        at = (float(rng.normal(5, 3)), float(rng.uniform(10, 70)), 45.0)
        size = (4.0, around(rng, 20, 0.4), 4.0)
        organs.append(Solid("oesophagus", at, size, 0.0, 0.0, around(rng, 25, 0.6)))
    return tuple(organs)


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
