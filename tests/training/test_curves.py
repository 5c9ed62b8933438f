"""What TensorBoard reads: read back by TensorFlow's own reader of event files."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorflow.core.util.event_pb2 import Event, SessionLog
from tensorflow.data import TFRecordDataset

from training.curves import FOLDER, STEPS_A_POINT, Curves

ROW = {"loss": 0.5, "images_per_s": 20.0, "dice": 0.9, "silent": None}


def events(run: Path) -> list[Event]:
    """Every event of a run, file after file; TensorFlow checks the sum of each record."""
    files = sorted((run / FOLDER).iterdir())
    return [Event.FromString(one.numpy()) for one in TFRecordDataset([str(file) for file in files])]


def points(run: Path) -> list[tuple[str, int, float]]:
    """(curve, images, value) of every scalar."""
    return [
        (one.tag, event.step, one.simple_value)
        for event in events(run)
        for one in event.summary.value
    ]


def test_a_point_of_the_loss_is_the_mean_of_some_steps(tmp_path: Path) -> None:
    with Curves(tmp_path, 0) as curves:
        for step in range(STEPS_A_POINT + 3):
            curves.step(16, float(step), 0.01)
        curves.epoch(ROW)
    images = (STEPS_A_POINT + 3) * 16
    found = points(tmp_path)
    assert ("training/loss", STEPS_A_POINT * 16, (STEPS_A_POINT - 1) / 2) in found
    assert ("validation/Dice", images, pytest.approx(0.9)) in found
    assert [tag for tag, *_ in found].count("training/loss") == 1
    assert "validation/silent_where_empty" not in {tag for tag, *_ in found}


def test_an_epoch_can_be_watched_while_the_next_one_runs(tmp_path: Path) -> None:
    last = time.monotonic() + 60  # on a busy machine
    with Curves(tmp_path, 0) as curves:
        curves.step(16, 1.0, 0.01)
        curves.epoch(ROW)
        while ("training/loss_of_epoch", 16, 0.5) not in points(tmp_path):
            assert time.monotonic() < last
            time.sleep(0.2)


def test_a_resumed_run_hides_what_was_begun_and_lost(tmp_path: Path) -> None:
    with Curves(tmp_path, 320) as curves:
        curves.step(16, 1.0, 0.01)
    starts = [one for one in events(tmp_path) if one.session_log.status == SessionLog.START]
    assert [one.step for one in starts] == [321]


def test_the_writer_needs_no_tensorflow() -> None:
    code = "import sys, training.curves; print({'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert answer.stdout == "set()\n", answer.stderr
