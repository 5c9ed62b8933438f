"""A released model as the beginning of a new training: transfer learning."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from adjuvant.model import Model, read_model, released_file
from training.errors import TrainingError
from training.recipe import Recipe

# A run's copy of what it began with: a release may go a part of the way back to it.
FOUNDATION_FILE = "foundation.keras"


@dataclass(frozen=True)
class Foundation:
    """The contract and the weights file of the model that a training begins with."""

    model: Model
    weights: Path

    def check(self, recipe: Recipe) -> None:
        """Raise TrainingError where the model saw its scans otherwise than the recipe shows them.

        Only the size may differ: the networks are fully convolutional.
        """
        theirs = replace(self.model.preprocessing, size=recipe.preprocessing.size)
        if theirs != recipe.preprocessing:
            raise TrainingError(
                f"{self.name} was trained with preprocessing {theirs}, "
                f"but the recipe has {recipe.preprocessing}"
            )

    def lend(self, network: keras.Model) -> None:
        """Give its layers to those of `network` of the same name and shape.

        Raises TrainingError where there is none.
        """
        if not take_over(network, self.network()):
            raise TrainingError(f"no layer of {self.name} fits the recipe's network")

    def network(self) -> keras.Model:
        """Its network, on whatever back end Keras has."""
        return _read(self.weights)

    def keep(self, run: Path) -> None:
        """Leave a copy of its weights in the run."""
        shutil.copyfile(self.weights, run / FOUNDATION_FILE)

    def about(self) -> dict[str, Any]:
        """What `run.json` keeps of it."""
        return {
            "model": self.name,
            "digest": self.model.digest,
            "seeds": list(self.model.training.seeds),
            "data": self.model.training.data,
        }

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self.model.name} {self.model.version}"


def read_foundation(folder: Path) -> Foundation:
    """A released model version. Raises ModelFault where it is not whole."""
    model = read_model(folder)
    return Foundation(model, released_file(folder, model.weights))


def go_back(network: keras.Model, run: Path, share: float) -> None:
    """Move each weight of what `run` has learnt by `share` of the way back to where it began.

    Between the two lie networks that hold what both know (WiSE-FT: Wortsman et al., CVPR 2022).
    Layers that the foundation has not stay as they are. Raises TrainingError where the run has
    none, or shares no layer with it.
    """
    path = run / FOUNDATION_FILE
    if not path.exists():
        raise TrainingError(
            f"{run} has no {FOUNDATION_FILE}: it did not begin with a model, or was made before "
            "runs kept a copy of it"
        )
    learnt = {layer.name: layer.get_weights() for layer in network.layers}
    if not take_over(network, _read(path)):
        raise TrainingError(f"no layer of {path} fits the run's network")
    for layer in network.layers:
        pairs = zip(learnt[layer.name], layer.get_weights(), strict=True)
        layer.set_weights([(1 - share) * new + share * old for new, old in pairs])


def _read(weights: Path) -> keras.Model:
    return keras.models.load_model(weights, compile=False, safe_mode=True)


def take_over(network: keras.Model, other: keras.Model) -> int:
    """Copy weights between layers of the same name and shapes; how many layers with weights."""
    learnt = {layer.name: layer.get_weights() for layer in other.layers}
    taken = 0
    for layer in network.layers:
        values, own = learnt.get(layer.name, []), layer.get_weights()
        if own and [value.shape for value in values] == [value.shape for value in own]:
            layer.set_weights(values)
            taken += 1
    return taken
