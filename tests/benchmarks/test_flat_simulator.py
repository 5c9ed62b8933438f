"""The second simulator: reproducible, readable as a data set, and its scans are scans of a thyroid
to a network that knows another simulator only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adjuvant.network import load_network
from benchmarks import flat_simulator
from benchmarks.flat_simulator import Ball, flat_case, outline
from deploy.serve import ROOT
from tests.integration.tiny import IN_SERVICE
from training.dataset import read_case, read_index
from training.evaluate import find_gland
from training.metrics import dice
from training.phantom.case import Case

CASES = [flat_case(5, number) for number in range(40)]


def of(disease: str) -> list[Case]:
    return [case for case in CASES if case.properties["disease"] == disease]


def test_the_same_numbers_give_the_same_scan() -> None:
    again, other = flat_case(5, 7), flat_case(6, 7)
    np.testing.assert_array_equal(CASES[7].counts, again.counts)
    np.testing.assert_array_equal(CASES[7].gland, again.gland)
    assert other.patient_id != again.patient_id


def test_what_takes_up_something_has_an_outline_and_nothing_else() -> None:
    assert of("normal")
    assert of("no uptake")
    assert all(case.gland.any() for case in of("normal"))
    assert not any(case.gland.any() for case in of("no uptake"))


def test_a_cold_nodule_lies_where_counts_are_missing() -> None:
    shown = [(case, one) for case in of("cold nodule") for one in case.nodules if one.snr > 20]
    assert any(one.detectable for _, one in shown)
    for case, one in shown:
        if one.detectable:
            assert case.counts[one.mask].mean() < case.counts[case.gland & ~one.mask].mean()


def test_small_nodules_and_nodules_without_contrast_are_not_detectable() -> None:
    seen = [one for case in CASES for one in case.nodules]
    assert not any(one.detectable for one in seen if one.size_mm < 8 or one.contrast < 0.175)


def test_a_lobe_that_is_too_faint_beside_another_is_not_drawn() -> None:
    left, right = np.zeros((2, 32, 32))
    left[8:24, 4:12], right[8:24, 20:28] = 1.0, 0.05
    nothing = np.zeros_like(left)
    drawn = outline([left, right], nothing, left + right, nothing + 0.01)
    np.testing.assert_array_equal(drawn, left > 0)


def test_the_way_through_a_ball_is_longest_in_its_middle() -> None:
    x, y = np.meshgrid(np.arange(-8.0, 9), np.arange(-8.0, 9))
    way = Ball(0.0, 0.0, 5.0, 0.0).chord(flat_simulator.Plane(x, y, 1.0))
    assert way[8, 8] == pytest.approx(10)
    assert way[8, 13] == pytest.approx(0)
    assert way[8, 11] == pytest.approx(8)


def test_the_network_in_service_outlines_them() -> None:
    network = load_network(ROOT / "models" / "thyroid" / IN_SERVICE, device="cpu")
    found = [dice(find_gland(case, network), case.gland) for case in of("normal")]
    assert np.mean(found) > 0.9


def test_the_command_writes_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["flat", "--n", "9", "--seed", "5", "--out", str(tmp_path)])
    flat_simulator.main()
    entries = read_index(tmp_path)
    assert [one.case_id for one in entries] == [case.case_id for case in CASES[:9]]
    assert any(case.nodules for case in CASES[:9])
    np.testing.assert_array_equal(read_case(tmp_path, entries[0]).counts, CASES[0].counts)
