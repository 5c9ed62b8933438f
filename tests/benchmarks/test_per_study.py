"""What is run for each study draws what the plugin draws, and what is not installed is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adjuvant.model import read_model
from benchmarks import one_study, per_study
from benchmarks.common import BenchmarkError, Scans, in_service

MODEL = in_service()


def test_a_script_reads_every_file_of_its_study(tmp_path: Path) -> None:
    scans = Scans().draw_many(2)
    for number, scan in enumerate(scans):
        scan.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    read: list[str] = []
    one_study.by_script(tmp_path, lambda dataset: read.append(dataset.SOPInstanceUID))
    assert read == [scan.SOPInstanceUID for scan in scans]


def test_the_network_is_given_what_the_plugin_gives_it() -> None:
    model, given = read_model(MODEL), []

    def run(inputs: np.ndarray) -> np.ndarray:
        given.append(inputs.shape)
        answer = np.zeros((*inputs.shape[:3], 1), np.float32)
        answer[:, 100:140, 90:150] = 1
        return answer

    (mask,) = one_study.masks_of(Scans().draw(), model, run)
    assert given == [(1, 256, 256, 2)]
    assert mask.shape == (256, 256)
    assert mask.sum() == 40 * 60


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_study, "MONAI", tmp_path / "no python here")
    monkeypatch.setenv("PYTHONPATH", "")  # the suite does not install ONNX Runtime
    _, onnx_runtime, monai = one_study.WAYS
    scan = Scans().draw()
    assert per_study._one_study(monai, scan, MODEL, tmp_path) == "MONAI Deploy App SDK"
    assert per_study._one_study(onnx_runtime, scan, MODEL, tmp_path) == "onnxruntime"


def test_a_way_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    script = next(iter(one_study.WAYS))
    with pytest.raises(BenchmarkError, match=r"script, TensorFlow ended with 1: .*nowhere"):
        per_study._one_study(script, Scans().draw(), Path("nowhere"), tmp_path)
