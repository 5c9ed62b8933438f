"""Several cards train one network: each reads its part of every batch."""

from __future__ import annotations

import keras

from training.errors import TrainingError
from training.recipe import Recipe


def use_all(recipe: Recipe) -> int:
    """Share every batch among all cards of this machine; how many there are.

    Weights are on each of them, and gradients are summed (data parallelism). Keras does that on the
    JAX back end; the others train on one card. To be called before a network is built. Raises
    TrainingError where the cards cannot share a batch evenly.
    """
    if keras.backend.backend() != "jax":
        return 1
    devices = keras.distribution.list_devices()
    uneven = [stage.batch for stage in recipe.stages if stage.batch % len(devices)]
    if uneven:
        raise TrainingError(
            f"{len(devices)} devices cannot share batches of {uneven[0]}: choose a multiple of "
            f"{len(devices)}, or show fewer of them to the program (CUDA_VISIBLE_DEVICES)"
        )
    if len(devices) > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        )
    return len(devices)
