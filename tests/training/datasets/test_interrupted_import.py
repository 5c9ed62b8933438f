"""`outlines` that is killed, or meets a full disk, leaves nothing half-written and goes on."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.department import Visit, write_csv, write_scan
from tests.training.small_cases import QUIET
from training.collect.collection import collect
from training.collect.objects import Chooser
from training.collect.source import Folder
from training.dataset import DatasetError, read_case, read_index
from training.pseudonyms import Pseudonyms

ROOT = Path(__file__).parents[3]
VISITS = [Visit(patient, 0) for patient in range(5)]
# The third case is half on the disk when the process is killed, which nothing can catch.
DYING = """
import os, signal, sys
import numpy
whole, calls = numpy.savez_compressed, []
def dying(file, **arrays):
    calls.append(file)
    if len(calls) == 3:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    whole(file, **arrays)
numpy.savez_compressed = dying
from training.__main__ import app
app(sys.argv[1:])
"""
MODULE = ("-m", "training")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Five scans in a collection, and their outlines."""
    for visit in VISITS:
        write_scan(visit, tmp_path / "scans")
        write_csv(visit, tmp_path / "rois")
    (tmp_path / "key").write_text(bytes(range(32)).hex())
    chooser = Chooser(Pseudonyms(bytes(range(32))))
    collect(Folder(tmp_path / "scans"), chooser, tmp_path / "collection", QUIET)
    return tmp_path


def run(
    place: Path, out: str, *program: str, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    arguments = ["--collection", place / "collection", "--rois", place / "rois"]
    arguments += ["--key", place / "key", "--data", place / out]
    path = os.pathsep.join([str(ROOT / "plugin"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-B", *(program or MODULE), "outlines", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def require_same(one: Path, other: Path) -> None:
    assert read_index(one) == read_index(other)
    for entry in read_index(one):
        mine, theirs = read_case(one, entry), read_case(other, entry)
        np.testing.assert_array_equal(mine.counts, theirs.counts)
        np.testing.assert_array_equal(mine.gland, theirs.gland)


def test_a_killed_import_has_whole_cases_and_no_index_and_goes_on(place: Path) -> None:
    killed = run(place, "data", "-c", DYING)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((place / "data" / "cases").glob("*.npz"))) == 2
    assert len(unfinished(place / "data")) == 1
    with pytest.raises(DatasetError, match=r"cannot read .*index\.csv"):
        read_index(place / "data")
    assert "5 cases" in run(place, "data").stdout
    assert unfinished(place / "data") == []
    run(place, "never killed")
    require_same(place / "data", place / "never killed")


def limited() -> None:
    """No file of this process may grow beyond 700 bytes: what a full disk does, to everybody."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))


def test_a_full_disk_ends_an_import_in_one_line_and_leaves_nothing_half(place: Path) -> None:
    answer = run(place, "data", limit=limited)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == "error: [Errno 27] File too large"
    assert "Traceback" not in answer.stderr
    assert [path for path in (place / "data").rglob("*") if path.is_file()] == []
    assert "5 cases" in run(place, "data").stdout


def test_a_sheet_is_whole_or_not_there(place: Path) -> None:
    assert run(place, "data").returncode == 0
    sheet = place / "data" / "sheets" / "1.png"
    with Image.open(sheet) as picture:
        picture.load()
    sheet.unlink()

    def room_for_cases() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        largest = max(path.stat().st_size for path in (place / "data").rglob("*") if path.is_file())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 500, largest + 500))

    answer = run(place, "data", limit=room_for_cases)
    assert answer.returncode == 1
    assert "File too large" in answer.stderr
    assert list((place / "data" / "sheets").iterdir()) == []
    assert len(read_index(place / "data")) == len(VISITS)
