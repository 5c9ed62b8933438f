"""Patients are divided once; the test set, once frozen, is the same for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.small_cases import small_case
from training.dataset import DatasetError, Entry, write_case, write_index
from training.datasets.split import (
    FRACTIONS,
    SPLIT,
    Frozen,
    extend,
    freeze,
    on_side,
    read_split,
    side_of,
    sides_to_learn_from,
    write_split,
)


def entries(patients: range) -> list[Entry]:
    return [Entry(f"c{p}-{n}", f"p{p}", {}) for p in patients for n in range(2)]


def number_by_side(split) -> dict[str, int]:  # type: ignore[no-untyped-def]
    sides = list(split.patients.values())
    return {side: sides.count(side) for side in split.fractions}


def test_the_default_proportions_are_those_of_the_reference() -> None:
    split = extend(None, entries(range(2300)), FRACTIONS, seed=0)
    # 3800 and 800 of 4600, a tenth of the former to validate.
    assert number_by_side(split) == {"training": 1710, "validation": 190, "test": 400}


def test_new_patients_join_and_nobody_moves() -> None:
    first = extend(None, entries(range(100)), FRACTIONS, seed=0)
    later = extend(first, entries(range(300)), FRACTIONS, seed=9)
    assert {p: later.patients[p] for p in first.patients} == first.patients
    assert number_by_side(later)["test"] == round(300 * FRACTIONS["test"])
    assert later.seed == 0


@pytest.mark.parametrize("parts", [(-0.4, 0.5, 0.9), (0.5, 0.1, 0.1)])
def test_parts_that_are_no_whole_are_refused(parts: tuple[float, float, float]) -> None:
    fractions = dict(zip(FRACTIONS, parts, strict=True))
    with pytest.raises(ValueError, match=f"1 together, none below 0: training {parts[0]:g}"):
        extend(None, entries(range(9)), fractions, seed=0)


def test_other_proportions_for_a_divided_set_are_refused() -> None:
    first = extend(None, entries(range(9)), FRACTIONS, seed=0)
    others = {"training": 0.4, "validation": 0.1, "test": 0.5}
    said = (
        r"\(training 0.743, validation 0.0826, test 0.174\), and nobody moves; to begin anew, del"
    )
    with pytest.raises(ValueError, match=said):
        extend(first, entries(range(9)), others, 0)
    frozen = replace(first, frozen=Frozen("digest", {}))
    with pytest.raises(ValueError, match="nobody moves; the test set is frozen"):
        extend(frozen, entries(range(9)), others, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty cases of ten patients, divided and frozen."""
    known = [write_case(tmp_path, small_case(number)) for number in range(20)]
    write_index(tmp_path, known)
    split = extend(None, known, {"training": 0.6, "validation": 0.1, "test": 0.3}, 0)
    write_split(tmp_path, freeze(tmp_path, split, known))
    return tmp_path


def test_a_frozen_test_set_takes_neither_new_patients_nor_new_scans_of_old_ones(
    folder: Path,
) -> None:
    split = read_split(folder)
    assert split is not None
    assert split.frozen is not None
    assert len(split.frozen.cases) == 6
    later = extend(split, entries(range(50)), split.fractions, 0)
    assert number_by_side(later)["test"] == 3
    tested = next(patient for patient, side in split.patients.items() if side == "test")
    assert side_of(later, Entry("new", tested, {})) is None
    with pytest.raises(DatasetError, match="frozen already"):
        freeze(folder, split, [])


def test_training_reads_what_the_split_says_and_measuring_the_rest(folder: Path) -> None:
    from training.dataset import read_index

    known = read_index(folder)
    sides = sides_to_learn_from(folder, known, 0.5, 3)
    assert [len(sides[side]) for side in ("training", "validation")] == [12, 2]
    learnt = {entry.patient_id for side in sides.values() for entry in side}
    tested = on_side(folder, known, "test")
    assert len(tested) == 6
    assert not learnt & {entry.patient_id for entry in tested}


def test_a_set_that_was_never_divided_is_read_as_a_whole(tmp_path: Path) -> None:
    known = entries(range(10))
    assert on_side(tmp_path, known, "test") == known
    sides = sides_to_learn_from(tmp_path, known, 0.5, 3)
    assert {side: len(part) for side, part in sides.items()} == {"training": 10, "validation": 10}


def test_a_damaged_split_is_named_and_an_empty_test_set_is_not_frozen(tmp_path: Path) -> None:
    (tmp_path / SPLIT).write_text("{")
    with pytest.raises(DatasetError, match=r"split\.json is no split"):
        read_split(tmp_path)
    split = extend(None, entries(range(3)), {"training": 1.0, "validation": 0.0, "test": 0.0}, 0)
    with pytest.raises(DatasetError, match="no test case to freeze"):
        freeze(tmp_path, replace(split, frozen=None), entries(range(3)))
