"""Train a network by a recipe: epoch after epoch, resumable after each of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from adjuvant.familiar import Familiar
from training.architectures import ARCHITECTURES, encoder, mean_of
from training.batches import (
    Images,
    for_stage,
    prefetched,
    training_batches,
    validation_batches,
)
from training.curves import Curves
from training.datasets.fingerprint import write_fingerprint
from training.devices import use_all
from training.errors import TrainingError
from training.familiar_scans import write_familiar
from training.foundation import Foundation, take_over
from training.losses import dice_and_cross_entropy, readings_of
from training.metrics import nearest_dice
from training.progress import progress_bar
from training.recipe import Recipe, Stage
from training.run_folder import (
    SCANS,
    Row,
    State,
    is_begun,
    keep_epoch,
    read_state,
    write_run,
    write_state,
)

Watch = tuple[Console, Curves]


@dataclass(frozen=True)
class Data:
    """Scans to learn from and, of other patients, to validate on; `patient_ids` of both.

    `fingerprint` is of the former (`training.datasets.fingerprint`), kept with the run, and so is
    which images they make `familiar`, None of too few. `glands` names the model that has outlined
    the glands of close-ups, and `scans` is the SHA-256 of all of them with their outlines.
    """

    training: Images
    validation: Images
    training_patients: int
    patient_ids: tuple[str, ...]
    simulated: bool = True
    fingerprint: dict[str, Any] = field(default_factory=dict)
    familiar: Familiar | None = None
    glands: str | None = None
    scans: str | None = None


def train(
    recipe: Recipe, data: Data, run: Path, console: Console, foundation: Foundation | None = None
) -> State:
    """Train into the folder `run`, from its last whole epoch where there is one.

    The best epoch of the last stage, by Dice on the validation scans, ends in `best.weights.h5`; or
    the last one, where the recipe keeps that.
    With a foundation, the first stage begins with what that network has learnt.
    Raises TrainingError when the folder holds a run of another recipe, foundation or other scans,
    for a recipe with several members, for one that freezes what has learnt nothing, and where
    several cards cannot share its batches.
    """
    check(recipe, foundation)
    use_all(recipe)
    _claim(recipe, data, run, foundation)
    state = read_state(run)
    keras.utils.set_random_seed(recipe.seed)
    with Curves(run, images_seen(recipe, state)) as curves:
        for number in range(state.stage, len(recipe.stages)):
            network = build(recipe, stage=number)
            if foundation is not None and state.weights is None:
                foundation.lend(network)
            state = _train_stage(network, recipe, data, (run, number, (console, curves)))
    return state


def check(recipe: Recipe, foundation: Foundation | None) -> None:
    """Raise TrainingError for a recipe that cannot be trained, or not from this foundation."""
    if recipe.network.members > 1:
        raise TrainingError(
            f"network.members is {recipe.network.members}: an ensemble is not trained as a whole; "
            "train its members with `cross-validate --ensemble`"
        )
    if foundation is not None:
        foundation.check(recipe)
    elif recipe.stages[0].frozen_encoder:
        raise TrainingError(
            "stages.0.frozen_encoder is true, but there is nothing yet that the encoder knows: "
            "begin with a released model (--from)"
        )


def images_seen(recipe: Recipe, state: State) -> int:
    """How many images the run has learnt from, all stages together."""
    batches = (recipe.stages[row["stage"]].batch for row in state.log)
    return sum(recipe.images_per_epoch // batch * batch for batch in batches)


def build(recipe: Recipe, precision: str | None = None, stage: int = -1) -> keras.Model:
    """A stage's network (the last one's is the recipe's) with fresh weights, at its own precision
    or the one given."""
    design = recipe.network.design(len(recipe.labels))
    if precision is not None:
        design = replace(design, precision=precision)
    name = recipe.stages[stage].architecture or recipe.network.architecture
    members = [ARCHITECTURES[name](design) for _ in range(recipe.network.members)]
    if recipe.stages[stage].frozen_encoder:
        for layer in (layer for member in members for layer in encoder(member)):
            layer.trainable = False
    return members[0] if len(members) == 1 else mean_of(members)


def learning_rate(stage: Stage, step: int, steps: int) -> float:
    """Linear rise over the warm-up, then a cosine down to a hundredth (SGDR, ICLR 2017)."""
    rise = max(1, round(stage.warm_up * steps))
    if step < rise:
        return stage.learning_rate * (step + 1) / rise
    part = (step - rise) / max(1, steps - rise)
    return stage.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))


def _claim(recipe: Recipe, data: Data, run: Path, foundation: Foundation | None) -> None:
    """Write what the run is made of, or check that the folder's run is made of the same."""
    content = {
        "recipe": recipe.model_dump(mode="json"),
        "images": len(data.training),
        "patients": data.training_patients,
        "patient_ids": list(data.patient_ids),
        "data": "simulated" if data.simulated else "clinical",
        "foundation": None if foundation is None else foundation.about(),
        "glands": data.glands,
        SCANS: data.scans,
    }
    if is_begun(run, content):
        return
    run.mkdir(parents=True, exist_ok=True)
    if data.fingerprint:
        write_fingerprint(run, data.fingerprint)
    if data.familiar is not None:
        write_familiar(run, data.familiar)
    if foundation is not None:
        foundation.keep(run)
    write_run(run, content)


def _train_stage(
    network: keras.Model, recipe: Recipe, data: Data, place: tuple[Path, int, Watch]
) -> State:
    """All epochs of one stage that are still to do."""
    run, number, watch = place
    stage = recipe.stages[number]
    state = read_state(run)
    training = for_stage(data.training, recipe, number)
    compile_for(network, recipe)
    if state.weights is not None:
        if state.epoch > 0:
            network.optimizer.build(network.trainable_variables)
            network.load_weights(run / state.weights)
        else:
            _grow_from(network, recipe, number - 1, run / state.weights)
    while not state.is_over(stage):
        title = f"stage {number + 1}/{len(recipe.stages)} epoch {state.epoch + 1}/{stage.epochs}"
        row = _train_epoch(network, recipe, training, (number, state.epoch, title, watch))
        row |= validate(network, recipe, data.validation, stage)
        watch[1].epoch(row)
        state = keep_epoch(network, recipe, run, state, row)
        watch[0].print(
            f"{title}  loss {row['loss']:.4f}  validation Dice {row['dice']:.4f}"
            f"  {row['images_per_s']:.1f} images/s"
        )
    if number + 1 < len(recipe.stages):
        state = state.next_stage()
        write_state(run, state)
    return state


def compile_for(network: keras.Model, recipe: Recipe) -> None:
    """A fresh optimizer; without XLA, which makes convolutions slower on a CPU."""
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=recipe.weight_decay, clipnorm=1.0)
    loss = dice_and_cross_entropy(recipe.missed, recipe.overlap)
    network.compile(optimizer, loss, jit_compile=False)


def with_weights(
    recipe: Recipe, weights: Path, *, precision: str | None = None, stage: int = -1
) -> keras.Model:
    """A stage's network as training has written it to a file, which holds the optimizer too."""
    network = build(recipe, precision, stage)
    compile_for(network, recipe)
    network.optimizer.build(network.trainable_variables)
    network.load_weights(weights)
    return network


def _grow_from(network: keras.Model, recipe: Recipe, stage: int, weights: Path) -> None:
    """Take over what the stage before has learnt, layer by layer, and nothing of its optimizer."""
    take_over(network, with_weights(recipe, weights, stage=stage))


def _train_epoch(
    network: keras.Model, recipe: Recipe, images: Images, place: tuple[int, int, str, Watch]
) -> Row:
    """One epoch; its mean loss and speed."""
    number, epoch, title, (console, curves) = place
    stage = recipe.stages[number]
    calls = list(training_batches(images, recipe, number, epoch))
    started, losses = time.monotonic(), []
    with progress_bar(console) as bar:
        task = bar.add_task(title, total=len(calls))
        for step, (inputs, truth) in enumerate(prefetched(iter(calls))):
            rate = learning_rate(stage, epoch * len(calls) + step, stage.epochs * len(calls))
            network.optimizer.learning_rate = rate
            loss = float(network.train_on_batch(inputs, truth))
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss} at {title}: lower stages.{number}.learning_rate, "
                    f"{stage.learning_rate:g}"
                )
            losses.append(loss)
            curves.step(stage.batch, loss, rate)
            bar.update(task, advance=1, description=f"{title} loss {np.mean(losses[-50:]):.4f}")
    seconds = time.monotonic() - started
    return {
        "stage": number,
        "epoch": epoch,
        "loss": float(np.mean(losses)),
        "images_per_s": len(calls) * stage.batch / seconds,
        "seconds": seconds,
    }


def validate(network: keras.Model, recipe: Recipe, images: Images, stage: Stage) -> Row:
    """Mean Dice with the nearest reading where there is something to find, and the part of all
    others that stay empty."""
    plan = replace(recipe.preprocessing, size=stage.size)
    dices, silent = [], []
    for inputs, truth in prefetched(validation_batches(images, plan, stage.batch)):
        found = np.asarray(network.predict_on_batch(inputs)) > recipe.threshold
        labels = found.shape[-1]
        certain = truth[..., labels:] > 0.5 if truth.shape[-1] == 2 * labels else True
        readings = [one[..., :labels] > 0.5 for one in readings_of(truth, labels)]
        answers_of = zip(*(every & certain for every in readings), strict=True)
        for one, answers in zip(found & certain, answers_of, strict=True):
            if answers[0].any():
                dices.append(nearest_dice(one, answers))
            else:
                silent.append(not one.any())
    return {
        "dice": float(np.mean(dices)) if dices else 0.0,
        "silent": float(np.mean(silent)) if silent else None,
    }
