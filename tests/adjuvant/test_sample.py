"""A model's own sample says whether it still answers as it did when it was released."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjuvant.errors import ModelFault
from adjuvant.model import Model, SampleFile
from adjuvant.network import Network
from adjuvant.sample import (
    LOWEST_DICE,
    Sample,
    agreement,
    check_sample,
    quantised,
    read_sample,
    restored,
    write_sample,
)
from tests.networks import bright_network, model

SIZE = 64


@pytest.fixture
def network() -> Network:
    return bright_network(model(preprocessing={"size": SIZE}))


@pytest.fixture
def steps() -> np.ndarray:
    inputs = np.zeros((2, SIZE, SIZE, 2), np.float32)
    inputs[0, 10:40, 10:40, 0] = 0.9
    inputs[1, 20:30, 5:60, 0] = 1.7
    return quantised(inputs)


@pytest.fixture
def checked(network: Network, steps: np.ndarray, tmp_path: Path) -> Model:
    return network.model.model_copy(update={"sample": write_sample(tmp_path, steps, network)})


def sample_of(folder: Path, contract: Model) -> Sample:
    sample = read_sample(folder, contract)
    assert sample is not None
    return sample


def test_a_network_agrees_with_its_own_sample(
    network: Network, checked: Model, tmp_path: Path
) -> None:
    found = check_sample(network, sample_of(tmp_path, checked))
    assert found.mean_difference < 1e-3
    assert found.dice == 1


def test_what_the_network_sees_is_exactly_what_the_sample_keeps(steps: np.ndarray) -> None:
    assert np.array_equal(quantised(restored(steps)), steps)


def test_another_network_under_the_same_name_is_refused(
    network: Network, checked: Model, tmp_path: Path
) -> None:
    other = replace(network, run=lambda inputs: network.run(np.roll(inputs, 2, axis=1)))
    with pytest.raises(ModelFault, match=r"thyroid 0\.1\.0 does not answer its own sample on CPU"):
        check_sample(other, sample_of(tmp_path, checked))


def test_a_small_offset_everywhere_is_refused_though_the_outline_stays(
    network: Network, checked: Model, tmp_path: Path
) -> None:
    other = replace(network, run=lambda inputs: network.run(inputs) * np.float32(0.99))
    sample = sample_of(tmp_path, checked)
    assert agreement(other(sample.inputs), sample.expected, 0.5).dice == 1
    with pytest.raises(ModelFault, match=r"mean difference 0\.00\d+ "):
        check_sample(other, sample)


def test_pixels_at_the_threshold_may_fall_on_either_side() -> None:
    expected = np.zeros((1, 8, 8, 1), np.float32)
    expected[0, :2] = 0.9
    expected[0, 2] = 0.501
    answers = expected.copy()
    answers[0, 2] = 0.499
    assert agreement(answers, expected, 0.5).dice == 1
    answers[0, 1] = 0.1
    assert agreement(answers, expected, 0.5).dice < LOWEST_DICE


def test_the_worst_label_of_the_worst_input_decides() -> None:
    expected = np.full((2, 4, 4, 2), 0.9, np.float32)
    answers = expected.copy()
    answers[1, 2:, :, 1] = 0.1
    assert agreement(answers, expected, 0.5).dice == pytest.approx(2 * 8 / 24)


def test_a_version_without_a_sample_has_none(tmp_path: Path) -> None:
    assert read_sample(tmp_path, model()) is None


def test_an_altered_sample_is_refused(checked: Model, tmp_path: Path) -> None:
    with (tmp_path / "sample.npz").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelFault, match=r"sample\.npz has SHA-256 .*, but model\.json says"):
        read_sample(tmp_path, checked)


WRONG: dict[str, dict[str, Any]] = {
    "further arrays": {"other": np.zeros(1)},
    "objects": {"inputs": np.array([{}])},
    "another size": {"inputs": np.zeros((2, 32, 32, 2), np.uint8)},
    "another type": {"inputs": np.zeros((2, SIZE, SIZE, 2), np.float32)},
    "another number": {"inputs": np.zeros((3, SIZE, SIZE, 2), np.uint8)},
    "nothing": {
        "inputs": np.zeros((0, SIZE, SIZE, 2), np.uint8),
        "expected": np.zeros((0, SIZE, SIZE, 1), np.float16),
    },
    "a bomb": {"other": np.zeros(65 << 20, np.uint8)},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_does_not_suit_the_contract_is_refused(
    checked: Model, tmp_path: Path, case: str
) -> None:
    path = tmp_path / "sample.npz"
    with np.load(path) as arrays:
        held = dict(arrays)
    np.savez_compressed(path, **{**held, **WRONG[case]})
    contract = checked.model_copy(update={"sample": _entry(path)})
    with pytest.raises(ModelFault, match=r"sample\.npz"):
        read_sample(tmp_path, contract)


def test_what_is_no_archive_is_refused(checked: Model, tmp_path: Path) -> None:
    path = tmp_path / "sample.npz"
    path.write_bytes(b"PK\x03\x04 cut short")
    contract = checked.model_copy(update={"sample": _entry(path)})
    with pytest.raises(ModelFault, match=r"sample\.npz cannot be read"):
        read_sample(tmp_path, contract)


def test_a_sample_changes_no_digest(network: Network, checked: Model) -> None:
    assert checked.digest == network.model.digest


def _entry(path: Path) -> SampleFile:
    return SampleFile(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
