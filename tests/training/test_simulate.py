from pathlib import Path

import pytest

from training.dataset import DatasetError, case_path, read_index
from training.simulate import simulate


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    simulate(tmp_path, 6, seed=2, workers=1)
    entries = read_index(tmp_path)
    kept, lost = (case_path(tmp_path, entry.case_id) for entry in entries[:2])
    before, lost_bytes = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    lost.with_suffix(".1.part").write_bytes(lost_bytes[:100])
    simulate(tmp_path, 6, seed=2, workers=1)
    assert read_index(tmp_path) == entries
    assert kept.stat().st_mtime_ns == before
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_keeps_one_seed(tmp_path: Path) -> None:
    simulate(tmp_path, 1, seed=2, workers=1)
    with pytest.raises(DatasetError, match="seed 2, not of 3"):
        simulate(tmp_path, 1, seed=3, workers=1)


def test_no_cases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        simulate(tmp_path, 0, seed=2)
