"""From what reaches the crystal to stored pixels: scatter, spots, noise, vendors' habits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from adjuvant.preprocess import resampling
from training.phantom.acquisition import Acquisition, Spot
from training.phantom.camera import FWHM, Detector, Image, centres, resolution_mm

COARSE = 64
HAZE_MM = 55.0
ROOM = 0.003
PHOTOMULTIPLIER_MM = 60.0
HIGHEST_8_BIT = 255


def resize(image: Image, size: int) -> Image:
    """A square image on another matrix, same values."""
    matrix = resampling(image.shape[0], size)
    resized: Image = np.matmul(matrix @ image, matrix.T)
    return resized


def scattered(primary: Image, detector: Detector) -> Image:
    """Scatter and septal penetration: wide copies of the primary image."""
    size = primary.shape[0]
    coarse = min(COARSE, size)
    small = resize(primary, coarse)
    pixel = detector.spacing_mm * size / coarse
    wide = detector.scatter * gaussian_filter(
        small, detector.scatter_mm / pixel, mode="constant", truncate=3
    )
    wide += detector.haze * gaussian_filter(small, HAZE_MM / pixel, mode="constant", truncate=3)
    return resize(wide + np.float32(ROOM * primary.max() + 0.02 * wide.mean()), size)


def spots_image(spots: tuple[Spot, ...], detector: Detector, distance_mm: float) -> Image:
    """Markers and contamination, summing to their shares of the counts."""
    size, spacing = detector.matrix, detector.spacing_mm
    pixels = centres(size, spacing)
    image = np.zeros((size, size), np.float32)
    blur = resolution_mm(detector, distance_mm) / FWHM
    for spot in spots:
        sigma = float(np.hypot(spot.size_mm, blur))
        across, down = (
            np.exp(-0.5 * ((pixels - at) / sigma) ** 2) for at in (spot.x_mm, spot.y_mm)
        )
        profile = down[:, None] * across[None, :]
        image += (spot.share * profile / (2 * np.pi * (sigma / spacing) ** 2)).astype(np.float32)
    return image


def uniformity_map(rng: np.random.Generator, acquisition: Acquisition) -> Image:
    """Sensitivity of the detector: smooth residual after correction, and dead rows."""
    detector = acquisition.detector
    nodes = max(4, round(detector.matrix * detector.spacing_mm / PHOTOMULTIPLIER_MM) + 2)
    field = resize(rng.standard_normal((nodes, nodes), np.float32), detector.matrix)
    sensitivity = 1 + acquisition.uniformity * field
    if acquisition.dead_rows:
        first = int(rng.integers(detector.matrix - acquisition.dead_rows))
        sensitivity[first : first + acquisition.dead_rows] *= 0.02
    if acquisition.dead_tube:
        sensitivity *= _without_tube(rng, detector)
    return sensitivity * field_of_view(acquisition)


def _without_tube(rng: np.random.Generator, detector: Detector) -> Image:
    """A photomultiplier that has failed, somewhere in the outer part of the field."""
    pixels = centres(detector.matrix, detector.spacing_mm)
    half, angle = pixels[-1], rng.uniform(0, 2 * np.pi)
    x, y = (0.75 * half * one for one in (np.cos(angle), np.sin(angle)))
    away = np.hypot(pixels[:, None] - y, pixels[None, :] - x) / (0.45 * PHOTOMULTIPLIER_MM)
    sensitivity: Image = (1 - 0.95 * np.exp(-(away**4))).astype(np.float32)
    return sensitivity


def field_of_view(acquisition: Acquisition) -> NDArray[np.bool_]:
    """The pixels that see anything, bool (rows, columns)."""
    size = acquisition.detector.matrix
    if acquisition.field == "square":
        return np.ones((size, size), np.bool_)
    pixels = centres(size, 1)
    inside: NDArray[np.bool_] = np.hypot(pixels[:, None], pixels[None, :]) <= size / 2
    return inside


def expose(
    rng: np.random.Generator, expected: Image, acquisition: Acquisition
) -> NDArray[np.uint16]:
    """Count: `expected` (rows, columns), in counts, becomes uint16 pixels as vendors store."""
    size = expected.shape[0]
    if acquisition.processing == "interpolated":
        small = rng.poisson(resize(expected, size // 2) * 4)
        return _store(resize(small.astype(np.float32), size) / 4)
    counts = rng.poisson(np.maximum(expected, 0)).astype(np.float32)
    if acquisition.processing == "smoothed":
        smooth = uniform_filter(counts, 3) if size < 512 else uniform_filter(counts, 5)
        return _store(0.5 * (counts + smooth) if rng.random() < 0.5 else smooth)
    if acquisition.processing == "8 bit":
        return _store(np.minimum(counts, HIGHEST_8_BIT))
    return _store(counts)


def _store(values: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    stored: NDArray[np.uint16] = np.clip(np.rint(values), 0, 65535).astype(np.uint16)
    return stored
