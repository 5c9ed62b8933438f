"""A nodule's size, contrast and place, on shapes whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from adjuvant.nodule_measures import Around, contrast, longest_diameter, measure_nodule
from adjuvant.structures import LOBES

ROW, COLUMN = np.mgrid[:120, :80]
LOBE = (ROW >= 15) & (ROW < 105) & (COLUMN >= 20) & (COLUMN < 60)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(ROW - row, COLUMN - column) < radius


def about(nodule: np.ndarray, lobes: Mapping[str, np.ndarray] | None = None) -> Around:
    return Around(LOBE, LOBE & ~nodule, lobes or {})


def test_the_longest_diameter_is_that_of_the_shape() -> None:
    bar = np.zeros((20, 30), bool)
    bar[4, 3:13] = True
    assert longest_diameter(bar, (2.0, 2.0)) == pytest.approx(20)
    assert longest_diameter(np.eye(10, dtype=bool), (1.0, 1.0)) == pytest.approx(
        1 + 9 * 2**0.5, rel=1e-3
    )
    assert longest_diameter(disc(60, 40, 15), (1.0, 1.0)) == pytest.approx(30, abs=1)


def test_the_diameter_does_not_depend_on_how_the_pixels_are_stretched() -> None:
    wide = disc(60, 40, 15)
    assert longest_diameter(wide[::2], (2.0, 1.0)) == pytest.approx(30, abs=1.5)


def test_contrast_is_the_part_of_the_counts_that_is_missing() -> None:
    nodule = disc(60, 40, 6)
    counts = np.where(LOBE, 80, 4).astype(np.float32)
    counts[nodule] = 20
    assert contrast(counts, nodule, about(nodule)) == pytest.approx(0.75)
    counts[nodule] = 80
    assert contrast(counts, nodule, about(nodule)) == pytest.approx(0)


def test_what_a_nodule_has_outside_of_the_gland_lacks_no_counts() -> None:
    counts = np.where(LOBE, 100, 10).astype(np.float32)
    astride = disc(60, 23, 6)
    assert contrast(counts, astride, about(astride)) == pytest.approx(0)
    outside = disc(60, 19, 6)
    assert contrast(counts, outside, about(outside)) is None


def test_what_is_far_away_does_not_count_as_surroundings() -> None:
    nodule = disc(30, 40, 6)
    counts = np.where(ROW < 60, 80, 1000).astype(np.float32)
    counts[nodule] = 40
    assert contrast(counts, nodule, about(nodule)) == pytest.approx(0.5)


def test_without_gland_about_it_there_is_no_contrast() -> None:
    nodule = disc(60, 40, 6)
    counts = np.ones(LOBE.shape, np.float32)
    assert contrast(counts, nodule, Around(LOBE, np.zeros_like(LOBE), {})) is None
    assert contrast(np.zeros_like(counts), nodule, about(nodule)) is None


@pytest.mark.parametrize(("row", "third"), [(22, "upper"), (60, "middle"), (98, "lower")])
def test_the_place_is_a_third_of_the_lobe_that_holds_it(row: int, third: str) -> None:
    nodule = disc(row, 30, 5)
    lobes = dict(zip(LOBES, (LOBE & (COLUMN < 40), LOBE & (COLUMN >= 40)), strict=True))
    counts = np.ones(LOBE.shape, np.float32)
    found = measure_nodule(counts, nodule, about(nodule, lobes), (1.0, 1.0))
    assert (found.lobe, found.third) == (LOBES[0], third)


def test_astride_of_the_lobes_or_without_them_no_place_is_told() -> None:
    counts, nodule = np.ones(LOBE.shape, np.float32), disc(60, 39.5, 5)
    halves = dict(zip(LOBES, (LOBE & (COLUMN < 40), LOBE & (COLUMN >= 40)), strict=True))
    for lobes in (halves, {}):
        found = measure_nodule(counts, nodule, about(nodule, lobes), None)
        assert (found.lobe, found.third, found.length_mm) == (None, None, None)
