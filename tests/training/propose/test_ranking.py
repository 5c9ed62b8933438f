"""The order in which scans are proposed: uncertain ones, and such as stand for others."""

from __future__ import annotations

import numpy as np
import pytest

from training.propose.ranking import COARSE, SLACK, choose, descriptor, expected_error

NOTHING = np.zeros((0, 2))


def disc(inside: float, rim: float) -> np.ndarray:
    y, x = np.mgrid[:64, :64] - 31.5
    distance = np.hypot(y, x)
    values = np.where(distance < 14, inside, np.where(distance < 18, rim, 0.0))
    return values.astype(np.float32)


def test_the_expected_error_is_that_of_a_gland_drawn_from_the_probabilities() -> None:
    probabilities = disc(0.95, 0.4)
    outline = probabilities >= 0.5
    chance = np.random.default_rng(1)
    errors = []
    for _ in range(300):
        truth = chance.random(probabilities.shape) < probabilities
        errors.append(1 - 2 * (truth & outline).sum() / (truth.sum() + outline.sum()))
    # Up to the slack, which is a thirtieth of this gland.
    assert expected_error(probabilities, 0.5) == pytest.approx(np.mean(errors), rel=0.05)


def test_certain_answers_have_no_error_also_where_there_is_no_gland() -> None:
    assert expected_error(disc(1.0, 0.0), 0.5) == pytest.approx(0.0)
    assert expected_error(np.zeros((64, 64), np.float32), 0.5) == 0.0
    few = np.zeros((64, 64), np.float32)
    few[0, :10] = 0.4
    assert expected_error(few, 0.5) == pytest.approx(1 - SLACK / (SLACK + 4))


def test_the_less_certain_answer_has_the_larger_error() -> None:
    errors = [expected_error(disc(0.99, rim), 0.5) for rim in (0.02, 0.2, 0.45)]
    assert errors == sorted(errors)


def test_a_descriptor_tells_where_the_counts_are_and_little_more() -> None:
    image = np.zeros((64, 64, 2), np.float32)
    image[10:20, 10:20] = 1.0
    moved, noisy = np.roll(image, 30, axis=0), image.copy()
    noisy[::2, ::2] *= 1.1
    near = np.linalg.norm(descriptor(image) - descriptor(noisy))
    far = np.linalg.norm(descriptor(image) - descriptor(moved))
    assert descriptor(image).shape == (COARSE * COARSE * 2,)
    assert near < far / 5


def test_certain_scans_are_never_proposed_before_uncertain_ones() -> None:
    errors = [0.0, 0.4, 0.0, 0.5, 0.3, 0.0]
    pictures = np.arange(12.0).reshape(6, 2)
    assert set(choose(errors, pictures, NOTHING, 3)) == {1, 3, 4}


def test_one_scan_of_each_kind_comes_before_a_second_of_the_same() -> None:
    kinds = np.array([[0.0, 0.0]] * 6 + [[9.0, 0.0]] * 4 + [[0.0, 9.0]] * 2)
    chosen = choose([0.5] * 12, kinds + np.arange(12)[:, None] * 1e-3, NOTHING, 3)
    # All scans are equally uncertain: half of them are candidates, the first six.
    assert set(chosen) <= set(range(6))
    order = [0.9] * 2 + [0.1] * 4 + [0.9] * 2 + [0.1] * 2 + [0.9] * 2
    chosen = choose(order, kinds, NOTHING, 3)
    assert {tuple(kinds[one]) for one in chosen} == {(0.0, 0.0), (9.0, 0.0), (0.0, 9.0)}
    # The kind that stands for most comes first.
    assert tuple(kinds[chosen[0]]) == (0.0, 0.0)


def test_what_is_drawn_already_need_not_be_stood_for() -> None:
    kinds = np.array([[0.0, 0.0]] * 6 + [[9.0, 0.0]] * 2)
    errors = [0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9]
    assert tuple(kinds[choose(errors, kinds, NOTHING, 1)[0]]) == (0.0, 0.0)
    assert tuple(kinds[choose(errors, kinds, kinds[:1], 1)[0]]) == (9.0, 0.0)


def test_no_scan_is_proposed_twice_and_none_that_is_not_there() -> None:
    same = np.zeros((4, 2))
    assert sorted(choose([0.1, 0.2, 0.3, 0.4], same, same, 9)) == [0, 1, 2, 3]
    assert choose([], np.zeros((0, 2)), NOTHING, 5) == []
