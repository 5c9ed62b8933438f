"""Agreement of masks whose result is known, and how sure a figure is."""

from __future__ import annotations

import numpy as np
import pytest

from training.metrics import STATISTICS, bootstrap, dice, hausdorff_95, nearest_dice, wilson


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


NOTHING = square(0, 0, 0)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        (square(5, 5, 10), square(5, 5, 10), 1.0),
        (square(5, 5, 10), square(5, 10, 10), 0.5),
        (square(5, 5, 10), square(20, 20, 10), 0.0),
        (NOTHING, square(0, 0, 5), 0.0),
        (square(0, 0, 5), NOTHING, 0.0),
        (NOTHING, NOTHING, 1.0),
    ],
)
def test_dice_is_the_share_of_both_that_is_common(
    found: np.ndarray, truth: np.ndarray, expected: float
) -> None:
    assert dice(found, truth) == expected


def test_hausdorff_distance_is_in_millimetres() -> None:
    assert hausdorff_95(square(5, 5, 10), square(5, 8, 10), (2.0, 2.0)) == pytest.approx(6.0)
    assert hausdorff_95(square(5, 5, 10), square(5, 8, 10), (9.0, 0.5)) == pytest.approx(1.5)
    assert hausdorff_95(square(5, 5, 10), square(8, 5, 10), (9.0, 0.5)) == pytest.approx(27.0)
    assert hausdorff_95(square(5, 5, 10), square(5, 5, 10), (2.0, 2.0)) == 0


def test_hausdorff_distance_of_grown_squares_is_how_far_they_grew() -> None:
    # 3 pixels to each side; beyond the corners it is more, but those are below 5 %.
    assert hausdorff_95(square(10, 10, 20), square(7, 7, 26), (1.0, 1.0)) == pytest.approx(3, abs=1)
    # Symmetric, whichever mask is the truth.
    one, other = square(10, 10, 20), square(3, 9, 17)
    assert hausdorff_95(one, other, (1, 1)) == hausdorff_95(other, one, (1, 1))


def test_a_few_stray_pixels_do_not_decide_the_distance() -> None:
    stray = square(5, 5, 20)
    stray[38, 38] = True
    assert hausdorff_95(stray, square(5, 5, 20), (1.0, 1.0)) == 0


def test_there_is_no_distance_to_nothing() -> None:
    assert hausdorff_95(square(5, 5, 10), NOTHING, (2.0, 2.0)) is None
    assert hausdorff_95(NOTHING, square(5, 5, 10), (2.0, 2.0)) is None


def test_a_mask_at_the_border_has_an_outline_there() -> None:
    whole = np.ones((40, 40), bool)
    assert hausdorff_95(whole, whole, (1.0, 1.0)) == 0
    upper = whole.copy()
    upper[30:] = False
    assert hausdorff_95(whole, upper, (1.0, 1.0)) == 10


def test_the_interval_is_wider_when_scans_of_a_patient_are_alike() -> None:
    values = list(np.repeat(np.random.default_rng(0).normal(0.9, 0.05, 20), 5))
    alone = bootstrap(values, [str(n) for n in range(100)], STATISTICS["mean"])
    together = bootstrap(values, [str(n // 5) for n in range(100)], STATISTICS["mean"])
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])
    assert together[0] < np.mean(values) < together[1]


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = list(np.random.default_rng(1).normal(0, 1, 400))
    low, high = bootstrap(values, [str(n) for n in range(400)], STATISTICS["mean"])
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_one_patient_alone_leaves_no_room() -> None:
    assert bootstrap([0.8, 1.0], ["a", "a"], STATISTICS["mean"]) == (0.9, 0.9)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # R: binom.confint(part, whole, methods = "wilson").
    [(20, 20, 0.8389, 1.0), (0, 20, 0.0, 0.1611), (8, 10, 0.4902, 0.9433), (1, 2, 0.0945, 0.9055)],
)
def test_the_interval_of_a_rate_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=1e-4)


def test_of_several_readings_the_nearest_counts() -> None:
    one, two, both = np.zeros((3, 8, 8), bool)
    one[:4], two[4:] = True, True
    both[:] = True
    assert nearest_dice(one, [both]) == pytest.approx(2 / 3)
    assert nearest_dice(one, [both, one]) == 1
    assert nearest_dice(one, [two]) == 0
