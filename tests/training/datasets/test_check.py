"""Damage, changed test cases, and the same scan under two patients are found."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.training.small_cases import small_case
from training.dataset import case_path, read_index, write_case, write_index
from training.datasets.check import check
from training.datasets.duplicates import find_duplicates, look
from training.datasets.fingerprint import fingerprint, tally_of
from training.datasets.split import extend, freeze, write_split
from training.phantom.case import Case
from training.phantom.simulator import simulate_case


def put(folder: Path, cases: list[Case]) -> None:
    write_index(folder, [write_case(folder, case) for case in cases])


@pytest.fixture(scope="module")
def scans() -> list[Case]:
    """Three simulated patients."""
    found = {case.patient_id: case for case in (simulate_case(5, n) for n in range(6))}
    return list(found.values())[:3]


def test_a_good_data_set_has_no_problem(tmp_path: Path, scans: list[Case]) -> None:
    put(tmp_path, scans)
    assert check(tmp_path) == []


def test_what_takes_long_has_a_progress_bar(tmp_path: Path) -> None:
    put(tmp_path, [small_case(number) for number in range(4)])
    console = Console(file=StringIO(), force_terminal=True)
    check(tmp_path, console)
    tally_of(tmp_path, read_index(tmp_path), console)
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for title in ("looking for damage", "looking for duplicates", "measuring"):
        assert title in drawn
    assert "4/4" in drawn


def test_damage_is_named_case_by_case(tmp_path: Path) -> None:
    scans = [small_case(number) for number in range(5)]
    put(tmp_path, scans)
    case_path(tmp_path, scans[0].case_id).unlink()
    case_path(tmp_path, scans[1].case_id).write_bytes(b"PK nonsense")
    write_case(tmp_path, replace(scans[2], patient_id="somebody else"))
    write_case(tmp_path, replace(scans[3], case_id="stray"))
    write_case(tmp_path, replace(scans[4], properties=scans[4].properties | {"isotope": "F-18"}))
    (tmp_path / "cases" / "x.1.part").write_bytes(b"")
    said = "\n".join(check(tmp_path))
    assert f"{scans[0].case_id} has no file" in said
    assert f"{scans[1].case_id}.npz" in said
    assert f"{scans[2].case_id} is of another patient in its file" in said
    assert "stray is not in the index" in said
    assert f"{scans[4].case_id} has other properties in its file" in said
    assert "x.1.part is half-written" in said


def test_a_changed_or_missing_case_of_the_frozen_test_set_is_found(tmp_path: Path) -> None:
    cases = [small_case(number) for number in range(0, 20, 2)]
    put(tmp_path, cases)
    entries = read_index(tmp_path)
    split = extend(None, entries, {"training": 0.5, "validation": 0.1, "test": 0.4}, 0)
    split = freeze(tmp_path, split, entries)
    write_split(tmp_path, split)
    assert [line for line in check(tmp_path) if "frozen" in line] == []
    assert split.frozen is not None
    first, second = list(split.frozen.cases)[:2]
    changed = next(case for case in cases if case.case_id == first)
    gland = changed.gland.copy()
    gland[0, 0] = True
    write_case(tmp_path, replace(changed, gland=gland))
    write_index(tmp_path, [entry for entry in entries if entry.case_id != second])
    said = check(tmp_path)
    assert f"{first} of the frozen test set was changed" in said
    assert f"{second} of the frozen test set is missing" in said


def changed(case: Case, counts: np.ndarray, name: str) -> Case:
    gland = np.zeros(counts.shape, np.bool_)
    return Case(name, name, counts.astype(np.uint16), gland, case.properties)


def test_the_same_scan_under_two_patients_is_found_however_it_was_changed(
    tmp_path: Path, scans: list[Case]
) -> None:
    case = max(scans, key=lambda one: int(one.counts.sum()))
    rows, columns = (side // 2 * 2 for side in case.counts.shape)
    blocks = case.counts[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2)
    copies = [
        changed(case, case.counts, "copy"),
        changed(case, blocks.sum(axis=(1, 3)), "rebinned"),
        changed(case, np.random.default_rng(1).binomial(case.counts, 0.7), "thinned"),
    ]
    put(tmp_path, [*scans, *copies])
    pairs = find_duplicates(tmp_path, read_index(tmp_path))
    with_original = {
        pair.other.case_id if pair.one.case_id == case.case_id else pair.one.case_id
        for pair in pairs
        if case.case_id in (pair.one.case_id, pair.other.case_id)
    }
    assert with_original == {"copy", "rebinned", "thinned"}
    assert {pair.likeness == 1.0 for pair in pairs if "copy" in (pair.one.case_id,)} >= {True}
    others = {one.case_id for one in scans} - {case.case_id}
    assert not others & {side.case_id for pair in pairs for side in (pair.one, pair.other)}


def test_a_duplicate_across_the_split_is_said_to_be_worse(
    tmp_path: Path, scans: list[Case]
) -> None:
    put(tmp_path, [scans[0], changed(scans[0], scans[0].counts, "copy")])
    entries = read_index(tmp_path)
    split = extend(None, entries, {"training": 0.5, "validation": 0.0, "test": 0.5}, 0)
    write_split(tmp_path, split)
    (said,) = check(tmp_path)
    assert "of two patients on two sides (one of them in the test): the same scan" in said


def test_a_look_is_normalised_and_a_flat_image_has_none(scans: list[Case]) -> None:
    assert np.linalg.norm(look(scans[0].counts)) == pytest.approx(1, abs=1e-5)
    assert not look(np.zeros((64, 64), np.uint16)).any()


def test_scans_of_other_than_square_matrices_are_compared_as_well(
    tmp_path: Path, scans: list[Case]
) -> None:
    first, second = scans[0], next(one for one in scans if one.patient_id != scans[0].patient_id)
    for cut in (np.s_[:, 4:-4], np.s_[4:-4, :]):
        narrow = replace(first, counts=first.counts[cut], gland=first.gland[cut], nodules=())
        copy = replace(narrow, case_id="copy", patient_id="other")
        put(tmp_path, [narrow, copy, second])
        assert [one.split(":")[1] for one in check(tmp_path)] == [" the same scan"]


def test_a_fingerprint_counts_what_there_is(tmp_path: Path) -> None:
    put(tmp_path, [small_case(number) for number in range(6)])
    entries = read_index(tmp_path)
    found = fingerprint(tmp_path, entries, tally_of(tmp_path, entries))
    assert (found["scans"], found["patients"], found["simulated"]) == (6, 3, 6)
    assert found["matrices"] == {"32 x 32": 6}
    assert found["isotope"] == {"Tc-99m": 6}
    areas = sorted(float(small_case(n).gland.sum()) * 4 / 100 for n in range(6))
    assert found["gland_area_cm2"]["p50"] == pytest.approx((areas[2] + areas[3]) / 2, abs=1e-3)
