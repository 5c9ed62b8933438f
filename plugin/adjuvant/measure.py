"""Masks, counts and pixel size -> numbers for the reader. Numpy and scipy only.

The background is the mean of a ring around the gland. The ring begins at a quarter of the gland's
equivalent diameter from its edge (about 12 mm for 20 cm², beyond the blur of a parallel-hole
collimator) and ends at half of it. It is tied to the gland's size and not to millimetres so that
it is the same ring with and without a pixel size, and in a pinhole image.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from adjuvant.findings import FrameMeasures
from adjuvant.preprocess import Mask
from adjuvant.scan import Frame, Scan

RING_BEGIN = 0.25
RING_END = 0.5
# Volume in mL = HIMANKA x (area in cm²)^1.5 of an anterior view (Himanka & Larsson, Acta Radiol
# 1955). It overestimates a diffuse goitre by half.
HIMANKA = 0.33
# A ring of fewer pixels, as around a gland that fills the image, is no measurement.
MINIMUM_RING_PIXELS = 50
# A ratio to fewer counts, as where the camera took the background away, is off by a fifth or more.
MINIMUM_RING_COUNTS = 25


def pixel_area_cm2(scan: Scan) -> float | None:
    """Area of one pixel; None without a pixel size, or where the collimator magnifies."""
    if scan.spacing_mm is None or scan.pinhole:
        return None
    return scan.spacing_mm[0] * scan.spacing_mm[1] / 100


def measure_frame(frame: Frame, gland: Mask, area_of_pixel_cm2: float | None) -> FrameMeasures:
    """Measure one view; `gland` is bool (rows, columns) on the frame's own matrix.

    Ratios are of mean counts per pixel; what needs a missing input is None.
    """
    pixels = int(np.count_nonzero(gland))
    gland_counts = float(frame.counts[gland].sum(dtype=np.float64))
    ring = frame.counts[background_ring(gland)]
    background = _mean(ring)
    ratio = None
    if background and ring.sum(dtype=np.float64) >= MINIMUM_RING_COUNTS:
        ratio = gland_counts / pixels / background
    area = None if area_of_pixel_cm2 is None else pixels * area_of_pixel_cm2
    return FrameMeasures(
        frame_number=frame.number,
        view=frame.view,
        total_counts=float(frame.counts.sum(dtype=np.float64)),
        gland_pixels=pixels,
        gland_area_cm2=area,
        gland_counts=gland_counts,
        background_counts_per_pixel=background,
        gland_to_background=ratio,
        gland_volume_ml=HIMANKA * area**1.5 if area and frame.view == "anterior" else None,
    )


def background_counts_per_pixel(counts: NDArray[np.float32], gland: Mask) -> float | None:
    """Mean of the ring that the module describes; None where too little of it is in the image."""
    return _mean(counts[background_ring(gland)])


def _mean(ring: NDArray[np.float32]) -> float | None:
    return float(ring.mean(dtype=np.float64)) if ring.size >= MINIMUM_RING_PIXELS else None


def background_ring(gland: Mask) -> Mask:
    """The ring around `gland`, bool (rows, columns); empty around an empty mask."""
    ring = np.zeros_like(gland)
    pixels = int(np.count_nonzero(gland))
    if not pixels:
        return ring
    diameter = 2 * math.sqrt(pixels / math.pi)
    # Only the surroundings are searched: a distance map of the whole matrix is the slow part.
    window = window_around(gland, math.ceil(RING_END * diameter) + 1)
    distance = distance_transform_edt(~gland[window])
    ring[window] = (distance > RING_BEGIN * diameter) & (distance <= RING_END * diameter)
    return ring


def window_around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The bounding box of a mask that is not empty, wider by `margin` pixels on each side."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )
