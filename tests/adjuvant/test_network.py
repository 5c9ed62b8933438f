"""A model is loaded and answers as trained, or is refused in one sentence that says why."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import threading
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from adjuvant.errors import ModelFault
from adjuvant.network import Network, load_network
from adjuvant.preprocess import CHANNELS

PLUGIN = Path(__file__).parents[2] / "plugin"
SIZE = 32


def small_network(
    channels: int = CHANNELS, labels: int = 1, activation: str = "sigmoid"
) -> keras.Model:
    """All kinds of layers that a U-Net is made of."""
    inputs = keras.Input((None, None, channels))
    fine = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    fine = keras.layers.ReLU()(keras.layers.BatchNormalization()(fine))
    coarse = keras.layers.Conv2D(4, 3, padding="same")(keras.layers.MaxPooling2D()(fine))
    joined = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D()(coarse)])
    return keras.Model(inputs, keras.layers.Conv2D(labels, 1, activation=activation)(joined))


def write_model(folder: Path, network: keras.Model | bytes, **output: Any) -> Path:
    """`folder` with these weights and a contract that fits them, but for what `output` changes."""
    size = output.pop("size", SIZE)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.keras"
    if isinstance(network, bytes):
        weights.write_bytes(network)
    else:
        network.save(weights)
    contract = {
        "name": "thyroid",
        "version": "0.1.0",
        "weights": {
            "file": weights.name,
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        },
        "preprocessing": {"size": size},
        "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 3, **output},
        "training": {
            "data": "simulated",
            "images": 1,
            "patients": 1,
            "recipe": "small",
            "commit": "none",
            "date": "2026-11-20",
        },
        "figures": {},
    }
    (folder / "model.json").write_text(json.dumps(contract))
    return folder


def scans(count: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(count).random((count, size, size, CHANNELS), np.float32)


def in_a_new_process(code: str, folder: Path, path: Path = PLUGIN) -> subprocess.CompletedProcess:
    """Run code that finds `folder` as argument, in a Python that has imported nothing yet."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{path}{os.pathsep}{PLUGIN}"}
    command = [sys.executable, "-B", "-c", textwrap.dedent(code), str(folder)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    """A network whose normalisation has seen data, so that training and inference differ."""
    keras.utils.set_random_seed(3)
    network = small_network()
    network.compile("sgd", "binary_crossentropy", jit_compile=False)
    for step in range(4):
        network.train_on_batch(3 * scans(4 + step), np.round(scans(4 + step)[..., :1]))
    return network


@pytest.fixture(scope="module")
def folder(trained: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), trained)


@pytest.fixture(scope="module")
def network(folder: Path) -> Network:
    return load_network(folder, device="cpu")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_frozen_network_answers_as_keras_does(
    network: Network, trained: keras.Model, count: int
) -> None:
    answer = network(scans(count))
    assert answer.shape == (count, SIZE, SIZE, 1)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, trained(scans(count), training=False), atol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_a_mirrored_network_answers_with_the_mean_of_both(
    trained: keras.Model, tmp_path: Path, count: int
) -> None:
    folder = write_model(tmp_path, trained)
    contract = json.loads((folder / "model.json").read_text())
    contract["output"]["mirrored"] = True
    (folder / "model.json").write_text(json.dumps(contract))
    inputs = scans(count)
    there, back = trained(inputs), np.asarray(trained(inputs[:, :, ::-1]))[:, :, ::-1]
    answer = load_network(folder, device="cpu")(inputs)
    assert answer.shape == (count, SIZE, SIZE, 1)
    np.testing.assert_allclose(answer, (there + back) / 2, atol=1e-4)
    assert np.abs(answer - there).max() > 1e-3


@pytest.mark.parametrize("size", [16, 48, 128])
def test_the_contract_decides_the_size(trained: keras.Model, tmp_path: Path, size: int) -> None:
    loaded = load_network(write_model(tmp_path, trained, size=size), device="cpu")
    np.testing.assert_allclose(
        loaded(scans(2, size)), trained(scans(2, size), training=False), atol=1e-4
    )


def test_several_labels_are_answered_in_their_order(tmp_path: Path) -> None:
    several = small_network(labels=3)
    labels = ["thyroid", "nodule", "marker"]
    loaded = load_network(write_model(tmp_path, several, labels=labels), device="cpu")
    np.testing.assert_allclose(loaded(scans(1)), several(scans(1), training=False), atol=1e-4)


def test_a_network_of_lower_precision_answers_in_float32(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, CHANNELS))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="bfloat16")
    half = keras.Model(inputs, layer(inputs))
    assert load_network(write_model(tmp_path, half), device="cpu")(scans(1)).dtype == np.float32


def test_it_answers_threads_that_run_at_the_same_time(network: Network) -> None:
    expected = {count: network(scans(count)) for count in range(1, 5)}
    answers: dict[int, np.ndarray] = {}

    def ask(count: int) -> None:
        for _ in range(5):
            answers[count] = network(scans(count))

    threads = [threading.Thread(target=ask, args=(count,)) for count in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for count, answer in expected.items():
        np.testing.assert_array_equal(answers[count], answer)


def test_it_is_loaded_by_a_thread_that_is_not_the_main_one(folder: Path) -> None:
    loaded: list[Network] = []
    thread = threading.Thread(target=lambda: loaded.append(load_network(folder, device="cpu")))
    thread.start()
    thread.join(60)
    assert loaded[0](scans(1)).shape == (1, SIZE, SIZE, 1)


def test_the_device_is_named(network: Network) -> None:
    assert network.device == "CPU"


@pytest.mark.parametrize("shape", [(SIZE, SIZE, 2), (1, SIZE, 31, 2), (1, SIZE, SIZE, 1)])
def test_inputs_of_a_wrong_shape_are_a_fault(network: Network, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelFault, match=r"thyroid 0\.1\.0 expects inputs \(n, 32, 32, 2\), got"):
        network(np.zeros(shape, np.float32))


def test_altered_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((folder / "model.json").read_bytes())
    weights = bytearray((folder / "weights.keras").read_bytes())
    weights[len(weights) // 2] ^= 1
    (tmp_path / "weights.keras").write_bytes(weights)
    with pytest.raises(ModelFault, match=r"has SHA-256 .* but model\.json says"):
        load_network(tmp_path, device="cpu")


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((folder / "model.json").read_bytes())
    with pytest.raises(ModelFault, match=r"cannot read .*weights\.keras: No such file"):
        load_network(tmp_path, device="cpu")


def test_files_that_hold_no_network_are_refused(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "weights.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as empty:
        empty.writestr("readme.txt", "nothing")
    with (
        zipfile.ZipFile(folder / "weights.keras") as full,
        zipfile.ZipFile(tmp_path / "shell.zip", "w") as shell,
    ):
        for name in ("config.json", "metadata.json"):
            shell.writestr(name, full.read(name))
    contents = [b"", b"not a network", whole[: len(whole) // 2]]
    contents += [(tmp_path / name).read_bytes() for name in ("empty.zip", "shell.zip")]
    for number, content in enumerate(contents):
        damaged = write_model(tmp_path / str(number), content)
        with pytest.raises(ModelFault, match=r"cannot load .*weights\.keras: .") as caught:
            load_network(damaged, device="cpu")
        assert "\n" not in str(caught.value)


def test_a_file_that_would_run_code_of_its_own_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, CHANNELS))
    hostile = keras.Model(inputs, keras.layers.Lambda(lambda x: x[..., :1])(inputs))
    with pytest.raises(ModelFault, match=r"cannot load .*weights\.keras: .*Lambda"):
        load_network(write_model(tmp_path, hostile), device="cpu")


def test_other_labels_than_the_contract_are_refused(trained: keras.Model, tmp_path: Path) -> None:
    two = write_model(tmp_path, trained, labels=["thyroid", "nodule"])
    message = r"answers with shape \(1, 32, 32, 1\), but its contract says \(1, 32, 32, 2\)"
    with pytest.raises(ModelFault, match=message):
        load_network(two, device="cpu")


def test_an_answer_on_another_matrix_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, CHANNELS))
    smaller = keras.layers.Conv2D(1, 1, strides=2, activation="sigmoid")(inputs)
    with pytest.raises(ModelFault, match=r"answers with shape \(1, 16, 16, 1\)"):
        load_network(write_model(tmp_path, keras.Model(inputs, smaller)), device="cpu")


def test_two_outputs_are_refused(tmp_path: Path) -> None:
    one = small_network()
    both = keras.Model(one.inputs, [one.outputs[0], keras.layers.Rescaling(0.5)(one.outputs[0])])
    with pytest.raises(ModelFault, match="the network has 2 outputs, but one is expected"):
        load_network(write_model(tmp_path, both), device="cpu")


def test_inputs_that_the_network_does_not_take_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match="the network does not take 32 x 32 images"):
        load_network(write_model(tmp_path, small_network(channels=3)), device="cpu")


def test_values_that_are_not_numbers_are_a_fault(tmp_path: Path) -> None:
    broken = small_network()
    last = broken.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, np.full_like(bias, np.nan)])
    with pytest.raises(ModelFault, match="values from nan to nan, not probabilities"):
        load_network(write_model(tmp_path, broken), device="cpu")


def test_answers_beyond_one_are_a_fault(tmp_path: Path) -> None:
    logits = small_network(activation="linear")
    last = logits.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([np.zeros_like(kernel), np.full_like(bias, 7)])
    with pytest.raises(ModelFault, match="values from 7 to 7, not probabilities"):
        load_network(write_model(tmp_path, logits), device="cpu")


def test_a_missing_tensorflow_is_one_sentence(folder: Path) -> None:
    code = """
        import sys
        from pathlib import Path

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "tensorflow":
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Missing())
        from adjuvant.errors import ModelFault
        from adjuvant.network import load_network
        try:
            load_network(Path(sys.argv[1]))
        except ModelFault as fault:
            print(fault)
    """
    answer = in_a_new_process(code, folder)
    assert answer.stdout == "TensorFlow is not installed: No module named 'tensorflow'\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("raise OSError('libtensorflow.so.2: cannot open shared object file')", "OSError: libt"),
        ("def half(", "SyntaxError: '(' was never closed"),
        (
            "from google.protobuf.runtime_version import VersionError\n"
            "raise VersionError('gencode 9.9.9 runtime 6.3.1')",
            "VersionError: gencode 9.9.9",
        ),
    ],
    ids=["library", "truncated", "protobuf"],
)
def test_a_broken_tensorflow_is_one_sentence(
    folder: Path, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(content)
    code = """
        import sys
        from pathlib import Path
        from adjuvant.errors import ModelFault
        from adjuvant.network import load_network
        try:
            load_network(Path(sys.argv[1]))
        except ModelFault as fault:
            print(fault)
    """
    answer = in_a_new_process(code, folder, tmp_path)
    assert answer.stdout.startswith(f"TensorFlow is broken: {message}"), answer.stderr
    assert answer.stdout.count("\n") == 1


def test_devices_and_threads_are_as_configured_or_a_fault(folder: Path) -> None:
    code = """
        import os, sys
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        from pathlib import Path
        from adjuvant.errors import ModelFault
        from adjuvant.network import load_network
        folder = Path(sys.argv[1])
        try:
            load_network(folder, device="gpu")
        except ModelFault as fault:
            print(fault)
        load_network(folder, threads=1)
        import tensorflow as tf
        print(tf.config.threading.get_intra_op_parallelism_threads())
        print(load_network(folder, threads=1).device)
        try:
            load_network(folder, threads=2)
        except ModelFault as fault:
            print(fault)
    """
    answer = in_a_new_process(code, folder)
    assert answer.stdout.splitlines() == [
        "TensorFlow sees no GPU, but the configured device is 'gpu'",
        "1",
        "CPU",
        "threads = 2 comes too late: TensorFlow already runs in this process",
    ], answer.stderr
    # What nothing stops TensorFlow from writing; see `_import_tensorflow`.
    known = ("WARNING: All log messages before absl", "oneDNN custom", "Could not find cuda")
    unknown = [line for line in answer.stderr.splitlines() if not any(one in line for one in known)]
    assert unknown == []
