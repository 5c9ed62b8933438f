"""What training minimises, in `keras.ops` only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import keras
from keras import ops

# Pixels. Keeps the Dice term finite and gentle on images without gland: there, a network that
# marks 64 pixels in all pays one half.
SMOOTH = 64.0

Tensor: TypeAlias = keras.KerasTensor


def soft_dice(truth: Tensor, probabilities: Tensor, missed: float = 0.5) -> Tensor:
    """1 - Dice of probabilities (n, rows, columns, labels), the mean over labels: (n,).

    V-Net (Milletari, 3DV 2016), without the squares: truth may be a fraction at the border.
    `missed` is the part that a missed pixel has in the error, a falsely marked one has the rest:
    at one half it is Dice, else the Tversky index (Salehi, MLMI 2017).
    """
    truth, weight = weighted(truth, probabilities)
    probabilities = ops.cast(probabilities, "float32") * weight
    shared = ops.sum(truth * probabilities, axis=(1, 2))
    misses = ops.sum(truth * weight, axis=(1, 2)) - shared
    false_marks = ops.sum(probabilities, axis=(1, 2)) - shared
    error = missed * misses + (1.0 - missed) * false_marks
    return ops.mean(error / (shared + error + SMOOTH / 2), axis=-1)


def cross_entropy(truth: Tensor, probabilities: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over pixels and labels: (n,)."""
    truth, weight = weighted(truth, probabilities)
    entropy = ops.binary_crossentropy(truth, ops.cast(probabilities, "float32"))
    return ops.mean(entropy * weight, axis=(1, 2, 3))


def readings_of(truth: Tensor, labels: int) -> list[Tensor]:
    """The truth by each reader: more than one where there are at least three times as many maps
    as labels, the first of which is the outline by the rule."""
    maps = truth.shape[-1]
    if maps < 3 * labels:
        return [truth]
    return [truth[..., first : first + labels] for first in range(0, maps, labels)]


def weighted(truth: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor | float]:
    """Truth and weight of each pixel, float32.

    Truth with twice as many maps as there are labels carries the weights behind the labels: 0
    where nobody can say what is right.
    """
    truth, labels = ops.cast(truth, "float32"), probabilities.shape[-1]
    if truth.shape[-1] == 2 * labels:
        return truth[..., :labels], truth[..., labels:]
    return truth, 1.0


def dice_and_cross_entropy(
    missed: float, overlap: float = 1.0
) -> Callable[[Tensor, Tensor], Tensor]:
    """The sum of both: Dice, times `overlap`, and cross-entropy for calibrated probabilities.

    Dice draws outlines well but makes the network answer yes or no: what it is not sure of, it
    denies. Where an operating point is to be chosen afterwards, cross-entropy alone keeps the
    doubtful apart from the impossible.

    Of several readings of an image (`readings_of`), the one that the network comes nearest to
    counts: whoever has to guess which of them is wanted draws something between them, which none
    of the readers would.
    """

    def loss(truth: Tensor, probabilities: Tensor) -> Tensor:
        readings = readings_of(truth, probabilities.shape[-1])
        if len(readings) == 1:
            return of_one(truth, probabilities)
        return ops.min(ops.stack([of_one(one, probabilities) for one in readings]), axis=0)

    def of_one(truth: Tensor, probabilities: Tensor) -> Tensor:
        entropy = cross_entropy(truth, probabilities)
        if overlap == 0:
            return entropy
        return overlap * soft_dice(truth, probabilities, missed) + entropy

    return loss
