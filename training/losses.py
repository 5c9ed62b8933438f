"""What training minimises, in `keras.ops` only."""

from __future__ import annotations

import keras
from keras import ops

# Pixels. Keeps the Dice term finite and gentle on images without gland: there, a network that
# marks 64 pixels in all pays one half.
SMOOTH = 64.0


def soft_dice(truth: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """1 - Dice of probabilities (n, rows, columns, labels), the mean over labels: (n,).

    V-Net (Milletari, 3DV 2016), without the squares: truth may be a fraction at the border.
    """
    truth = ops.cast(truth, "float32")
    probabilities = ops.cast(probabilities, "float32")
    shared = ops.sum(truth * probabilities, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(probabilities, axis=(1, 2))
    return ops.mean(1.0 - (2.0 * shared + SMOOTH) / (total + SMOOTH), axis=-1)


def cross_entropy(truth: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Binary cross-entropy, the mean over pixels and labels: (n,)."""
    truth = ops.cast(truth, "float32")
    probabilities = ops.cast(probabilities, "float32")
    return ops.mean(ops.binary_crossentropy(truth, probabilities), axis=(1, 2, 3))


def dice_and_cross_entropy(
    truth: keras.KerasTensor, probabilities: keras.KerasTensor
) -> keras.KerasTensor:
    """The sum of both: Dice for the overlap, cross-entropy for calibrated probabilities."""
    return soft_dice(truth, probabilities) + cross_entropy(truth, probabilities)
