"""Scans in memory, and the batches that a network is trained and validated on.

Every random choice follows from seed, stage, epoch and position, so that an interrupted training
that resumes sees exactly what it would have seen.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adjuvant.close_up import CloseUp, close_up_of, square_around
from adjuvant.errors import Refusal
from adjuvant.preprocess import Preprocessing, prepare, resampling, to_square
from training.augmentation import augment
from training.recipe import Recipe, Stage

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]

WORKERS = 2
AHEAD = 4
# Of the gland's size: what a close-up may show after its scan was turned, moved and scaled.
REGION = 2.0


@dataclass(frozen=True)
class Images:
    """Counts uint16 and masks bool, each (rows, columns), of any matrix.

    For close-ups a mask is a stack (rows, columns, 3): gland, nodules, what is neither right nor
    wrong. Of a whole image that may be read in several ways it is a stack too, one for each reader.
    `repeats` says how often each is shown while another is shown once; empty: all alike.
    """

    counts: tuple[NDArray[np.uint16], ...]
    masks: tuple[NDArray[np.bool_], ...]
    repeats: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def readers(self) -> int:
        """How many readings a whole image of these has, at most."""
        return max((mask.shape[2] for mask in self.masks if mask.ndim > 2), default=1)

    @property
    def shown(self) -> NDArray[np.int64]:
        """The numbers of the images, each as often as it is shown in one round."""
        return np.repeat(np.arange(len(self)), self.repeats or 1)


def finest(plan: Preprocessing | CloseUp, size: int) -> int:
    """How many pixels an image in memory needs along its side where the network sees `size`.

    A close-up is cut out of a larger region around the gland, which needs more.
    """
    return math.ceil(size * REGION / plan.margin) if isinstance(plan, CloseUp) else size


def reduced(images: Images, size: int) -> Images:
    """The same scans as a camera of larger pixels gives them, where `size` needs no finer ones.

    Sums of whole blocks of pixels: the noise stays Poisson, unlike after interpolation.
    """
    pairs = [_blocks(*pair, size) for pair in zip(images.counts, images.masks, strict=True)]
    return Images(
        tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), images.repeats
    )


def for_stage(images: Images, recipe: Recipe, number: int) -> Images:
    """The scans as they are kept in memory while the stage with this number is trained."""
    return reduced(images, finest(recipe.preprocessing, recipe.stages[number].size))


def _blocks(
    counts: NDArray[np.uint16], mask: NDArray[np.bool_], size: int
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Sum counts and take the majority of the mask in blocks of pixels."""
    factor = max(counts.shape) // size
    if factor < 2:
        return counts, mask
    rows, columns = (max(1, side // factor) for side in counts.shape)
    inside = np.s_[: rows * factor, : columns * factor]
    blocks = (rows, factor, columns, factor)
    total = counts[inside].reshape(blocks).sum(axis=(1, 3), dtype=np.int64)
    majority = mask[inside].reshape(*blocks, *mask.shape[2:]).mean(axis=(1, 3)) >= 0.5
    return np.minimum(total, np.iinfo(np.uint16).max).astype(np.uint16), majority


def example(
    counts: NDArray[np.float32], mask: NDArray[np.float32], plan: Preprocessing | CloseUp
) -> Batch:
    """What the network sees (size, size, 2) and should answer (size, size, 1), fractions at edges.

    The answer of a close-up has its weights behind it: (size, size, 2). Where readers differ, each
    reader's answer is one map. Raises Refusal as `prepare` does, and where there is no gland to
    look at.
    """
    if isinstance(plan, CloseUp):
        return _close_up(counts, mask, plan)
    inputs = prepare(counts, plan)
    readings = np.atleast_3d(mask)
    maps = [to_square(readings[..., n], plan.size) for n in range(readings.shape[-1])]
    return inputs, np.stack(maps, axis=-1)


def _close_up(counts: NDArray[np.float32], masks: NDArray[np.float32], plan: CloseUp) -> Batch:
    gland = masks[..., 0] > 0.5
    if not gland.any():
        raise Refusal("no-gland", "there is no gland to look at")
    square = square_around(gland, plan.margin)
    inputs = close_up_of(square.cut(counts), square.cut(gland), plan)
    matrix = resampling(square.side, plan.size)
    nodules, unclear = (matrix @ square.cut(masks[..., n]) @ matrix.T for n in (1, 2))
    return inputs, np.stack([nodules, (unclear < 0.5).astype(np.float32)], axis=-1)


def training_batches(
    images: Images, recipe: Recipe, stage: int, epoch: int
) -> Iterator[Callable[[], Batch]]:
    """One epoch as calls that make a batch each."""
    plan = recipe.stages[stage]
    order = epoch_order(images.shown, recipe.images_per_epoch, (recipe.seed, stage, epoch))
    for first in range(0, len(order) - plan.batch + 1, plan.batch):
        chosen = order[first : first + plan.batch]
        keys = [(recipe.seed, stage, epoch, first + offset) for offset in range(plan.batch)]
        yield partial(_make, images, recipe, plan, chosen, keys)


def epoch_order(shown: NDArray[np.int64], wanted: int, key: Sequence[int]) -> NDArray[np.int64]:
    """Which images an epoch sees: `shown` shuffled, round after round, until there are enough."""
    generator = np.random.default_rng(key)
    rounds = -(-wanted // len(shown))
    order = np.concatenate([generator.permutation(shown) for _ in range(rounds)])
    return order[:wanted]


def _make(
    images: Images,
    recipe: Recipe,
    stage: Stage,
    chosen: NDArray[np.int64],
    keys: list[tuple[int, int, int, int]],
) -> Batch:
    """One batch of augmented examples."""
    plan = replace(recipe.preprocessing, size=stage.size)
    examples = []
    for index, key in zip(chosen, keys, strict=True):
        counts, mask = images.counts[index], images.masks[index]
        changed = augment(counts, mask, recipe.augmentation, np.random.default_rng(key))
        try:
            examples.append(example(*changed, plan))
        except Refusal:
            # A shift can leave nothing but empty pixels: then the scan as it was.
            examples.append(example(counts.astype(np.float32), mask.astype(np.float32), plan))
    return _together(examples, images.readers)


def _together(examples: Sequence[Batch], readers: int) -> Batch:
    """Examples as one batch; an answer that all readers agree on stands for each of them, so that
    every batch of a training has the same shape."""
    inputs, answers = zip(*examples, strict=True)
    alike = [one if one.shape[-1] > 1 else np.repeat(one, readers, axis=-1) for one in answers]
    return np.stack(inputs), np.stack(alike)


def validation_batches(
    images: Images, plan: Preprocessing | CloseUp, batch: int
) -> Iterator[Callable[[], Batch]]:
    """The scans as they are, in order, as calls that make a batch each."""

    def make(first: int) -> Batch:
        pairs = [
            example(counts.astype(np.float32), mask.astype(np.float32), plan)
            for counts, mask in zip(
                images.counts[first : first + batch],
                images.masks[first : first + batch],
                strict=True,
            )
        ]
        return _together(pairs, images.readers)

    for first in range(0, len(images), batch):
        yield partial(make, first)


def prefetched(calls: Iterator[Callable[[], Batch]]) -> Iterator[Batch]:
    """The batches in order, made by threads a few ahead (numpy and scipy release the GIL)."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for call in calls:
                waiting.append(pool.submit(call))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
