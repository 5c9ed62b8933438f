"""A model's own sample: a few inputs with the answers that it gave where it was released.

It says whether the same weights still answer the same here: on this processor or card, with this
TensorFlow. Both arrays are kept small: inputs as whole 64ths (exact, as the expected answer is to
these), probabilities as float16 (an error of 0.0005 at most).
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from adjuvant.errors import ModelFault
from adjuvant.model import Model, SampleFile, released_file
from adjuvant.network import Batch, Network
from adjuvant.preprocess import CHANNELS

SAMPLE_FILE = "sample.npz"
STEPS = 64
ARRAYS = ("expected", "inputs")
LARGEST = 64 << 20  # bytes, unpacked

# Measured (docs/models.md): SSE 4.1 to AVX-512, with and without oneDNN 1e-6 and 1.0; with the
# coarser products of graphics cards 4e-6 (TF32) to 2e-5 (bfloat16) and 1.0; a tenth of noise on the
# weights 1.3e-3 and 0.986.
LARGEST_MEAN_DIFFERENCE = 0.0005
LOWEST_DICE = 0.99
# Pixels so near the threshold may fall on either side of it, as in a label of few pixels one might.
UNDECIDED = 0.05


@dataclass(frozen=True)
class Sample:
    """`inputs` float32 (n, size, size, 2), `expected` probabilities float32 (n, size, size,
    labels)."""

    inputs: Batch
    expected: Batch


@dataclass(frozen=True)
class Agreement:
    """How near an answer is to the expected one: mean absolute difference of probabilities, and
    the lowest Dice of any label's area above the model's threshold (1 where both are empty),
    without the pixels that were expected within UNDECIDED of it."""

    mean_difference: float
    dice: float


def quantised(inputs: Batch) -> NDArray[np.uint8]:
    """Inputs as a sample keeps them: whole 64ths, at most 255 of them."""
    steps: NDArray[np.uint8] = np.clip(np.rint(inputs * STEPS), 0, 255).astype(np.uint8)
    return steps


def restored(steps: NDArray[np.uint8]) -> Batch:
    """What the network sees of them, float32."""
    return steps.astype(np.float32) / np.float32(STEPS)


def write_sample(folder: Path, steps: NDArray[np.uint8], network: Network) -> SampleFile:
    """Write `folder/sample.npz` with what `network` answers to `steps`; the contract's entry."""
    path = folder / SAMPLE_FILE
    expected = network(restored(steps)).astype(np.float16)
    np.savez_compressed(path, inputs=steps, expected=expected)
    return SampleFile(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def read_sample(folder: Path, model: Model) -> Sample | None:
    """The sample of a model, None where it has none.

    Raises ModelFault where the file is not the released one, or does not suit the contract.
    """
    if model.sample is None:
        return None
    path = released_file(folder, model.sample)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST:
            raise ModelFault(f"{path} unpacks to {unpacked} bytes, above {LARGEST}")
        with np.load(path, allow_pickle=False) as arrays:
            return _suiting(path, arrays, model)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as fault:
        raise ModelFault(f"{path} cannot be read: {fault}") from fault


def _suiting(path: Path, arrays: NpzFile, model: Model) -> Sample:
    if sorted(arrays.files) != list(ARRAYS):
        raise ModelFault(f"{path} has to hold {', '.join(ARRAYS)}, got {sorted(arrays.files)}")
    inputs, expected = arrays["inputs"], arrays["expected"]
    size, labels = model.preprocessing.size, len(model.output.labels)
    wanted = ((size, size, CHANNELS), (size, size, labels))
    if not (
        inputs.dtype == np.uint8
        and expected.dtype == np.float16
        and (inputs.shape[1:], expected.shape[1:]) == wanted
        and inputs.ndim == expected.ndim == 4
        and len(inputs) == len(expected) > 0
    ):
        raise ModelFault(
            f"{path} does not suit model.json: inputs {inputs.dtype} {inputs.shape}, "
            f"expected {expected.dtype} {expected.shape}"
        )
    return Sample(restored(inputs), expected.astype(np.float32))


def check_sample(network: Network, sample: Sample) -> Agreement:
    """Run the network on its sample. Raises ModelFault where it does not answer as expected."""
    answers = np.concatenate([network(one[None]) for one in sample.inputs])
    found = agreement(answers, sample.expected, network.model.output.threshold)
    if found.mean_difference > LARGEST_MEAN_DIFFERENCE or found.dice < LOWEST_DICE:
        raise ModelFault(
            f"{network.name} does not answer its own sample on {network.device} as it did when it "
            f"was released: mean difference {found.mean_difference:.5f} (at most "
            f"{LARGEST_MEAN_DIFFERENCE}), Dice {found.dice:.4f} (at least {LOWEST_DICE})"
        )
    return found


def agreement(answers: Batch, expected: Batch, threshold: float) -> Agreement:
    """Compare probabilities, both float32 (n, size, size, labels)."""
    difference = float(np.abs(answers - expected).mean(dtype=np.float64))
    decided = np.abs(expected - threshold) >= UNDECIDED
    ours, theirs = (answers >= threshold) & decided, (expected >= threshold) & decided
    axes = (1, 2)
    total = ours.sum(axis=axes) + theirs.sum(axis=axes)
    both = (ours & theirs).sum(axis=axes)
    dice = np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)
    return Agreement(difference, float(dice.min()))
