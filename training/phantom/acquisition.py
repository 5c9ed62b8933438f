"""Every random choice about how a patient is imaged, in one place.

But noise, smoothing and where the detector is uneven or fails: `exposure` draws them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.phantom.camera import Collimator, Detector, Pose
from training.phantom.distributions import Patient
from training.phantom.randomness import Random, around, choose

# Hole diameter and effective length in mm: typical vendor data sheets.
COLLIMATORS = {
    "LEHR": Collimator("LEHR", 1.4, 33.0),
    "LEAP": Collimator("LEAP", 1.7, 30.0),
    "MEGP": Collimator("MEGP", 3.0, 45.0),
    "HEGP": Collimator("HEGP", 4.0, 58.0),
    "PINHOLE": Collimator("PINHOLE", 4.5, 190.0),
}
COLLIMATOR_OF = {
    "Tc-99m": {"LEHR": 0.72, "LEAP": 0.13, "PINHOLE": 0.15},
    "I-123": {"LEHR": 0.45, "LEAP": 0.15, "MEGP": 0.20, "PINHOLE": 0.20},
    "I-131": {"HEGP": 0.8, "PINHOLE": 0.2},
}
# Septal penetration as a fraction of the primary counts: (isotope, collimator).
HAZE = {
    ("I-123", "LEHR"): 0.30,
    ("I-123", "LEAP"): 0.30,
    ("I-131", "HEGP"): 0.22,
    ("I-131", "PINHOLE"): 0.25,
}
ATTENUATION = {"Tc-99m": 0.0135, "I-123": 0.0130, "I-131": 0.0098}  # per mm, broad beam
SCATTER = {"Tc-99m": 0.28, "I-123": 0.32, "I-131": 0.35}
MATRICES = {64: 0.04, 128: 0.31, 256: 0.59, 512: 0.06}
FIELDS_MM = {390.0: 0.25, 410.0: 0.25, 540.0: 0.50}
ZOOMS = {1.0: 0.10, 1.33: 0.10, 1.5: 0.15, 1.78: 0.10, 2.0: 0.35, 2.67: 0.12, 3.2: 0.08}
SMALLEST_FIELD_MM = 150.0
# Median and spread of the logarithm of all counts in the image.
COUNTS = {"Tc-99m": (190e3, 0.55), "I-123": (120e3, 0.55), "I-131": (60e3, 0.55)}
COUNT_LIMITS = (20e3, 600e3)
VIEWS = {"anterior": 0.80, "RAO": 0.10, "LAO": 0.10}
# The part of the matrix that sees: all of it, or a circle of the crystal or of a vendor's mask.
FIELDS = {"square": 0.88, "circle": 0.12}
# How well the neck is centred, as a standard deviation; where no gland is seen, nobody can centre
# on it.
CENTRED_MM = 8.0
CENTRED_BLINDLY_MM = 18.0
MOTION = 0.05
DEAD_TUBE = 0.004
PROCESSING = {"none": 0.86, "smoothed": 0.07, "interpolated": 0.04, "8 bit": 0.03}


@dataclass(frozen=True)
class Spot:
    """A point-like source outside the body (marker, contamination): place on the detector and
    size in mm, counts as a fraction of the image's."""

    x_mm: float
    y_mm: float
    size_mm: float
    share: float


@dataclass(frozen=True)
class Pause:
    """For this `share` of the time the patient lies `x_mm`, `y_mm` away from where he began."""

    share: float
    x_mm: float
    y_mm: float


@dataclass(frozen=True)
class Acquisition:
    """How one image is taken; with a patient and a noise seed it determines the pixels."""

    view: str
    pose: Pose
    detector: Detector
    total_counts: float
    duration_s: float
    spots: tuple[Spot, ...]
    uniformity: float
    processing: str
    dead_rows: int
    motion: tuple[Pause, ...] = ()
    field: str = "square"
    dead_tube: bool = False


def draw_acquisition(rng: Random, patient: Patient, view: str | None = None) -> Acquisition:
    """One image of a patient on one of many cameras."""
    collimator = draw_collimator(rng, patient.isotope)
    view = view or choose(rng, VIEWS)
    detector = draw_detector(rng, patient.isotope, collimator)
    blindly = patient.disease == "no uptake"
    pose = draw_pose(rng, view, detector, CENTRED_BLINDLY_MM if blindly else CENTRED_MM)
    field = detector.matrix * detector.spacing_mm
    total = float(np.clip(around(rng, *COUNTS[patient.isotope]), *COUNT_LIMITS))
    if collimator.pinhole:
        total *= 0.6
    return Acquisition(
        view=view,
        pose=pose,
        detector=detector,
        total_counts=max(total, COUNT_LIMITS[0]),
        duration_s=round(float(np.clip(around(rng, 280, 0.35), 60, 900))),
        spots=draw_spots(rng, field),
        uniformity=float(rng.uniform(0.005, 0.03)),
        processing=choose(rng, PROCESSING),
        dead_rows=int(rng.integers(1, 3)) if rng.random() < 0.01 else 0,
        motion=draw_motion(rng) if rng.random() < MOTION else (),
        field="circle" if collimator.pinhole else choose(rng, FIELDS),
        dead_tube=bool(rng.random() < DEAD_TUBE),
    )


def draw_motion(rng: Random) -> tuple[Pause, ...]:
    """The patient moves once or twice: swallows, coughs, slides down."""
    shares = rng.dirichlet((2.0, 1.0, 0.5))
    places = rng.normal(0, (4.0, 8.0), (len(shares), 2))
    places[0] = 0
    return tuple(
        Pause(float(s), float(x), float(y)) for s, (x, y) in zip(shares, places, strict=True)
    )


def draw_collimator(rng: Random, isotope: str) -> Collimator:
    """The isotope's usual collimators; pinholes of 3 to 6 mm at 150 to 230 mm from the crystal."""
    name = choose(rng, COLLIMATOR_OF[isotope])
    if name == "PINHOLE":
        return Collimator(name, float(rng.uniform(3, 6)), float(rng.uniform(150, 230)))
    return COLLIMATORS[name]


def draw_detector(rng: Random, isotope: str, collimator: Collimator) -> Detector:
    """Matrix and zoom give the pixel; the field is never smaller than 150 mm."""
    matrix = int(choose(rng, {str(size): share for size, share in MATRICES.items()}))
    field = float(choose(rng, {str(size): share for size, share in FIELDS_MM.items()}))
    zoom = float(choose(rng, {str(factor): share for factor, share in ZOOMS.items()}))
    if collimator.pinhole:
        zoom = max(1.0, zoom / 1.5)
    haze = HAZE.get((isotope, collimator.name), 0.03)
    return Detector(
        matrix=matrix,
        spacing_mm=max(field / zoom, SMALLEST_FIELD_MM) / matrix,
        collimator=collimator,
        intrinsic_mm=float(rng.uniform(3.2, 4.3)),
        attenuation=ATTENUATION[isotope],
        scatter=SCATTER[isotope] * around(rng, 1, 0.2),
        scatter_mm=float(rng.uniform(22, 38)),
        haze=haze * around(rng, 1, 0.3),
    )


def draw_pose(rng: Random, view: str, detector: Detector, centred_mm: float = CENTRED_MM) -> Pose:
    """The neck is centred to within `centred_mm`; one patient in 25 lies near the border."""
    pinhole = detector.collimator.pinhole
    distance = rng.uniform(55, 110) if pinhole else rng.uniform(25, 100)
    field = detector.matrix * detector.spacing_mm
    if pinhole:
        field *= (distance + 20) / detector.collimator.length_mm
    spread = centred_mm if rng.random() < 0.96 else 0.2 * field
    x, y = rng.normal((0, 0.02 * field), (spread, 1.4 * spread)).clip(-0.42 * field, 0.42 * field)
    angle = {"anterior": 0.0, "LAO": 42.0, "RAO": -42.0}[view]
    return Pose(
        distance_mm=float(distance),
        shift_mm=(float(x), float(y)),
        oblique_deg=float(angle + rng.normal(0, 5 if angle else 3)),
        roll_deg=float(rng.normal(0, 4)),
        pitch_deg=float(rng.normal(0, 7)),
    )


def draw_spots(rng: Random, field_mm: float) -> tuple[Spot, ...]:
    """Chin and suprasternal markers on 8 % of images, contamination on 5 %."""
    spots = []
    if rng.random() < 0.08:
        for y in (-80.0, 62.0)[int(rng.integers(2)) :]:
            place = (float(rng.normal(0, 6)), y + float(rng.normal(0, 8)))
            spots.append(Spot(*place, 1.5, float(rng.uniform(0.002, 0.012))))
    if rng.random() < 0.05:
        for _ in range(int(rng.integers(1, 4))):
            x, y = (float(rng.uniform(-0.48, 0.48)) * field_mm for _ in range(2))
            share = float(np.exp(rng.uniform(np.log(0.001), np.log(0.03))))
            spots.append(Spot(x, y, float(rng.uniform(1, 9)), share))
    return tuple(spots)
