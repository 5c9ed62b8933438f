"""Scans are read from a folder, split by patient, and what cannot be learnt from is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_case
from scipy.ndimage import binary_erosion

from training.dataset import DatasetError, write_case, write_index
from training.loading import load_data, watched_cases
from training.outlines import Outliner
from training.phantom.case import Case
from training.recipe import Recipe

HALF = RECIPE.model_copy(update={"split": 0.5, "validation_images": 5})
NODULES = Recipe.model_validate(
    HALF.model_dump() | {"name": "nodules", "preprocessing": {"margin": 1.25, "size": 32}}
)


def stored(folder: Path, cases: list[Case]) -> Path:
    """A data set of these cases."""
    folder.mkdir(exist_ok=True)
    write_index(folder, [write_case(folder, case) for case in cases])
    return folder


def test_patients_are_on_one_side_only(tmp_path: Path) -> None:
    data = load_data(stored(tmp_path, [ellipse_case(n) for n in range(20)]), HALF, QUIET)
    assert (len(data.training), len(data.validation)) == (10, 5)
    assert data.training_patients == 5
    assert data.patient_ids == tuple(sorted(f"patient{n}" for n in range(10)))
    learnt = {counts.tobytes() for counts in data.training.counts}
    assert not learnt & {counts.tobytes() for counts in data.validation.counts}


def test_counts_and_outline_stay_together(tmp_path: Path) -> None:
    data = load_data(stored(tmp_path, [ellipse_case(n) for n in range(8)]), HALF, QUIET)
    for counts, mask in zip(data.training.counts, data.training.masks, strict=True):
        assert counts.dtype == np.uint16
        assert counts[mask].mean() > 5 * counts[~mask].mean()


def test_flat_scans_are_left_out(tmp_path: Path) -> None:
    cases = [ellipse_case(n) for n in range(20)]
    flat = [replace(case, counts=np.full_like(case.counts, 4)) for case in cases[:4]]
    data = load_data(stored(tmp_path, [*flat, *cases[4:]]), HALF, QUIET)
    assert all(counts.min() < counts.max() for counts in data.training.counts)
    assert len(data.training) < 10 or len(data.validation) < 5


def test_redrawn_outlines_are_other_scans(tmp_path: Path) -> None:
    cases = [ellipse_case(n) for n in range(8)]
    redrawn = [replace(cases[0], gland=binary_erosion(cases[0].gland)), *cases[1:]]
    folders = {"one": cases, "same": cases[::-1], "other": redrawn}
    one, same, other = (
        load_data(stored(tmp_path / name, some), HALF, QUIET).scans
        for name, some in folders.items()
    )
    assert one == same
    assert one != other


def test_a_side_without_scans_is_an_error(tmp_path: Path) -> None:
    folder = stored(tmp_path, [ellipse_case(0)])
    with pytest.raises(ValueError, match=r"no patient of .* is left for (training|validation): "):
        load_data(folder, HALF, QUIET)
    flat = [replace(ellipse_case(n), counts=np.zeros((32, 32), np.uint16)) for n in range(4)]
    with pytest.raises(ValueError, match="has no scan for training that can be learnt from"):
        load_data(stored(tmp_path / "flat", flat), HALF, QUIET)


def test_cases_come_one_by_one_up_to_the_limit(tmp_path: Path) -> None:
    folder = stored(tmp_path, [ellipse_case(n) for n in range(5)])
    assert [case.case_id for case in watched_cases(folder, 3, QUIET)] == ["case0", "case1", "case2"]
    assert len(list(watched_cases(folder, None, QUIET))) == 5


def test_a_folder_without_scans_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*index\.csv"):
        load_data(tmp_path, HALF, QUIET)


def test_every_reading_of_a_scan_is_learnt_from(tmp_path: Path) -> None:
    cases = [ellipse_case(n) for n in range(8)]
    nothing = np.zeros_like(cases[0].gland)
    several = [replace(case, readings=(nothing,)) for case in cases]
    data = load_data(stored(tmp_path, several), HALF, QUIET)
    for mask in data.training.masks:
        assert mask.shape == (*nothing.shape, 3)
        np.testing.assert_array_equal(mask[..., 0], mask[..., 2])
        assert mask[..., 0].any()
        assert not mask[..., 1].any()


def shrunk(case: Case) -> np.ndarray:
    """The true gland without its outermost pixels; nothing of the first scan."""
    return binary_erosion(case.gland) if case.case_id != "case0" else np.zeros_like(case.gland)


OUTLINER = Outliner("thyroid 0.0.1", shrunk)


def test_nodules_are_learnt_inside_of_the_outlines_of_another_model(tmp_path: Path) -> None:
    cases = [ellipse_case(n) for n in range(12)]
    data = load_data(stored(tmp_path, cases), NODULES, QUIET, outliner=OUTLINER)
    assert data.glands == "thyroid 0.0.1"
    assert len(data.training) + len(data.validation) <= 11
    sizes = {int(binary_erosion(case.gland).sum()) for case in cases}
    for masks in (*data.training.masks, *data.validation.masks):
        assert int(masks[..., 0].sum()) in sizes


def test_who_looks_for_nodules_needs_outlines_and_nobody_else(tmp_path: Path) -> None:
    folder = stored(tmp_path, [ellipse_case(n) for n in range(12)])
    with pytest.raises(ValueError, match=r"recipe nodules looks for nodules .*--gland"):
        load_data(folder, NODULES, QUIET)
    with pytest.raises(ValueError, match=r"outlines glands itself: it takes no --gland"):
        load_data(folder, HALF, QUIET, outliner=OUTLINER)


def test_what_is_familiar_is_told_by_scans_with_a_gland(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[bytes] = []
    monkeypatch.setattr(
        "training.loading.describe", lambda counts: described.append(counts.tobytes())
    )
    cases = [ellipse_case(n, visible=n % 4 > 1) for n in range(20)]
    data = load_data(stored(tmp_path, cases), HALF, QUIET)
    pairs = list(zip(data.training.counts, data.training.masks, strict=True))
    shown = [counts.tobytes() for counts, mask in pairs if mask.any()]
    assert described == shown
    assert len(shown) < len(pairs)
