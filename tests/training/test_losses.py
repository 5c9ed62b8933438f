"""A perfect answer costs nothing, and an empty image costs only what is drawn on it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.losses import SMOOTH, cross_entropy, dice_and_cross_entropy, soft_dice

LOSS = dice_and_cross_entropy(0.5)

EMPTY = np.zeros((1, 32, 32, 1), np.float32)
FULL = np.ones((1, 32, 32, 1), np.float32)
GLAND = EMPTY.copy()
GLAND[:, 8:20, 8:20] = 1


def value(loss: keras.KerasTensor) -> list[float]:
    return [float(one) for one in keras.ops.convert_to_numpy(loss)]


@pytest.mark.parametrize("truth", [EMPTY, FULL, GLAND], ids=["empty", "full", "gland"])
def test_a_perfect_answer_costs_nothing(truth: np.ndarray) -> None:
    assert value(LOSS(truth, truth)) == pytest.approx([0], abs=1e-5)


def test_the_opposite_of_the_truth_costs_most() -> None:
    (wrong,) = value(soft_dice(GLAND, 1 - GLAND))
    assert wrong == pytest.approx(1 - SMOOTH / (32 * 32 + SMOOTH))
    (worst,), (unsure,) = (value(LOSS(GLAND, answer)) for answer in (1 - GLAND, FULL / 2))
    assert worst > 10 > 2 > unsure > 0.5


def test_marking_64_pixels_of_an_image_without_gland_costs_a_half() -> None:
    marked = EMPTY.copy()
    marked[:, :8, :8] = 1
    assert value(soft_dice(EMPTY, marked)) == pytest.approx([0.5])


def test_to_miss_costs_more_than_to_mark_too_much_where_the_recipe_says_so() -> None:
    small, large = np.zeros_like(GLAND), np.zeros_like(GLAND)
    small[:, 8:20, 8:14] = 1
    large[:, 8:20, 8:26] = 1
    missed, marked = (value(soft_dice(GLAND, answer, 0.75))[0] for answer in (small, large))
    assert missed == pytest.approx(0.75 * 72 / (72 + 0.75 * 72 + SMOOTH / 2))
    assert marked == pytest.approx(0.25 * 72 / (144 + 0.25 * 72 + SMOOTH / 2))


def test_cross_entropy_of_a_half_is_the_logarithm_of_two() -> None:
    assert value(cross_entropy(GLAND, FULL / 2)) == pytest.approx([np.log(2)], rel=1e-5)


def test_without_overlap_the_cheapest_answer_is_the_probability() -> None:
    one_of_two = np.concatenate([GLAND, EMPTY])
    alone = dice_and_cross_entropy(0.5, overlap=0.0)
    costs = {
        part: sum(value(alone(one_of_two, np.concatenate([GLAND, GLAND]) * part)))
        for part in (0.1, 0.4, 0.5, 0.6, 0.9)
    }
    assert min(costs, key=costs.__getitem__) == 0.5


def test_overlap_weighs_dice() -> None:
    half = dice_and_cross_entropy(0.5, overlap=0.5)
    dice, entropy = soft_dice(GLAND, FULL / 2), cross_entropy(GLAND, FULL / 2)
    expected = np.multiply(value(dice), 0.5) + value(entropy)
    assert value(half(GLAND, FULL / 2)) == pytest.approx(expected, rel=1e-6)


def test_each_image_of_a_batch_has_its_own_loss() -> None:
    truth, answer = np.concatenate([GLAND, EMPTY]), np.concatenate([GLAND, GLAND])
    right, wrong = value(soft_dice(truth, answer))
    assert right == pytest.approx(0, abs=1e-6)
    assert wrong == pytest.approx(144 / (144 + SMOOTH))


def test_half_precision_answers_are_summed_in_full_precision() -> None:
    large = np.ones((1, 256, 256, 1), np.float32)
    half = keras.ops.cast(large, "bfloat16")
    assert value(LOSS(large, half)) == pytest.approx([0], abs=1e-5)


def test_the_loss_falls_along_its_gradient() -> None:
    import tensorflow as tf

    for truth in (GLAND, EMPTY):
        answer = tf.Variable(FULL * 0.4)
        with tf.GradientTape() as tape:
            loss = LOSS(truth, answer)
        slope = tape.gradient(loss, answer).numpy()
        assert np.isfinite(slope).all()
        assert (np.sign(slope) == np.where(truth > 0, -1, 1)).all()


def test_of_several_readings_the_one_that_the_network_comes_nearest_to_counts() -> None:
    """Whoever commits himself to either pays nothing, who draws half of both pays."""
    less = GLAND.copy()
    less[:, 14:] = 0
    both = np.concatenate([GLAND, less, less], axis=-1)
    assert value(LOSS(both, GLAND)) == pytest.approx([0], abs=1e-5)
    assert value(LOSS(both, less)) == pytest.approx([0], abs=1e-5)
    between = (GLAND + less) / 2
    assert value(LOSS(both, between)) == pytest.approx(value(LOSS(GLAND, between)))
    assert value(LOSS(both, between))[0] > 0.05


def test_each_image_of_a_batch_has_the_reading_nearest_to_it() -> None:
    less = GLAND.copy()
    less[:, 14:] = 0
    both = np.concatenate([np.concatenate([GLAND, less, less], axis=-1)] * 2)
    assert value(LOSS(both, np.concatenate([GLAND, less]))) == pytest.approx([0, 0], abs=1e-5)
