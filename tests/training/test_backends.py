"""The same code trains with JAX, on two devices at once, and TensorFlow reads what it learnt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_data

from deploy.serve import ROOT
from training import devices
from training.errors import TrainingError
from training.run_folder import BEST_FILE
from training.train import train, with_weights

# Two devices out of one processor. On two cores they once waited for each other for ever, as cards,
# which have processors of their own, do not: so they get threads enough (NPROC) and a second try.
TWO_DEVICES = {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2"
    " --xla_cpu_collective_call_terminate_timeout_seconds=600",
    "NPROC": "128",
}
PATIENCE_S = 150
TRAIN_AND_ANSWER = """
import sys
from pathlib import Path
import keras
import numpy as np
from ellipses import QUIET, RECIPE, ellipse_data
from training.run_folder import BEST_FILE
from training.train import train, with_weights

run = Path(sys.argv[1])
# An odd number of scans to validate on: the last batch is no whole one.
train(RECIPE, ellipse_data(13), run, QUIET)
network = with_weights(RECIPE, run / BEST_FILE)
inputs = np.random.default_rng(0).random((2, 32, 32, 2), np.float32)
np.savez(run / "answers.npz", inputs=inputs, answers=network.predict_on_batch(inputs))
sharing = network.trainable_variables[0].value.sharding
print(keras.backend.backend(), len(sharing.device_set))
"""


@pytest.mark.timeout(2 * PATIENCE_S + 60)
def test_jax_trains_on_two_devices_and_tensorflow_answers_alike(tmp_path: Path) -> None:
    paths = (ROOT, ROOT / "plugin", ROOT / "tests" / "training")
    environment = os.environ | TWO_DEVICES | {"PYTHONPATH": os.pathsep.join(map(str, paths))}

    def train_in(run: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", TRAIN_AND_ANSWER, str(run)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
        )

    run = tmp_path / "first"
    try:
        done = train_in(run)
    except subprocess.TimeoutExpired:
        run = tmp_path / "second"
        done = train_in(run)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == ["jax", "2"]
    stored = np.load(run / "answers.npz")
    network = with_weights(RECIPE, run / BEST_FILE)
    assert keras.backend.backend() == "tensorflow"
    answers = network.predict_on_batch(stored["inputs"])
    np.testing.assert_allclose(answers, stored["answers"], atol=1e-4)


def test_devices_that_cannot_share_a_batch_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    with pytest.raises(
        TrainingError, match=r"3 devices cannot share batches of 8: .*multiple of 3"
    ):
        devices.use_all(RECIPE)


def test_a_batch_that_cannot_be_shared_leaves_no_run_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    with pytest.raises(TrainingError, match="3 devices cannot share"):
        train(RECIPE, ellipse_data(), tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()


def test_another_back_end_trains_on_one_card() -> None:
    assert devices.use_all(RECIPE) == 1
