import numpy as np
import pytest

from training.phantom.case import READINGS
from training.phantom.simulator import patient_number, simulate_case
from training.phantom.truth import differ

CASES = [simulate_case(5, number) for number in range(36)]


def test_the_same_numbers_give_the_same_pixels() -> None:
    again = simulate_case(5, 3)
    assert np.array_equal(again.counts, CASES[3].counts)
    assert np.array_equal(again.gland, CASES[3].gland)
    assert again.properties == CASES[3].properties


def test_another_seed_gives_another_scan() -> None:
    other = simulate_case(6, 3)
    assert other.counts.shape != CASES[3].counts.shape or (other.counts != CASES[3].counts).any()


def test_counts_and_gland_share_the_matrix_that_the_properties_name() -> None:
    for case in CASES:
        shape = (case.properties["rows"], case.properties["columns"])
        assert case.counts.shape == case.gland.shape == shape
        assert case.counts.dtype == np.uint16
        assert case.gland.dtype == bool
        assert case.properties["gland_visible"] == bool(case.gland.any())


def test_counts_are_near_what_was_asked_for() -> None:
    for case in CASES:
        if case.properties["processing"] == "none":
            asked = float(case.properties["total_counts"])
            assert float(case.counts.sum()) == pytest.approx(asked, rel=0.03)


def test_a_patient_has_one_to_three_cases_of_one_disease() -> None:
    numbers = [patient_number(5, number) for number in range(600)]
    assert set(np.bincount(numbers)) <= {0, 1, 2, 3}
    of_patient: dict[str, set[object]] = {}
    for case in CASES:
        of_patient.setdefault(case.patient_id, set()).add(case.properties["disease"])
    assert all(len(diseases) == 1 for diseases in of_patient.values())
    assert len(of_patient) < len(CASES)


def test_a_visible_gland_is_brighter_than_what_surrounds_it() -> None:
    for case in CASES:
        if case.properties["gland_visible"]:
            assert case.counts[case.gland].mean() > np.median(case.counts[~case.gland])


def test_other_readings_are_there_where_readers_differ_and_only_there() -> None:
    cases = [simulate_case(34, number) for number in range(40)]
    several = [case for case in cases if case.readings]
    assert 0 < len(several) < len(cases) / 2
    for case in several:
        assert len(case.readings) <= READINGS
        for reading in case.readings:
            assert reading.shape == case.gland.shape
            assert differ(reading, case.gland)
            # One of both draws all that the other does, but for the borders of parts.
            common = (reading & case.gland).sum()
            assert common > 0.9 * min(reading.sum(), case.gland.sum())
