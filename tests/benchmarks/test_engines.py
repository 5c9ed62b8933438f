"""The comparison of engines runs, each in its process; its figures are no test."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import engines
from benchmarks.common import BenchmarkError


def test_engines_read_the_same_views_and_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = {name: engines.ENGINES[name] for name in (engines.OURS, "OpenVINO, fp32")}
    monkeypatch.setattr(engines, "ENGINES", some)
    monkeypatch.setattr(engines, "VIEWS", 2)
    monkeypatch.setattr(engines, "ROUNDS", 1)
    monkeypatch.setenv("PYTHONPATH", "")  # the suite installs neither ONNX Runtime nor OpenVINO
    figures = engines.measure()
    ours = figures.values[engines.OURS]
    assert ours["different_masks"] == ours["largest_difference"] == 0
    assert ours["peak_mb"] > 100
    assert "Not installed, or not on this processor: OpenVINO, fp32." in figures.text


def test_an_engine_that_breaks_is_named_with_its_last_words(tmp_path) -> None:
    np.save(tmp_path / "inputs.npy", np.zeros((1, 8, 8, 2), np.float32))
    with pytest.raises(BenchmarkError, match=r"no engine ended with 1: KeyError: 'no engine'"):
        engines._run("no engine", 1, tmp_path, tmp_path)
