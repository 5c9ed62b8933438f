"""The benchmark of building runs, on a scan that has what takes time; its figures are no test."""

from __future__ import annotations

import numpy as np
import pytest

from adjuvant.structures import NODULES
from benchmarks import building


def test_two_views_with_nodules_are_built_and_every_part_is_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def findings(*args):
        seen.append(building_findings(*args))
        return seen[-1]

    building_findings = building.true_findings
    monkeypatch.setattr(building, "true_findings", findings)
    monkeypatch.setattr(building, "ROUNDS", 1)
    figures = building.measure()
    named = ["SEG", "SC", "SR", "gate", "files", "three results", building.YARDSTICK]
    assert list(figures.values) == named
    parts = sum(figures.values[name]["median"] for name in ("SEG", "SC", "SR"))
    assert figures.values["three results"]["median"] == pytest.approx(parts, abs=0.01)
    nodules = [one for one in seen[0].segments if one.type.value in NODULES]
    assert np.any([one.masks.any(axis=(1, 2)) for one in nodules], axis=0).tolist() == [True, True]
