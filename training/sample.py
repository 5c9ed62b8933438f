"""The sample that a model version carries: drawn scans, never a patient's, and its own answers.

`adjuvant.sample` checks it where the model is to run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjuvant.close_up import CloseUp, look_closer
from adjuvant.model import Model, read_model
from adjuvant.network import Network, load_network
from adjuvant.preprocess import Image, Preprocessing, prepare
from adjuvant.sample import quantised, write_sample
from training.errors import ReleaseError
from training.phantom.case import Case
from training.phantom.simulator import simulate_case

# Any scans will do: the answers to them are compared with themselves, and measure nothing.
SEED = 4711
SCANS = 2


def sample_steps(plan: Preprocessing | CloseUp) -> NDArray[np.uint8]:
    """Simulated scans as a network with this preprocessing sees them, in whole 64ths: uint8
    (SCANS, size, size, 2)."""
    cases = [simulate_case(SEED, number) for number in range(SCANS)]
    return quantised(np.stack([_input(case, plan) for case in cases]))


def _input(case: Case, plan: Preprocessing | CloseUp) -> Image:
    counts = case.counts.astype(np.float32)
    if isinstance(plan, CloseUp):
        return look_closer(counts, case.gland, plan)[0]
    return prepare(counts, plan)


def add_sample(folder: Path, network: Network) -> Model:
    """Write the sample of `network` into its version's folder; the contract that names it."""
    model = network.model
    sample = write_sample(folder, sample_steps(model.preprocessing), network)
    return model.model_copy(update={"sample": sample})


def completed(folder: Path) -> Model:
    """Give a released version without a sample one; the contract that names it, to be written.

    Everything else of the version stays as it is, its digest as well: the sample changes no
    result. Raises ReleaseError where it has one.
    """
    if read_model(folder).sample is not None:
        raise ReleaseError(f"{folder} has a sample; a released version never changes")
    return add_sample(folder, load_network(folder, device="cpu"))
