"""Figures are what they should be on scans whose result is known."""

from __future__ import annotations

import numpy as np
import pytest
from ellipses import ellipse_case

from training.evaluate import count_level, score, without_islands
from training.metrics import STATISTICS, bootstrap, dice, hausdorff_95


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_dice_of_half_overlapping_squares_is_a_half() -> None:
    assert dice(square(5, 5, 10), square(5, 10, 10)) == 0.5
    assert dice(square(0, 0, 0), square(0, 0, 0)) == 1
    assert dice(square(0, 0, 0), square(0, 0, 5)) == 0


def test_hausdorff_distance_is_in_millimetres() -> None:
    moved = hausdorff_95(square(5, 5, 10), square(5, 8, 10), (2.0, 2.0))
    assert moved == pytest.approx(6.0)
    assert hausdorff_95(square(5, 5, 10), square(5, 5, 10), (2.0, 2.0)) == 0
    assert hausdorff_95(square(5, 5, 10), square(0, 0, 0), (2.0, 2.0)) is None


def test_the_interval_is_wider_when_scans_of_a_patient_are_alike() -> None:
    values = list(np.repeat(np.random.default_rng(0).normal(0.9, 0.05, 20), 5))
    alone = bootstrap(values, [str(n) for n in range(100)], STATISTICS["mean"])
    together = bootstrap(values, [str(n // 5) for n in range(100)], STATISTICS["mean"])
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])
    assert together[0] < np.mean(values) < together[1]


def test_a_scan_without_gland_counts_as_silent_or_not() -> None:
    empty = ellipse_case(1, visible=False)
    assert score(empty, empty.gland).silent
    assert score(empty, empty.gland).dice is None
    assert not score(empty, ~empty.gland).silent


def test_small_islands_are_dropped() -> None:
    mask = square(5, 5, 10) | square(30, 30, 2)
    np.testing.assert_array_equal(without_islands(mask, 5), square(5, 5, 10))
    assert not without_islands(square(0, 0, 0), 5).any()


def test_counts_fall_into_named_ranges() -> None:
    assert [count_level(n) for n in (0, 50_000, 10**7)] == ["0-50k", "50-100k", "from 400k"]
