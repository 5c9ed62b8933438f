"""Scans of another kind are noticed, and those of the same kind raise no alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from tests.training.small_cases import small_case
from training.datasets.fingerprint import Tally
from training.datasets.shift import Shifts, compare, number
from training.phantom.case import Case


def tally(cases: Iterable[Case]) -> Tally:
    one = Tally()
    for case in cases:
        one.add(case)
    return one


TRAINING = tally(small_case(number) for number in range(120)).content()


def shifts(change: Callable[[Case], Case], first: int = 200, scans: int = 40) -> Shifts:
    cases = (change(small_case(number)) for number in range(first, first + scans))
    return compare(TRAINING, tally(cases))


@pytest.mark.parametrize("scans", [6, 40])
def test_scans_of_the_same_kind_raise_no_alarm(scans: int) -> None:
    alarms = [shifts(lambda case: case, 200 + 50 * n, scans).warnings for n in range(10)]
    assert alarms == [()] * 10


def test_of_a_few_patients_only_the_equipment_is_judged() -> None:
    found = shifts(bright, 200, 8)
    assert found.warnings == ()
    assert found.measures[0].outside.whole == 8
    assert shifts(bright, 200, 40).warnings


def bright(case: Case) -> Case:
    return replace(case, counts=(case.counts * 3).astype(np.uint16))


def test_other_intensities_are_named_with_their_figures() -> None:
    found = shifts(bright)
    shifted = {one.name for one in found.measures if one.shifted}
    assert {"total_counts", "highest_pixel", "mean_counts_in_gland"} <= shifted
    assert "gland_to_rest" not in shifted
    said = next(one for one in found.warnings if one.startswith("total counts: "))
    assert "of 40 scans" in said
    assert f"in training {number(TRAINING['total_counts']['p50'])}" in said


def test_a_shift_within_the_usual_range_is_noticed_too() -> None:
    low, high = TRAINING["gland_area_cm2"]["p75"], TRAINING["gland_area_cm2"]["p95"]
    found = compare(
        TRAINING,
        tally(
            case
            for case in map(small_case, range(200, 500))
            if low < case.gland.sum() * 4 / 100 < high
        ),
    )
    area = next(one for one in found.measures if one.name == "gland_area_cm2")
    assert area.outside.part == 0
    assert area.shifted


@pytest.mark.parametrize("spacing", [2.39759993, 4.41806173, 1.19999999])
def test_a_number_that_all_scans_share_is_no_shift(spacing: float) -> None:
    def of_one_camera(case: Case) -> Case:
        return replace(case, properties=case.properties | {"spacing_mm": spacing})

    training = tally(of_one_camera(small_case(number)) for number in range(40))
    found = compare(training.content(), training)
    (pixel,) = (one for one in found.measures if one.name == "spacing_mm")
    assert (pixel.outside.part, pixel.shifted) == (0, False)
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("kind", "value"), [("isotope", "I-131"), ("camera", "Symbia <T2>"), ("centre", "Namur")]
)
def test_equipment_that_training_never_had_is_named(kind: str, value: str) -> None:
    found = shifts(lambda case: replace(case, properties=case.properties | {kind: value}))
    assert found.warnings == (f"40 of 40 scans: {kind} {value}, of which training had none",)


@pytest.mark.parametrize(
    ("known", "new", "told"),
    [
        ("LEHR", "parallel", False),
        ("parallel", "LEAP", False),
        ("LEHR", "LEAP", True),
        ("PINHOLE", "parallel", True),
        ("not told", "parallel", True),
        ("parallel", "PINHOLE", True),
    ],
)
def test_a_header_that_says_no_more_than_parallel_is_not_another_collimator(
    known: str, new: str, told: bool
) -> None:
    first, second = (
        tally(
            replace(case, properties=case.properties | {"collimator": one})
            for case in (small_case(number) for number in range(3))
        )
        for one in (known, new)
    )
    assert bool(compare(first.content(), second).unseen) is told


def test_another_matrix_is_named() -> None:
    wide = shifts(
        lambda case: replace(case, counts=np.pad(case.counts, 8), gland=np.pad(case.gland, 8))
    )
    assert "40 of 40 scans: matrix 48 x 48, of which training had none" in wide.warnings


def test_numbers_are_short_and_without_exponents() -> None:
    shown = [number(value) for value in (169324.0, 0.01073, 23.456, 0.0, 1e6)]
    assert shown == ["169000", "0.0107", "23.5", "0", "1000000"]
