"""An augmented scan is still a scan, and its outline still lies on it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from training.augmentation import augment, coordinates, smooth_field, thin
from training.recipe import Augmentation

NONE = Augmentation(
    probability=0,
    rotation_degrees=0,
    scale=1,
    shift=0,
    elastic_pixels=0,
    blur_pixels=0,
    thinning=1,
    gain=1,
    flip=False,
)
STRONG = Augmentation(probability=1, rotation_degrees=30, elastic_pixels=4, blur_pixels=1.5)


def scan(rows: int = 96, columns: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse and its mask, off the middle."""
    y, x = np.mgrid[:rows, :columns]
    mask = ((y - 0.55 * rows) / 15) ** 2 + ((x - 0.45 * columns) / 9) ** 2 < 1
    counts = np.random.default_rng(0).poisson(2 + 60 * mask).astype(np.uint16)
    return counts, mask


def changed(limits: Augmentation, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return augment(*scan(), limits, np.random.default_rng(seed))


def test_without_limits_nothing_changes() -> None:
    counts, mask = changed(NONE, 1)
    np.testing.assert_array_equal(counts, scan()[0])
    np.testing.assert_array_equal(mask, scan()[1])
    assert counts.dtype == mask.dtype == np.float32


def test_the_same_seed_gives_the_same_change() -> None:
    one, same, other = (changed(STRONG, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])


def test_the_scan_given_is_left_as_it_was() -> None:
    counts, mask = scan()
    before = counts.copy(), mask.copy()
    for seed in range(10):
        augment(counts, mask, STRONG, np.random.default_rng(seed))
    np.testing.assert_array_equal(counts, before[0])
    np.testing.assert_array_equal(mask, before[1])


@pytest.mark.parametrize("seed", range(20))
def test_outline_and_counts_move_together(seed: int) -> None:
    counts, mask = changed(STRONG, seed)
    assert counts.shape == mask.shape == (96, 64)
    assert np.isfinite(counts).all()
    assert counts.min() >= 0
    assert 0 <= mask.min() <= mask.max() <= 1
    inside = mask > 0.5
    assert counts[inside].mean() > 5 * counts[~inside].mean()
    bright = counts > counts.max() / 3
    apart = np.subtract(center_of_mass(bright), center_of_mass(inside))
    assert np.abs(apart).max() < 3


def test_flipping_mirrors_left_and_right() -> None:
    flips = NONE.model_copy(update={"flip": True})
    seen = {bool(np.array_equal(changed(flips, seed)[1], scan()[1][:, ::-1])) for seed in range(20)}
    assert seen == {True, False}


def test_thinned_counts_are_again_poisson() -> None:
    image = np.random.default_rng(1).poisson(40, (300, 300)).astype(np.float32)
    thinned = [thin(image, 0.3, np.random.default_rng(seed)) for seed in range(8)]
    kept = [one for one in thinned if one is not image]
    assert 0 < len(kept) < 8
    for one in kept:
        assert (one == np.round(one)).all()
        assert 0.29 < one.mean() / image.mean() < 1.0
        assert one.var() / one.mean() == pytest.approx(1, abs=0.05)


def test_the_elastic_field_is_about_one_strong() -> None:
    generator = np.random.default_rng(0)
    fields = [smooth_field((64, 48), generator) for _ in range(200)]
    assert fields[0].shape == (64, 48)
    assert np.std(fields) == pytest.approx(1, rel=0.5)


def test_the_elastic_warp_never_folds_the_image() -> None:
    limits = NONE.model_copy(update={"elastic_pixels": 2.0})
    for seed in range(100):
        where = coordinates((128, 128), limits, np.random.default_rng(seed))
        assert np.diff(where[0], axis=0).min() > 0
        assert np.diff(where[1], axis=1).min() > 0


def test_rotation_and_scale_stay_within_their_limits() -> None:
    limits = NONE.model_copy(update={"rotation_degrees": 20.0, "scale": 1.25})
    for seed in range(50):
        where = coordinates((40, 60), limits, np.random.default_rng(seed))
        along = where[:, 20, 31] - where[:, 20, 30]
        assert 1 / 1.25 - 1e-3 <= np.hypot(*along) <= 1.25 + 1e-3
        assert abs(np.degrees(np.arctan2(along[0], along[1]))) <= 20 + 1e-3
        # It turns about the middle.
        np.testing.assert_allclose(where.mean(axis=(1, 2)), (19.5, 29.5), atol=1e-3)
