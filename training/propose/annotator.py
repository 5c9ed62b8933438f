"""A simulated annotator draws what `ranking` proposes, another one what chance proposes.

Both begin with the same few scans, train the same small network from nothing at every round, have
it draft the next scans, and draw these: their outline is the simulator's truth. Measured are the
network on the same scans of other patients, and how far the drafts were from what was drawn: the
work that a draft leaves to do. It answers one question, how many drawn scans proposals save, for
a network of this size on simulated scans; not how long a physician takes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from adjuvant.preprocess import Preprocessing, prepare
from training.batches import Images, reduced
from training.collect.collection import write_whole
from training.dataset import Entry, read_case, read_index, split_patients
from training.loading import whole_image
from training.metrics import dice
from training.progress import progress_bar
from training.propose.ranking import choose, descriptor, expected_error
from training.recipe import Network, Recipe, Stage
from training.run_folder import BEST_FILE
from training.train import Data, train, with_weights

STUDY = "study.json"
PROPOSED, BY_CHANCE = "proposed", "by chance"
POOL, TEST = "pool", "test"
GOOD = 0.9
QUIET = Console(quiet=True)


@dataclass(frozen=True)
class Plan:
    """`drawn` is how many scans are drawn at each round, `repeats` how often all begins anew with
    other scans; `test` of the patients are measured on. `size` is in pixels."""

    drawn: tuple[int, ...] = (6, 12, 24, 48)
    repeats: int = 5
    test: float = 0.25
    size: int = 64
    filters: int = 8
    depth: int = 3
    epochs: int = 8
    images_per_epoch: int = 640

    def recipe(self, seed: int) -> Recipe:
        """How the network is trained at each round, whatever the number of drawn scans."""
        stage = Stage(size=self.size, epochs=self.epochs, batch=16, learning_rate=4e-3)
        return Recipe(
            name="annotator",
            model="thyroid",
            seed=seed,
            images_per_epoch=self.images_per_epoch,
            network=Network(filters=self.filters, depth=self.depth),
            preprocessing=Preprocessing(size=self.size),
            stages=(stage,),
        )


@dataclass(frozen=True)
class Round:
    """The network after so many drawn scans. `dice` is the mean over the test scans with a gland,
    `good` the part of them from Dice 0.9 on; `drafts` the mean Dice of the drafts of what is drawn
    next against what is drawn, None in the last round."""

    strategy: str
    repeat: int
    drawn: int
    dice: float
    good: float
    drafts: float | None


@dataclass
class Study:
    """What it was made with, and its rounds."""

    plan: Plan
    pool: int
    test: int
    rounds: list[Round] = field(default_factory=list)


@dataclass(frozen=True)
class Scans:
    """Scans on the network's matrix: `images`, and for each its `inputs` (n, size, size, 2)."""

    images: Images
    inputs: NDArray[np.float32]
    pictures: NDArray[np.float64]


def simulate_annotator(folder: Path, out: Path, plan: Plan, console: Console) -> Study:
    """Draw by both strategies from the data set in `folder`; `out`/study.json grows by repeat.

    Raises DatasetError where there is no data set, ValueError where it has too few scans.
    """
    sides = split_patients(read_index(folder), {POOL: 1 - plan.test, TEST: plan.test}, seed=0)
    pool, test = (_load(folder, sides[side], plan.size, console) for side in (POOL, TEST))
    if len(pool.images) < plan.drawn[-1]:
        raise ValueError(
            f"{folder} has {len(pool.images)} scans to draw, the plan needs {plan.drawn[-1]}"
        )
    study = Study(plan, len(pool.images), len(test.images))
    for repeat in range(plan.repeats):
        first = _first(plan, repeat, pool)
        network = _trained(plan.recipe(repeat), pool.images, first)
        for strategy, draw in STRATEGIES.items():
            for one in _draw((plan, repeat), draw, (pool, test), (network, first)):
                study.rounds.append(Round(strategy, repeat, *one))
                console.print(f"{strategy} {study.rounds[-1]}")
        write_whole(out / STUDY, (json.dumps(asdict(study), indent=1) + "\n").encode())
    return study


def read_study(folder: Path) -> Study:
    """The study that was written there."""
    content = json.loads((folder / STUDY).read_text("utf-8"))
    plan = Plan(**{**content["plan"], "drawn": tuple(content["plan"]["drawn"])})
    rounds = [Round(**one) for one in content["rounds"]]
    return Study(plan, content["pool"], content["test"], rounds)


Draw = Callable[[NDArray[np.float32], Scans, list[int], int, np.random.Generator], Sequence[int]]


def _proposed(
    probabilities: NDArray[np.float32],
    pool: Scans,
    drawn: list[int],
    number: int,
    chance: np.random.Generator,
) -> list[int]:
    left = _left(pool, drawn)
    errors = [expected_error(probabilities[one], 0.5) for one in left]
    chosen = choose(errors, pool.pictures[left], pool.pictures[drawn], number)
    return [left[one] for one in chosen]


def _by_chance(
    probabilities: NDArray[np.float32],
    pool: Scans,
    drawn: list[int],
    number: int,
    chance: np.random.Generator,
) -> list[int]:
    return [int(one) for one in chance.permutation(_left(pool, drawn))[:number]]


STRATEGIES: dict[str, Draw] = {PROPOSED: _proposed, BY_CHANCE: _by_chance}


def _left(pool: Scans, drawn: list[int]) -> list[int]:
    known = set(drawn)
    return [one for one in range(len(pool.images)) if one not in known]


def _first(plan: Plan, repeat: int, pool: Scans) -> list[int]:
    """The scans with which both strategies begin."""
    chance = np.random.default_rng(repeat)
    return [int(one) for one in chance.permutation(len(pool.images))[: plan.drawn[0]]]


def _draw(
    work: tuple[Plan, int], draw: Draw, scans: tuple[Scans, Scans], begin: tuple[Any, list[int]]
) -> Iterator[tuple[int, float, float, float | None]]:
    """(drawn, Dice, part that is good, Dice of the next drafts) of every round."""
    (plan, repeat), (pool, test), (network, drawn) = work, scans, begin
    chance = np.random.default_rng((repeat, 1))
    for number, wanted in zip(plan.drawn, (*plan.drawn[1:], None), strict=True):
        dices = _dices(test.images.masks, _probabilities(network, test.inputs))
        about = number, float(np.mean(dices)), float(np.mean([one >= GOOD for one in dices]))
        if wanted is None:
            yield *about, None
            return
        probabilities = _probabilities(network, pool.inputs)
        new = list(draw(probabilities, pool, drawn, wanted - number, chance))
        drafts = _dices([pool.images.masks[one] for one in new], probabilities[new])
        yield *about, float(np.mean(drafts)) if drafts else None
        drawn = [*drawn, *new]
        network = _trained(plan.recipe(repeat), pool.images, drawn)


def _trained(recipe: Recipe, images: Images, drawn: list[int]) -> keras.Model:
    """A network that has learnt what was drawn and nothing else."""
    scans = _some(images, drawn)
    # The epoch that fits the drawn scans best: six scans are too few to keep some of them apart.
    data = Data(scans, scans, len(drawn), ("annotator",))
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, data, Path(folder) / "run", QUIET)
        return with_weights(recipe, Path(folder) / "run" / BEST_FILE)


def _some(images: Images, places: list[int]) -> Images:
    return Images(
        tuple(images.counts[one] for one in places), tuple(images.masks[one] for one in places)
    )


def _probabilities(network: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, size, size)."""
    answers = [
        np.asarray(network.predict_on_batch(inputs[first : first + 64]))[..., 0]
        for first in range(0, len(inputs), 64)
    ]
    return np.concatenate(answers).astype(np.float32)


def _dices(truths: Sequence[NDArray[np.bool_]], probabilities: NDArray[np.float32]) -> list[float]:
    """Of each scan that shows a gland; where readings differ, with the outline by the rule."""
    outlines = (truth if truth.ndim == 2 else truth[..., 0] for truth in truths)
    pairs = zip(outlines, probabilities, strict=True)
    return [dice(found >= 0.5, truth) for truth, found in pairs if truth.any()]


def _load(folder: Path, entries: list[Entry], size: int, console: Console) -> Scans:
    """Counts and truth as a camera of `size` pixels gives them; only square scans of such a size
    that whole pixels are summed, and no flat ones."""
    counts, masks = [], []
    with progress_bar(console) as bar:
        for entry in bar.track(entries, description="reading scans"):
            pair = whole_image(read_case(folder, entry))
            if pair is None:
                continue
            small = reduced(Images((pair[0],), (pair[1],)), size)
            if small.counts[0].shape == (size, size):
                counts.append(small.counts[0])
                masks.append(small.masks[0])
    if not counts:
        raise ValueError(f"{folder} has no scan for a network of {size} pixels")
    plan = Preprocessing(size=size)
    inputs = np.stack([prepare(one.astype(np.float32), plan) for one in counts])
    pictures = np.stack([descriptor(one) for one in inputs])
    return Scans(Images(tuple(counts), tuple(masks)), inputs, pictures)
