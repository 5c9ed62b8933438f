"""Parts of the gland that a much hotter one suppresses are not drawn."""

from __future__ import annotations

import numpy as np
import pytest

from adjuvant.visibility import without_suppressed

LEFT = np.s_[40:90, 40:60]
RIGHT = np.s_[40:90, 80:100]
BACKGROUND = 10.0


def gland_and_counts(weaker: float) -> tuple[np.ndarray, np.ndarray]:
    """Two lobes over a background; the right one has `weaker` of the left one's net counts."""
    gland = np.zeros((128, 128), bool)
    counts = np.full(gland.shape, BACKGROUND, np.float32)
    for lobe, part in ((LEFT, 1.0), (RIGHT, weaker)):
        gland[lobe] = True
        counts[lobe] += 200 * part
    return gland, counts


@pytest.mark.parametrize(("weaker", "drawn"), [(1.0, True), (0.12, True), (0.08, False)])
def test_a_lobe_is_drawn_from_a_tenth_of_the_hottest_part(weaker: float, drawn: bool) -> None:
    gland, counts = gland_and_counts(weaker)
    kept = without_suppressed(gland, counts)
    assert kept[LEFT].all()
    assert kept[RIGHT].all() == kept[RIGHT].any() == drawn


def test_one_part_stays_whatever_its_counts() -> None:
    gland, counts = gland_and_counts(0.01)
    gland[60:62, 60:80] = True
    np.testing.assert_array_equal(without_suppressed(gland, counts), gland)


def test_a_hot_pixel_of_noise_suppresses_nothing() -> None:
    gland, counts = gland_and_counts(0.9)
    counts[50, 50] = 1500
    np.testing.assert_array_equal(without_suppressed(gland, counts), gland)


def test_contamination_beside_the_gland_suppresses_nothing() -> None:
    gland, counts = gland_and_counts(0.7)
    counts[100:112, 50:62] = 5000
    np.testing.assert_array_equal(without_suppressed(gland, counts), gland)


def test_the_hottest_part_stays_where_nothing_is_above_the_background() -> None:
    gland, counts = gland_and_counts(0.9)
    counts[~gland] = 5000
    assert without_suppressed(gland, counts)[LEFT].all()


def test_an_empty_gland_and_an_empty_image_stay_empty() -> None:
    nothing = np.zeros((64, 64), bool)
    assert not without_suppressed(nothing, np.zeros((64, 64), np.float32)).any()
    two, _ = gland_and_counts(1.0)
    flat = np.zeros((128, 128), np.float32)
    np.testing.assert_array_equal(without_suppressed(two, flat), two)
