"""Where memory is short, fewer frames are read at once; where it is too short, that is said."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from adjuvant.errors import ModelFault
from adjuvant.network import Network, load_network
from tests.adjuvant.test_network import CHANNELS, SIZE, scans, write_model
from tests.networks import model


def limited(frames: int, seen: list[int]) -> Network:
    """A network that has memory for so many frames; it answers with half of channel 0."""

    def run(inputs: np.ndarray) -> np.ndarray:
        seen.append(len(inputs))
        if len(inputs) > frames:
            raise MemoryError
        return inputs[..., :1] / 2

    return Network(model(preprocessing={"size": SIZE}), "CPU", run)


@pytest.mark.parametrize(
    ("frames", "batches"),
    [(5, [5]), (4, [5, 3, 2]), (2, [5, 3, 2, 1, 2]), (1, [5, 3, 2, 1, 1, 1, 2, 1, 1])],
)
def test_batches_become_smaller_and_the_order_stays(frames: int, batches: list[int]) -> None:
    seen: list[int] = []
    inputs = scans(5)
    np.testing.assert_array_equal(limited(frames, seen)(inputs), inputs[..., :1] / 2)
    assert seen == batches


def test_without_memory_for_one_frame_the_network_says_so() -> None:
    seen: list[int] = []
    with pytest.raises(MemoryError, match=r"thyroid 0\.1\.0 has not enough memory for a single"):
        limited(0, seen)(scans(4))
    assert seen == [4, 2, 1]


def test_what_tensorflow_cannot_allocate_is_no_failure_of_the_scan(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, CHANNELS))
    grown = keras.layers.UpSampling2D(1 << 16)(keras.layers.Conv2D(1, 1)(inputs))  # 17 TB
    smaller = keras.layers.AveragePooling2D(1 << 16)(grown)
    folder = write_model(tmp_path, keras.Model(inputs, keras.layers.ReLU()(smaller)))
    with pytest.raises(ModelFault, match=r"memory does not suffice to run .*weights\.keras on CPU"):
        load_network(folder, device="cpu")
