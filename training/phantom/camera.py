"""The gamma camera: where it looks from, how it blurs, how it counts.

Camera axes: x along the columns, y along the rows, z away from the collimator's face (or from the
pinhole's aperture), in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantom.anatomy import Volume

Image = NDArray[np.float32]
FWHM = 2.3548


@dataclass(frozen=True)
class Collimator:
    """`hole_mm` diameter of a hole or of the pinhole; `length_mm` effective hole length, or the
    pinhole's distance from the crystal."""

    name: str
    hole_mm: float
    length_mm: float

    @property
    def pinhole(self) -> bool:
        """True where the image is magnified by distance."""
        return self.name == "PINHOLE"


@dataclass(frozen=True)
class Pose:
    """`distance_mm` from collimator to the skin; the neck's origin is seen at `shift_mm` (x, y);
    `oblique_deg` about the body's long axis (positive: LAO), `roll_deg` in the image plane,
    `pitch_deg` head to foot."""

    distance_mm: float
    shift_mm: tuple[float, float]
    oblique_deg: float
    roll_deg: float
    pitch_deg: float


@dataclass(frozen=True)
class Detector:
    """`matrix` pixels a side of `spacing_mm`; `intrinsic_mm` FWHM; `attenuation` per mm;
    `scatter` and `haze` (septal penetration) as fractions of the primary counts."""

    matrix: int
    spacing_mm: float
    collimator: Collimator
    intrinsic_mm: float
    attenuation: float
    scatter: float
    scatter_mm: float
    haze: float


@dataclass(frozen=True)
class Grid:
    """Voxel centres along the camera's axes, in mm; equally spaced."""

    x: Volume
    y: Volume
    z: Volume


def make_grid(
    centre: tuple[float, float, float],
    size: tuple[float, float, float],
    step: tuple[float, float, float],
) -> Grid:
    """A grid of `size` mm around `centre`, in steps of `step` mm, each (x, y, z)."""
    axes = [
        (middle + centres(round(extent / pitch), pitch)).astype(np.float32)
        for middle, extent, pitch in zip(centre, size, step, strict=True)
    ]
    return Grid(*axes)


PIVOT_MM = 20.0


def to_patient(grid: Grid, pose: Pose) -> Volume:
    """Every voxel centre in patient axes, float32 (3, z, y, x).

    The patient turns about a point 20 mm behind the skin, about where the thyroid lies.
    """
    turn = _turn(pose).astype(np.float32)
    x = grid.x[None, None, :] - np.float32(pose.shift_mm[0])
    y = grid.y[None, :, None] - np.float32(pose.shift_mm[1])
    z = grid.z[:, None, None] - np.float32(pose.distance_mm + PIVOT_MM)
    points = np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn])
    points[2] += np.float32(PIVOT_MM)
    turned: Volume = points
    return turned


def to_camera(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Points (n, 3) in patient axes, in camera axes: the way back from `to_patient`."""
    turned: NDArray[np.float64] = (points - (0, 0, PIVOT_MM)) @ _turn(pose)
    turned += np.array([*pose.shift_mm, pose.distance_mm + PIVOT_MM])
    return turned


def _turn(pose: Pose) -> NDArray[np.float64]:
    """From camera axes to those of the patient."""
    roll, pitch, oblique = np.deg2rad([pose.roll_deg, pose.pitch_deg, pose.oblique_deg])
    return _rotation(0, 2, oblique) @ _rotation(1, 2, pitch) @ _rotation(0, 1, roll)


def _rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def resolution_mm(detector: Detector, distance_mm: float) -> float:
    """FWHM in the object's plane at `distance_mm` (Cherry, Physics in Nuclear Medicine, ch. 14)."""
    collimator = detector.collimator
    if collimator.pinhole:
        magnification = collimator.length_mm / distance_mm
        geometric = collimator.hole_mm * (1 + 1 / magnification)
        return float(np.hypot(geometric, detector.intrinsic_mm / magnification))
    geometric = collimator.hole_mm * (collimator.length_mm + distance_mm) / collimator.length_mm
    return float(np.hypot(geometric, detector.intrinsic_mm))


def centres(number: int, pitch: float) -> NDArray[np.float64]:
    """Where so many pixels or voxels lie on an axis that has its origin in their middle."""
    places: NDArray[np.float64] = np.arange(number, dtype=np.float64)
    return (places - (number - 1) / 2) * pitch


def project(volumes: Volume, grid: Grid, detector: Detector) -> Image:
    """Blurred projections (n, rows, columns) of `volumes` (n, z, y, x), activity times mm.

    Attenuation is already in the volumes; each slice is blurred for its own distance, and for a
    pinhole magnified. What is farther from a pinhole is not darker but smaller: the solid angle
    falls as the area grows that a pixel sees (Cherry, Physics in Nuclear Medicine, ch. 14).
    """
    size, spacing = detector.matrix, detector.spacing_mm
    pixels = centres(size, spacing)
    pitch = float(grid.z[1] - grid.z[0])
    columns, rows = [], []
    for distance in grid.z.astype(float):
        scale = detector.collimator.length_mm / distance if detector.collimator.pinhole else 1.0
        sigma = np.hypot(resolution_mm(detector, distance) / FWHM, spacing / scale / 12**0.5)
        columns.append(_blur(pixels / scale, grid.x, sigma))
        rows.append(_blur(pixels / scale, grid.y, sigma) * np.float32(pitch))
    wide = np.matmul(volumes, np.stack(columns).transpose(0, 2, 1))
    tall = np.concatenate(rows, axis=1)
    flat = wide.reshape(len(volumes), -1, size)
    image: Image = np.matmul(tall, flat)
    if detector.collimator.pinhole:
        image *= _cosine(pixels, detector.collimator.length_mm)
    return image


def _blur(at: NDArray[np.float64], centres: Volume, sigma: float) -> Image:
    """Weights (pixels, voxels): a Gaussian integrated over the voxel's width."""
    width = float(centres[1] - centres[0])
    # The voxel's own width counts once, so that coarse grids leave no ripple.
    sigma = float(np.hypot(sigma, width / 12**0.5))
    distance = (at[:, None] - centres[None, :].astype(float)) / sigma
    weights: Image = (np.exp(-0.5 * distance**2) * (width / sigma / (2 * np.pi) ** 0.5)).astype(
        np.float32
    )
    return weights


def _cosine(pixels: NDArray[np.float64], length_mm: float) -> Image:
    """Sensitivity of a pinhole falls as the cube of the cosine of the angle of incidence."""
    radius_squared = pixels[:, None] ** 2 + pixels[None, :] ** 2
    falloff: Image = ((1 + radius_squared / length_mm**2) ** -1.5).astype(np.float32)
    return falloff
