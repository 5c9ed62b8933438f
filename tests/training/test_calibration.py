"""The calibration error is known where probabilities are."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import BINS, binned, calibration_error

GLAND = np.zeros((64, 64), bool)
GLAND[20:44, 24:40] = True


def error(probability: float, share: float) -> float:
    """Of an image where everything has one probability, and `share` of it is gland."""
    truth = np.random.default_rng(1).random((200, 200)) < share
    bins = binned(np.full(truth.shape, probability, np.float32), truth, truth)
    assert bins is not None
    return calibration_error(bins[None])


@pytest.mark.parametrize(
    ("probability", "share", "expected"), [(0.8, 0.8, 0), (0.8, 0.5, 0.3), (0.1, 0.9, 0.8)]
)
def test_it_is_what_probabilities_promise_and_do_not_keep(
    probability: float, share: float, expected: float
) -> None:
    assert error(probability, share) == pytest.approx(expected, abs=0.01)


def test_a_right_and_certain_answer_has_none() -> None:
    bins = binned(GLAND.astype(np.float32), GLAND, GLAND)
    assert bins is not None
    assert calibration_error(bins[None]) == 0
    assert bins[0].sum() == pytest.approx(1)


def test_empty_surroundings_do_not_flatter() -> None:
    """The same gland and the same wrong answer in a field of four times the size."""
    answer = np.where(GLAND, 0.6, 0.2).astype(np.float32)
    near = binned(answer, GLAND, GLAND)
    wide = [np.pad(one, 64) for one in (answer, GLAND, GLAND)]
    far = binned(wide[0], wide[1], wide[2])
    assert near is not None
    assert far is not None
    assert calibration_error(near[None]) == calibration_error(far[None]) > 0.2


def test_what_lies_beyond_the_border_is_not_counted() -> None:
    cut = GLAND[20:, 24:]  # 24 x 16 pixels of gland in the corner of the image
    bins = binned(np.where(cut, 0.6, 0.2).astype(np.float32), cut, cut)
    assert bins is not None
    # The square is 30 x 30 and begins at -3, -7: 27 x 23 of its pixels are on the image.
    expected = (0.4 * 24 * 16 + 0.2 * (27 * 23 - 24 * 16)) / (27 * 23)
    assert calibration_error(bins[None]) == pytest.approx(expected, abs=1e-6)


def test_scans_of_any_matrix_weigh_alike() -> None:
    small = binned(GLAND.astype(np.float32), GLAND, GLAND)
    large = np.repeat(np.repeat(GLAND, 4, axis=0), 4, axis=1)
    wrong = binned(1 - large.astype(np.float32), large, large)
    assert small is not None
    assert wrong is not None
    assert calibration_error(np.stack([small, wrong])) == pytest.approx(0.5)
    assert calibration_error(wrong[None]) == pytest.approx(1)


def test_a_scan_without_gland_and_outline_says_nothing() -> None:
    nothing = np.zeros((64, 64), bool)
    assert binned(np.zeros((64, 64), np.float32), nothing, nothing) is None
    drawn = binned(GLAND.astype(np.float32), GLAND, nothing)
    assert drawn is not None
    assert calibration_error(drawn[None]) > 0.3
    assert drawn.shape == (3, BINS)
