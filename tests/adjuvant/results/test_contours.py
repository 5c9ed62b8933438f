"""Outlines close, lie on the mask's edge, and enclose what the mask holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from adjuvant.results.contours import Curve, outlines


def area(curve: Curve) -> float:
    """Signed area in pixels (the shoelace formula): holes count against the rest."""
    row, column = curve.T.astype(float)
    return float(np.sum(row * np.roll(column, -1) - np.roll(row, -1) * column) / 2)


def disc(radius: float, size: int = 64) -> np.ndarray:
    row, column = np.indices((size, size)) + 0.5 - size / 2
    return np.hypot(row, column) <= radius


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((8, 8), bool)) == []


def test_a_single_pixel_is_a_small_diamond_around_its_centre():
    mask = np.zeros((9, 9), bool)
    mask[3, 5] = True
    (curve,) = outlines(mask)
    np.testing.assert_allclose(curve.mean(axis=0), [3.5, 5.5])
    assert len(curve) == 4


@pytest.mark.parametrize(("radius", "tolerance"), [(3, 0.15), (8, 0.05), (20, 0.02)])
def test_a_disc_is_round_and_keeps_its_area(radius: int, tolerance: float):
    mask = disc(radius)
    (curve,) = outlines(mask)
    assert abs(abs(area(curve)) / mask.sum() - 1) < tolerance
    distances = np.hypot(*(curve - 32).T)
    assert np.ptp(distances) < 1.0


def test_a_ring_has_an_outer_and_an_inner_outline():
    mask = disc(20) & ~disc(10)
    curves = outlines(mask)
    assert len(curves) == 2
    assert abs(abs(sum(map(area, curves))) / mask.sum() - 1) < 0.05


def test_a_gland_at_the_border_stays_inside_the_image():
    mask = np.ones((10, 12), bool)
    (curve,) = outlines(mask)
    assert curve.min() >= 0
    assert (curve.max(axis=0) <= (10, 12)).all()


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_every_point_of_any_mask_is_within_a_pixel_of_its_edge(mask: np.ndarray):
    padded = np.pad(mask, 2)
    inside, outside = distance_transform_edt(padded), distance_transform_edt(~padded)
    for curve in outlines(padded):
        row, column = np.floor(curve).astype(int).T
        assert (np.maximum(inside, outside)[row, column] <= np.sqrt(2)).all()
