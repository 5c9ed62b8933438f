"""The gland in which a network learns to look for nodules: outlined as it will be when it is used.

Whoever draws an outline by hand, or knows it from a simulation, draws it with the nodules in mind:
where one bites the margin, it runs straight across. A network that learns inside such outlines
learns to read nodules off them, and misses those nodules where another network has outlined the
gland without knowing of any. Measured on cold-nodules 0.3.0, which learnt like that (642 simulated
scans): 92 % of the detectable nodules found inside the true outlines, 79 % inside of those by
thyroid 0.4.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adjuvant.network import Batch, Network, with_mirror_image
from adjuvant.preprocess import Mask
from training.evaluate import outline
from training.foundation import read_foundation
from training.phantom.case import Case


@dataclass(frozen=True)
class Outliner:
    """Name and version of a model, and the gland as the plugin outlines it with that model: bool
    (rows, columns), empty where it would refuse the scan."""

    name: str
    gland_of: Callable[[Case], Mask] = field(repr=False)


def read_outliner(folder: Path) -> Outliner:
    """On any back end of Keras. Raises ModelFault where the model is not whole; where it reads
    close-ups, `gland_of` does."""
    released = read_foundation(folder)
    network = released.network()

    def run(inputs: Batch) -> Batch:
        return np.asarray(network.predict_on_batch(inputs), np.float32)

    mirrored = released.model.output.mirrored
    answer = with_mirror_image(run) if mirrored else run
    gland_network = Network(released.model, "Keras", answer)
    return Outliner(released.name, lambda case: outline(case, gland_network))
