"""Areas, counts and ratios against values that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.measure import background_ring, measure_frame, pixel_area_cm2
from adjuvant.scan import Frame, Scan


def disc(radius: float, rows: int = 128, columns: int = 128) -> np.ndarray:
    v, u = np.mgrid[0:rows, 0:columns]
    return np.hypot(v - rows // 2, u - columns // 2) <= radius


def frame_of(counts: np.ndarray) -> Frame:
    return Frame(1, counts.astype(np.float32), "anterior", None)


def scan_of(spacing: tuple[float, float] | None, pinhole: bool | None) -> Scan:
    return Scan(Dataset(), (frame_of(np.ones((8, 8))),), spacing, pinhole)


@pytest.mark.parametrize(
    ("spacing", "pinhole", "expected"),
    [
        ((2.0, 2.0), False, 0.04),
        ((4.0, 2.0), None, 0.08),
        ((2.0, 2.0), True, None),
        (None, False, None),
    ],
)
def test_a_pixel_has_an_area_only_with_a_size_and_parallel_holes(
    spacing: tuple[float, float] | None, pinhole: bool | None, expected: float | None
):
    assert pixel_area_cm2(scan_of(spacing, pinhole)) == expected


def test_a_disc_on_a_uniform_background_is_measured_exactly():
    gland = disc(20)
    measures = measure_frame(frame_of(np.where(gland, 30, 3)), gland, 0.04)
    assert measures.gland_pixels == gland.sum() == pytest.approx(math.pi * 20**2, rel=0.02)
    assert measures.gland_area_cm2 == pytest.approx(gland.sum() * 0.04)
    assert measures.gland_counts == 30 * gland.sum()
    assert measures.background_counts_per_pixel == 3
    assert measures.gland_to_background == pytest.approx(10)
    assert measures.total_counts == 30 * gland.sum() + 3 * (~gland).sum()


def test_without_a_pixel_area_only_the_area_is_missing():
    gland = disc(20)
    measures = measure_frame(frame_of(np.where(gland, 30, 3)), gland, None)
    assert measures.gland_area_cm2 is None
    assert measures.gland_to_background == pytest.approx(10)


def test_no_gland_has_no_background_and_no_ratio():
    measures = measure_frame(frame_of(np.ones((64, 64))), np.zeros((64, 64), bool), 0.04)
    assert (measures.gland_pixels, measures.gland_area_cm2, measures.gland_counts) == (0, 0, 0)
    assert measures.background_counts_per_pixel is None
    assert measures.gland_to_background is None


@pytest.mark.parametrize(("ring_counts", "ratio"), [(24, False), (25, True)])
def test_a_ratio_to_a_few_counts_is_none(ring_counts: int, ratio: bool):
    gland = disc(20)
    counts = np.where(gland, 30, 0).astype(np.float32)
    row, column = np.argwhere(background_ring(gland))[0]
    counts[row, column] = ring_counts
    measures = measure_frame(frame_of(counts), gland, None)
    assert measures.background_counts_per_pixel
    assert (measures.gland_to_background is not None) is ratio


def test_a_background_without_counts_gives_no_ratio():
    gland = disc(20)
    measures = measure_frame(frame_of(np.where(gland, 30, 0)), gland, None)
    assert measures.background_counts_per_pixel == 0
    assert measures.gland_to_background is None


def test_the_ring_lies_between_a_quarter_and_half_a_diameter_from_the_edge():
    ring = background_ring(disc(20))
    v, u = np.nonzero(ring)
    radius = np.hypot(v - 64, u - 64)
    assert radius.min() == pytest.approx(20 + 10, abs=1.5)
    assert radius.max() == pytest.approx(20 + 20, abs=1.5)


def test_the_ring_does_not_see_the_gland_and_stays_in_the_image():
    gland = np.roll(disc(20), 50, axis=1)
    gland[:, :60] = False
    ring = background_ring(gland)
    assert ring.any()
    assert not (ring & gland).any()


def test_a_gland_that_fills_the_image_has_no_background():
    gland = np.ones((64, 64), bool)
    measures = measure_frame(frame_of(np.ones((64, 64))), gland, None)
    assert measures.background_counts_per_pixel is None
