"""Batches hold what the network is to see, in an order that a resumed training repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from ellipses import RECIPE, SIDE, ellipse_case, ellipse_data

from adjuvant.close_up import CloseUp, square_around
from adjuvant.preprocess import prepare
from training.batches import (
    REGION,
    Images,
    epoch_order,
    example,
    finest,
    prefetched,
    reduced,
    training_batches,
    validation_batches,
)

IMAGES = ellipse_data(8).training


def epoch(stage: int, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [make() for make in training_batches(IMAGES, RECIPE, stage, number)]


@pytest.mark.parametrize("stage", [0, 1])
def test_a_batch_has_the_size_of_its_stage(stage: int) -> None:
    batches = epoch(stage, 0)
    size = RECIPE.stages[stage].size
    assert len(batches) == 4
    for inputs, truth in batches:
        assert inputs.shape == (8, size, size, 2)
        assert truth.shape == (8, size, size, 1)
        assert inputs.dtype == truth.dtype == np.float32
        assert 0 <= truth.min() <= truth.max() <= 1


def test_every_epoch_differs_and_every_repetition_is_the_same() -> None:
    one, same, other = epoch(1, 0), epoch(1, 0), epoch(1, 1)
    for mine, theirs in zip(one, same, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_epoch_sees_every_image_as_often_as_any_other() -> None:
    assert sorted(epoch_order(np.arange(5), 5, (1,))) == [0, 1, 2, 3, 4]
    often = Counter(epoch_order(np.arange(5), 12, (1,)).tolist())
    assert sum(often.values()) == 12
    assert set(often.values()) == {2, 3}
    assert len(set(epoch_order(np.arange(100), 30, (1,)).tolist())) == 30


def test_emphasised_scans_are_shown_more_often() -> None:
    shown = replace(IMAGES, repeats=(3, *[1] * 7)).shown
    often = Counter(epoch_order(shown, 20, (1,)).tolist())
    assert often == {0: 6, **dict.fromkeys(range(1, 8), 2)}
    assert sorted(IMAGES.shown) == list(range(8))


def test_validation_sees_all_scans_as_the_plugin_does() -> None:
    batches = [make() for make in validation_batches(IMAGES, RECIPE.preprocessing, 3)]
    assert [len(inputs) for inputs, _ in batches] == [3, 3, 2]
    inputs = np.concatenate([pair[0] for pair in batches])
    for counts, seen in zip(IMAGES.counts, inputs, strict=True):
        np.testing.assert_array_equal(
            seen, prepare(counts.astype(np.float32), RECIPE.preprocessing)
        )


def test_the_truth_lies_where_the_counts_are() -> None:
    inputs, truth = example(
        ellipse_case(3).counts.astype(np.float32),
        ellipse_case(3).gland.astype(np.float32),
        RECIPE.preprocessing,
    )
    inside = truth[..., 0] > 0.5
    assert inputs[inside, 0].mean() > 2 * inputs[~inside, 0].mean()


def test_reduced_images_are_sums_of_blocks() -> None:
    counts = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8)
    mask = np.zeros((6, 8), bool)
    mask[:2, :3] = True
    small = reduced(Images((counts,), (mask,)), 4)
    assert small.counts[0].shape == (3, 4)
    assert small.counts[0].dtype == np.uint16
    assert small.counts[0][0, 0] == 0 + 1 + 8 + 9
    assert int(small.counts[0].sum()) == int(counts.sum())
    # A block belongs to the gland when half of it does.
    np.testing.assert_array_equal(small.masks[0][0], [True, True, False, False])


def test_images_that_are_not_twice_too_fine_stay_as_they_are() -> None:
    same = reduced(IMAGES, SIDE - 1)
    assert all(one is other for one, other in zip(same.counts, IMAGES.counts, strict=True))


def test_a_close_up_is_cut_out_of_as_many_pixels_as_the_network_sees() -> None:
    gland = np.zeros((512, 512), bool)
    gland[100:300, 150:250] = True
    region = square_around(gland, REGION)
    counts = region.cut(np.full(gland.shape, 9, np.uint16))
    for size in (32, 48, 64, 128):
        plan = CloseUp(margin=1.25, size=size)
        images = Images((counts,), (np.stack([region.cut(gland)] * 3, axis=-1),))
        mask = reduced(images, finest(plan, size)).masks[0]
        assert square_around(mask[..., 0], plan.margin).side >= size


def test_full_blocks_do_not_overflow() -> None:
    full = np.full((8, 8), 65535, np.uint16)
    assert reduced(Images((full,), (full > 0,)), 2).counts[0].max() == 65535


def test_a_scan_shifted_out_of_the_image_is_shown_as_it_was() -> None:
    counts = np.zeros((SIDE, SIDE), np.uint16)
    counts[0, 0] = 9
    corner = Images((counts,), (counts > 0,))
    recipe = RECIPE.model_copy(
        update={"augmentation": RECIPE.augmentation.model_copy(update={"shift": 1.0})}
    )
    for make in training_batches(corner, recipe, 1, 0):
        inputs, _ = make()
        assert (inputs[..., 0].max(axis=(1, 2)) > 0).all()


def test_prefetching_keeps_the_order() -> None:
    calls = iter([lambda number=number: (np.full(1, number), np.zeros(1)) for number in range(20)])
    assert [int(batch[0][0]) for batch in prefetched(calls)] == list(range(20))


def test_a_fault_while_making_a_batch_is_not_lost() -> None:
    def calls() -> Iterator[Callable[[], tuple[np.ndarray, np.ndarray]]]:
        yield lambda: (np.zeros(1), np.zeros(1))
        yield lambda: (_ for _ in ()).throw(RuntimeError("no more scans"))

    with pytest.raises(RuntimeError, match="no more scans"):
        list(prefetched(calls()))


def test_every_batch_has_a_map_for_each_reader_where_readers_differ_about_one_scan() -> None:
    masks = list(IMAGES.masks[:4])
    masks[2] = np.stack([masks[2], ~masks[2], masks[2]], axis=-1)
    images = Images(IMAGES.counts[:4], tuple(masks))
    batches = [make()[1] for make in validation_batches(images, RECIPE.preprocessing, 2)]
    assert [one.shape for one in batches] == [(2, SIDE, SIDE, 3)] * 2
    np.testing.assert_array_equal(batches[0][0, ..., 0], batches[0][0, ..., 1])
    np.testing.assert_allclose(batches[1][0, ..., 1], 1 - batches[1][0, ..., 0])
    epoch_of = training_batches(images, RECIPE, 1, 0)
    assert {make()[1].shape for make in epoch_of} == {(8, SIDE, SIDE, 3)}
