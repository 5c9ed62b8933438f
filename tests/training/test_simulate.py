import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.dataset import DatasetError, case_path, read_index
from training.phantom.simulator import SIMULATOR
from training.simulate import RECIPE, shares_of, simulate


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


def test_a_folder_keeps_its_shares(tmp_path: Path) -> None:
    simulate(tmp_path, 1, seed=2, workers=1, shares={"cold nodule": 1.0})
    simulate(tmp_path, 1, seed=2, workers=1, shares={"cold nodule": 1.0})
    with pytest.raises(DatasetError, match=r"other shares: \{'cold nodule': 1.0\}"):
        simulate(tmp_path, 1, seed=2, workers=1)


@pytest.mark.parametrize("version", [None, SIMULATOR - 1])
def test_a_data_set_of_another_simulator_is_not_extended(
    tmp_path: Path, version: int | None
) -> None:
    simulate(tmp_path, 1, seed=2, workers=1)
    recipe = tmp_path / RECIPE
    about = json.loads(recipe.read_text())
    assert about["simulator"] == SIMULATOR
    older = {"seed": 2} | ({} if version is None else {"simulator": version})
    recipe.write_text(json.dumps(older))
    # What is there already is left alone.
    simulate(tmp_path, 1, seed=2, workers=1)
    before = "a version before 3" if version is None else f"version {version}"
    with pytest.raises(DatasetError, match=rf"begun by {before} of .* this is {SIMULATOR}"):
        simulate(tmp_path, 2, seed=2, workers=1)
    assert len(read_index(tmp_path)) == 1


def test_a_disease_gets_the_share_that_is_asked_for(tmp_path: Path) -> None:
    simulate(tmp_path, 6, seed=2, workers=1, shares={"cold nodule": 0.5, "Graves disease": 0.5})
    diseases = {entry.properties["disease"] for entry in read_index(tmp_path)}
    assert diseases <= {"cold nodule", "Graves disease"}


def test_shares_are_read_from_what_is_written() -> None:
    assert shares_of(["cold nodule=0.4", "one lobe=.1"]) == {"cold nodule": 0.4, "one lobe": 0.1}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["cold nodule"], "got 'cold nodule'"),
        (["cold nodule=much"], "got 'cold nodule=much'"),
        (["cold nodule=0.1", "cold nodule=0.2"], "'cold nodule' has two shares"),
    ],
)
def test_what_is_no_share_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        shares_of(texts)


def test_no_cases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        simulate(tmp_path, 0, seed=2)


def test_the_workers_of_a_killed_run_end_too(tmp_path: Path) -> None:
    options = ["--out", str(tmp_path), "--n", "10000", "--workers", "2"]
    command = [sys.executable, "-m", "training", "simulate", *options]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while not any(tmp_path.rglob("*.npz")) and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        while _alive(run.pid) and time.monotonic() < end:
            time.sleep(0.1)
        assert any(tmp_path.rglob("*.npz"))
        assert not _alive(run.pid)
    finally:
        if _alive(run.pid):
            os.killpg(run.pid, signal.SIGKILL)


def _alive(group: int) -> bool:
    """Whether any process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
