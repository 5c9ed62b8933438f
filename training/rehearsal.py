"""What a training will do, and how long it will take, before it starts."""

from __future__ import annotations

import time
from itertools import chain, count, islice

import keras
from rich.console import Console

from training.batches import for_stage, prefetched, training_batches
from training.devices import use_all
from training.recipe import Recipe
from training.train import Data, build, compile_for

WARM_UP_STEPS = 2
TIMED_STEPS = 8


def describe(recipe: Recipe, data: Data, console: Console) -> None:
    """Print the plan."""
    console.print(
        f"recipe {recipe.name} on the {keras.backend.backend()} back end: "
        f"{len(data.training)} scans of {data.training_patients} patients to learn from, "
        f"{len(data.validation)} of others to validate on"
    )
    for number, stage in enumerate(recipe.stages, start=1):
        console.print(
            f"stage {number}: {stage.epochs} epochs of {recipe.images_per_epoch} images at "
            f"{stage.size} x {stage.size}, batches of {stage.batch}"
        )


def rehearse(recipe: Recipe, data: Data, console: Console) -> None:
    """Train a few steps of every stage on weights that are thrown away; print the time it takes."""
    use_all(recipe)
    total = 0.0
    for number, stage in enumerate(recipe.stages):
        network = build(recipe, stage=number)
        seconds = _seconds_per_step(network, recipe, data, number)
        steps = recipe.images_per_epoch // stage.batch * stage.epochs
        total += seconds * steps
        console.print(f"stage {number + 1}: {stage.batch / seconds:.1f} images/s")
    console.print(
        f"{network.count_params():,} parameters; about {total / 60:.0f} minutes, without validation"
    )


def _seconds_per_step(network: keras.Model, recipe: Recipe, data: Data, number: int) -> float:
    """Mean time of a step once the graph is built, with the making of batches."""
    images = for_stage(data.training, recipe, number)
    compile_for(network, recipe)
    epochs = (training_batches(images, recipe, number, epoch) for epoch in count())
    calls = islice(chain.from_iterable(epochs), WARM_UP_STEPS + TIMED_STEPS)
    started = time.monotonic()
    for step, batch in enumerate(prefetched(calls), start=1):
        network.train_on_batch(*batch)
        if step == WARM_UP_STEPS:
            started = time.monotonic()
    return (time.monotonic() - started) / TIMED_STEPS
