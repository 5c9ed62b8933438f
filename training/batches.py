"""Scans in memory, and the batches that a network is trained and validated on.

Every random choice follows from seed, stage, epoch and position, so that an interrupted training
that resumes sees exactly what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adjuvant.errors import Refusal
from adjuvant.preprocess import Preprocessing, prepare, to_square
from training.augmentation import augment
from training.recipe import Recipe, Stage

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]

WORKERS = 2
AHEAD = 4


@dataclass(frozen=True)
class Images:
    """Counts uint16 and masks bool, each (rows, columns), of any matrix."""

    counts: tuple[NDArray[np.uint16], ...]
    masks: tuple[NDArray[np.bool_], ...]

    def __len__(self) -> int:
        return len(self.counts)


def reduced(images: Images, size: int) -> Images:
    """The same scans as a camera of larger pixels gives them, where `size` needs no finer ones.

    Sums of whole blocks of pixels: the noise stays Poisson, unlike after interpolation.
    """
    pairs = [_blocks(*pair, size) for pair in zip(images.counts, images.masks, strict=True)]
    return Images(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


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
    majority = mask[inside].reshape(blocks).mean(axis=(1, 3)) >= 0.5
    return np.minimum(total, np.iinfo(np.uint16).max).astype(np.uint16), majority


def example(
    counts: NDArray[np.float32], mask: NDArray[np.float32], plan: Preprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the network sees (size, size, 2) and should answer (size, size, 1), fractions at edges.

    Raises Refusal as `prepare` does.
    """
    inputs = prepare(counts, plan)
    return inputs, to_square(mask, plan.size)[..., None]


def training_batches(
    images: Images, recipe: Recipe, stage: int, epoch: int
) -> Iterator[Callable[[], Batch]]:
    """One epoch as calls that make a batch each."""
    plan = recipe.stages[stage]
    order = epoch_order(len(images), recipe.images_per_epoch, (recipe.seed, stage, epoch))
    for first in range(0, len(order) - plan.batch + 1, plan.batch):
        chosen = order[first : first + plan.batch]
        keys = [(recipe.seed, stage, epoch, first + offset) for offset in range(plan.batch)]
        yield lambda chosen=chosen, keys=keys: _make(images, recipe, plan, chosen, keys)


def epoch_order(available: int, wanted: int, key: Sequence[int]) -> NDArray[np.int64]:
    """Which images an epoch sees: shuffled, each as often as any other give or take one."""
    generator = np.random.default_rng(key)
    rounds = -(-wanted // available)
    order = np.concatenate([generator.permutation(available) for _ in range(rounds)])
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
    return np.stack([pair[0] for pair in examples]), np.stack([pair[1] for pair in examples])


def validation_batches(
    images: Images, plan: Preprocessing, batch: int
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
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])

    for first in range(0, len(images), batch):
        yield lambda first=first: make(first)


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
