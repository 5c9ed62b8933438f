"""A scan with its truth from two numbers: the seed of a data set and the number of the case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, shift

from training.phantom.acquisition import Acquisition, Pause, draw_acquisition
from training.phantom.anatomy import PARTS, Gland, GlandActivity, Solid, Volume, gland_activity
from training.phantom.camera import (
    Detector,
    Grid,
    make_grid,
    project,
    to_camera,
    to_patient,
)
from training.phantom.case import PART_LABELS, Case, Nodule, Property
from training.phantom.distributions import DISEASES, Patient, draw_patient
from training.phantom.exposure import (
    HIGHEST_8_BIT,
    expose,
    field_of_view,
    resize,
    scattered,
    spots_image,
    uniformity_map,
)
from training.phantom.nodules import cold_nodules
from training.phantom.truth import (
    OTHER_READERS,
    Mask,
    Projections,
    clean,
    differ,
    saturated,
    score,
)

# To be raised by one whenever the same numbers give other pixels or another truth than before:
# a data set is of one version (`training.simulate`).
SIMULATOR = 5
BLOCK = 6
# Six cases in a row belong to patients with so many cases each.
PATIENTS_IN_BLOCK = ((1, 2, 3), (2, 2, 2), (1, 1, 2, 2), (3, 3), (1, 1, 1, 3), (1, 1, 1, 1, 2))
FINEST_PROJECTION = 256
BODY_STEP_MM = 5.0
WIDE_FIELD_MM = 440.0
LARGEST_BODY_MM = 640.0


@dataclass(frozen=True)
class Truth:
    """What is on the image: the gland, how else it may be read, its cold nodules, and which part
    is where."""

    gland: Mask
    readings: tuple[Mask, ...]
    nodules: tuple[Nodule, ...]
    parts: NDArray[np.uint8]


@dataclass(frozen=True)
class Attenuation:
    """Transmission from each voxel of `grid` to the skin, float32 (z, y, x)."""

    grid: Grid
    transmission: Volume


def patient_number(seed: int, number: int) -> int:
    """The patient that case `number` shows; patients have one to three consecutive cases."""
    block, place = divmod(number, BLOCK)
    rng = np.random.default_rng([seed, 0, block])
    sizes = PATIENTS_IN_BLOCK[int(rng.integers(len(PATIENTS_IN_BLOCK)))]
    return block * BLOCK + int(np.searchsorted(np.cumsum(sizes), place, side="right"))


def simulate_case(seed: int, number: int, diseases: Mapping[str, float] = DISEASES) -> Case:
    """Case `number` (from 0) of the data set `seed`: the same numbers give the same pixels.

    `diseases` gives each its share of the patients (`mix_of`).
    """
    who = patient_number(seed, number)
    patient = draw_patient(np.random.default_rng([seed, 1, who]), diseases)
    rng = np.random.default_rng([seed, 2, number])
    acquisition = draw_acquisition(rng, patient)
    counts, truth = take_image(rng, patient, acquisition)
    return Case(
        case_id=f"s{seed}-c{number:06d}",
        patient_id=f"s{seed}-p{who:06d}",
        counts=counts,
        gland=truth.gland,
        properties=describe(patient, acquisition, truth.gland),
        nodules=truth.nodules,
        parts=truth.parts,
        readings=truth.readings,
    )


def describe(patient: Patient, acquisition: Acquisition, gland: Mask) -> dict[str, Property]:
    """What a table of cases shows."""
    detector = acquisition.detector
    return {
        "isotope": patient.isotope,
        "collimator": detector.collimator.name,
        "disease": patient.disease,
        "total_counts": round(acquisition.total_counts),
        "rows": detector.matrix,
        "columns": detector.matrix,
        "spacing_mm": round(detector.spacing_mm, 4),
        "view": acquisition.view,
        "duration_s": acquisition.duration_s,
        "gland_visible": bool(gland.any()),
        "cold_nodules": len(patient.gland.cold),
        "hot_nodules": len(patient.gland.hot),
        "processing": acquisition.processing,
        "motion": bool(acquisition.motion),
    }


def take_image(
    rng: np.random.Generator, patient: Patient, acquisition: Acquisition
) -> tuple[np.ndarray, Truth]:
    """Counts uint16 (rows, columns) and the truth on the same matrix."""
    detector = acquisition.detector
    matrix = detector.matrix
    coarse = _projection_detector(detector)
    seen = moved(see(patient, acquisition, coarse), acquisition.motion, coarse.spacing_mm)
    counts = acquisition.total_counts / float(seen.whole.sum())
    stored = replace(seen, counts=counts)
    if acquisition.processing == "8 bit":
        stored = saturated(stored, HIGHEST_8_BIT / counts * (matrix / coarse.matrix) ** 2)
    field = field_of_view(acquisition)

    def drawn(reader: float) -> Mask:
        visible = resize(score(stored, coarse.spacing_mm, reader), matrix) > 1
        return clean(visible & field, detector.spacing_mm)

    inside = drawn(1.0)
    others = (drawn(reader) for reader in OTHER_READERS)
    truth = Truth(
        inside,
        tuple(other for other in others if differ(other, inside)),
        cold_nodules(patient.gland.cold, stored.deficits, stored, inside),
        which_part(stored, inside),
    )
    image = resize(seen.whole, matrix)
    image = image / image.sum()
    image += spots_image(acquisition.spots, detector, acquisition.pose.distance_mm)
    image *= uniformity_map(rng, acquisition)
    expected = image * (acquisition.total_counts / image.sum())
    return expose(rng, expected, acquisition), truth


def moved(seen: Projections, motion: tuple[Pause, ...], spacing_mm: float) -> Projections:
    """What the camera sees of a patient who lies at several places in turn."""
    if not motion:
        return seen

    def mean(images: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros_like(images)
        for pause in motion:
            by = (*(0.0,) * (images.ndim - 2), pause.y_mm / spacing_mm, pause.x_mm / spacing_mm)
            total += np.float32(pause.share) * shift(images, by, order=1, mode="nearest")
        return total

    return replace(
        seen,
        parts=mean(seen.parts),
        parenchyma=mean(seen.parenchyma),
        even=mean(seen.even),
        hot=mean(seen.hot),
        background=mean(seen.background),
        deficits=mean(seen.deficits),
    )


def which_part(seen: Projections, inside: Mask) -> NDArray[np.uint8]:
    """The part of the gland that gives most of the counts of each pixel (`PART_LABELS`)."""
    parts = np.stack([resize(part, inside.shape[0]) for part in seen.parts])
    labels = np.array([PART_LABELS[name] for name in PARTS], np.uint8)[parts.argmax(axis=0)]
    named: NDArray[np.uint8] = np.where(inside, labels, 0).astype(np.uint8)
    return named


def _projection_detector(detector: Detector) -> Detector:
    """Half the matrix where pixels are far finer than the camera can resolve."""
    matrix = min(detector.matrix, FINEST_PROJECTION)
    spacing = detector.spacing_mm * detector.matrix / matrix
    return Detector(**{**detector.__dict__, "matrix": matrix, "spacing_mm": spacing})


def see(patient: Patient, acquisition: Acquisition, detector: Detector) -> Projections:
    """Noise-free projections of gland and background."""
    body_grid = make_body_grid(acquisition, detector)
    points = to_patient(body_grid, acquisition.pose)
    body = patient.surroundings.tissue(points, BODY_STEP_MM)
    depth = np.cumsum(body, axis=0) * BODY_STEP_MM - 0.5 * body * BODY_STEP_MM
    transmission = np.exp(-detector.attenuation * depth).astype(np.float32)
    edge = float(abs(points[0, 0, 0, 1] - points[0, 0, 0, 0]) + 1e-3)
    around = patient.surroundings.activity(points, body, edge) * transmission
    background = project(around[None], body_grid, detector)[0]
    if patient.gland.parts:
        grid = make_gland_grid(patient.gland, acquisition)
        through = Attenuation(body_grid, transmission)
        gland = project_gland(patient.gland, grid, acquisition, detector, through)
    else:
        gland = without_gland(background)
    wide = scattered(gland.whole + background, detector)
    return replace(gland, background=background + wide)


def project_gland(
    gland: Gland, grid: Grid, acquisition: Acquisition, detector: Detector, through: Attenuation
) -> Projections:
    """What the gland alone gives: its background is still empty."""
    points = to_patient(grid, acquisition.pose)
    edge = float(np.mean([grid.x[1] - grid.x[0], grid.z[1] - grid.z[0]]))
    activity: GlandActivity = gland_activity(gland, points, edge)
    present = [number for number in range(len(PARTS)) if activity.parts[number].any()]
    lit = transmitted(through, grid)
    volumes = [activity.parts[number] * lit for number in present]
    healthy = activity.parts.sum(axis=0) * lit
    volumes += [healthy * taken for taken in activity.taken]
    left = healthy * (1 - activity.loss)
    volumes.append(left)
    if gland.cold:  # nobody asks for it where there is no cold nodule
        volumes.append(left / activity.texture)
    if gland.hot:
        volumes.append(activity.hot * lit)
    images = project(np.stack(volumes), grid, detector)
    nothing = np.zeros_like(images[0])
    parts = np.zeros((len(PARTS), *nothing.shape), np.float32)
    parts[present] = images[: len(present)]
    after = len(present) + len(gland.cold)
    return Projections(
        parts=parts,
        parenchyma=images[after],
        even=images[after + 1] if gland.cold else images[after],
        hot=images[-1] if gland.hot else nothing,
        background=nothing,
        deficits=images[len(present) : after],
    )


def without_gland(background: NDArray[np.float32]) -> Projections:
    """The projections of a patient without thyroid tissue, as large as `background`."""
    nothing = np.zeros_like(background)
    none = np.zeros((0, *nothing.shape), np.float32)
    return Projections(np.zeros((len(PARTS), *nothing.shape), np.float32), *(nothing,) * 4, none)


def transmitted(through: Attenuation, grid: Grid) -> Volume:
    """Transmission at the voxels of another grid, by linear interpolation."""
    source = through.grid
    pairs = ((source.z, grid.z), (source.y, grid.y), (source.x, grid.x))
    places = [(wanted - have[0]) / (have[1] - have[0]) for have, wanted in pairs]
    mesh = np.stack(np.meshgrid(*places, indexing="ij")).astype(np.float32)
    values: Volume = map_coordinates(
        through.transmission, mesh, order=1, mode="nearest", output=np.float32
    )
    return values


def make_body_grid(acquisition: Acquisition, detector: Detector) -> Grid:
    """The field of view and a margin from which scatter and blur still reach it."""
    pose, field = acquisition.pose, detector.matrix * detector.spacing_mm
    if detector.collimator.pinhole:
        field *= (pose.distance_mm + 60) / detector.collimator.length_mm
    side = min(field + 50, LARGEST_BODY_MM)
    step = BODY_STEP_MM * max(1.0, side / WIDE_FIELD_MM)
    nearest = max(pose.distance_mm - 35, 20 if detector.collimator.pinhole else 2)
    farthest = pose.distance_mm + 135
    return make_grid(
        (0, 0, (nearest + farthest) / 2),
        (side, side, farthest - nearest),
        (step, step, BODY_STEP_MM),
    )


def make_gland_grid(gland: Gland, acquisition: Acquisition) -> Grid:
    """A fine grid around the gland and its nodules, in camera axes."""
    solids = (*gland.parts, *gland.cold, *gland.hot)
    corners = to_camera(np.concatenate([_corners(one) for one in solids]), acquisition.pose)
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y, z = (0.5 * (low + high)).tolist()
    wide, tall, deep = (high - low).tolist()
    step = max(1.6, max(wide, tall, deep) / 84)
    return make_grid((x, y, z), (wide, tall, deep), (step, step, 3.0))


def _corners(solid: Solid) -> NDArray[np.float64]:
    """Of a box (8, 3) that holds the solid, however it is tilted and tapered, in patient axes."""
    reach = np.array(solid.semi_axes)
    reach[:2] = np.hypot(*reach[:2]) * 0.25 + 0.95 * reach[:2]
    signs = np.array(list(product((-1, 1), repeat=3)))
    corners: NDArray[np.float64] = np.array(solid.centre) + signs * (reach + 6)
    return corners
