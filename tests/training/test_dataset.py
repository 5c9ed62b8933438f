from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.dataset import (
    DatasetError,
    Entry,
    case_path,
    read_case,
    read_index,
    split_patients,
    write_case,
    write_index,
)
from training.phantom.simulator import simulate_case

ENTRIES = [Entry(f"c{number}", f"p{number // 3}", {}) for number in range(60)]
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_a_case_comes_back_as_it_was_written(tmp_path: Path) -> None:
    case = simulate_case(1, 0)
    write_index(tmp_path, [write_case(tmp_path, case)])
    (entry,) = read_index(tmp_path)
    read = read_case(tmp_path, entry)
    assert np.array_equal(read.counts, case.counts)
    assert np.array_equal(read.gland, case.gland)
    assert (read.case_id, read.patient_id) == (case.case_id, case.patient_id)
    assert read.properties == case.properties


def test_nodules_and_parts_come_back_too(tmp_path: Path) -> None:
    case = next(one for n in range(40) if (one := simulate_case(9, n)).nodules)
    read = read_case(tmp_path, write_case(tmp_path, case))
    assert case.parts is not None
    np.testing.assert_array_equal(read.parts, case.parts)
    for mine, theirs in zip(read.nodules, case.nodules, strict=True):
        np.testing.assert_array_equal(mine.mask, theirs.mask)
        assert replace(mine, mask=theirs.mask) == theirs


@pytest.mark.parametrize("number", [0, 1, 2])
def test_other_readings_come_back_too(tmp_path: Path, number: int) -> None:
    case = simulate_case(1, 0)
    readings = tuple(np.roll(case.gland, n, axis=0) for n in range(number))
    read = read_case(tmp_path, write_case(tmp_path, replace(case, readings=readings)))
    assert len(read.readings) == number
    for mine, theirs in zip(read.readings, readings, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_case_without_truth_of_its_parts_is_read(tmp_path: Path) -> None:
    case = replace(simulate_case(1, 0), nodules=(), parts=None)
    read = read_case(tmp_path, write_case(tmp_path, case))
    assert (read.nodules, read.parts) == ((), None)


def test_a_damaged_case_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    entry = write_case(tmp_path, simulate_case(1, 0))
    case_path(tmp_path, entry.case_id).write_bytes(b"PK not really")
    with pytest.raises(DatasetError, match=entry.case_id):
        read_case(tmp_path, entry)


def test_a_folder_without_an_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*index\.csv"):
        read_index(tmp_path)


def test_no_patient_is_on_two_sides_of_a_split() -> None:
    split = split_patients(ENTRIES, FRACTIONS, seed=0)
    sides = [{entry.patient_id for entry in side} for side in split.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides)) == 20
    assert [len(side) for side in sides] == [16, 2, 2]


def test_a_split_is_the_same_for_the_same_seed_only() -> None:
    assert split_patients(ENTRIES, FRACTIONS, 0) == split_patients(ENTRIES, FRACTIONS, 0)
    assert split_patients(ENTRIES, FRACTIONS, 0) != split_patients(ENTRIES, FRACTIONS, 1)


def test_fractions_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="fractions must sum to 1"):
        split_patients(ENTRIES, {"train": 0.5}, 0)
