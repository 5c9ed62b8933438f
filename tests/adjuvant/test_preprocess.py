"""Any matrix goes into the network's square, and masks come back to it without a shift."""

from __future__ import annotations

import numpy as np
import pytest

from adjuvant.errors import Refusal
from adjuvant.preprocess import (
    Preprocessing,
    fit,
    from_square,
    prepare,
    resampling,
    to_square,
)

PLAN = Preprocessing()
MATRICES = [(64, 64), (100, 100), (128, 128), (200, 256), (256, 256), (300, 250), (512, 512)]
MATRICES += [(1024, 1024), (1024, 256), (64, 96)]


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    """A disc, its centre and radius in parts of the longer side."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    side = max(shape)
    return np.hypot(y - centre[0] * shape[0], x - centre[1] * shape[1]) < radius * side


@pytest.mark.parametrize("source", [1, 2, 3, 64, 100, 255, 256, 257, 512, 1000, 1024])
@pytest.mark.parametrize("target", [1, 64, 256])
def test_every_target_pixel_is_a_mean_of_source_pixels(source: int, target: int) -> None:
    weights = resampling(source, target)
    assert weights.shape == (target, source)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_an_image_of_the_networks_size_is_not_resampled() -> None:
    image = np.random.default_rng(1).poisson(5, (256, 256)).astype(np.float32)
    np.testing.assert_array_equal(to_square(image, 256), image)
    np.testing.assert_array_equal(from_square(image, (256, 256)), image)


@pytest.mark.parametrize("shape", MATRICES)
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.31, 0.62)])
def test_a_disc_comes_back_where_it_was(
    shape: tuple[int, int], centre: tuple[float, float]
) -> None:
    mask = disc(shape, centre, 0.11)
    there = (to_square(mask.astype(np.float32), 256) > 0.5).astype(np.float32)
    back = from_square(there, shape) > 0.5
    assert 2 * (mask & back).sum() / (mask.sum() + back.sum()) > 0.97
    shift = np.argwhere(mask).mean(axis=0) - np.argwhere(back).mean(axis=0)
    # On a matrix finer than the network's, a quarter of the network's own pixel.
    assert np.abs(shift).max() < 0.25 * max(1, max(shape) / 256)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 1), (1, 1024), (1024, 1), (3, 700), (37, 53), (999, 1024)]
)
def test_any_matrix_fits_and_comes_back_in_its_own_shape(shape: tuple[int, int]) -> None:
    where = fit(shape, 256)
    assert max(where.rows, where.columns) == 256
    assert from_square(np.ones((256, 256), np.float32), shape).shape == shape
    if shape != (1, 1):
        counts = np.random.default_rng(2).poisson(9, shape).astype(np.float32)
        counts[0, 0] = 40
        assert prepare(counts, PLAN).shape == (256, 256, 2)


@pytest.mark.parametrize("factor", [1e-20, 1e-6, 0.37, 7.0, 1e6, 1e30])
def test_the_scale_of_the_counts_does_not_matter(factor: float) -> None:
    counts = np.random.default_rng(3).poisson(20, (128, 128)).astype(np.float32)
    scaled = (counts * np.float32(factor)).astype(np.float32)
    np.testing.assert_allclose(prepare(scaled, PLAN), prepare(counts, PLAN), atol=1e-4)


def test_one_burning_pixel_does_not_hide_the_rest() -> None:
    counts = np.random.default_rng(4).poisson(20, (256, 256)).astype(np.float32)
    burnt = counts.copy()
    burnt[5, 5] = 65535
    difference = np.abs(prepare(burnt, PLAN) - prepare(counts, PLAN))
    assert np.median(difference[..., 0]) < 0.02


@pytest.mark.parametrize("single", [1.0, 65535.0, 3e38])
def test_a_single_count_in_an_empty_image_gives_finite_inputs(single: float) -> None:
    counts = np.zeros((512, 512), np.float32)
    counts[100, 200] = single
    inputs = prepare(counts, PLAN)
    assert np.isfinite(inputs).all()
    assert inputs[..., 0].max() <= PLAN.sqrt_ceiling
    assert inputs[..., 1].max() <= PLAN.log_ceiling


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_flat_image_is_refused_with_its_value(value: float) -> None:
    with pytest.raises(Refusal, match=f"every pixel holds {value:g} counts"):
        prepare(np.full((64, 64), value, np.float32), PLAN)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_numbers_are_refused(value: float) -> None:
    counts = np.ones((64, 64), np.float32)
    counts[3, 3] = value
    with pytest.raises(Refusal, match="not numbers"):
        prepare(counts, PLAN)


def test_negative_pixels_count_as_empty() -> None:
    counts = np.random.default_rng(5).poisson(5, (64, 64)).astype(np.float32)
    below = np.where(counts == 0, -7, counts).astype(np.float32)
    np.testing.assert_array_equal(prepare(below, PLAN), prepare(counts, PLAN))
