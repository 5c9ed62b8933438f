"""The moment from which on scans are ours is written down once, whatever happens."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from adjuvant.first_start import (
    CHANGE_TIME,
    FILE,
    keep_first_start,
    read_first_start,
)
from adjuvant.whole_file import write_whole


def test_the_first_moment_stays(tmp_path: Path) -> None:
    path = tmp_path / "state" / FILE
    before = time.strftime(CHANGE_TIME, time.gmtime())
    keep_first_start({"DataDirectory": "state"}, str(tmp_path))
    assert (
        before <= (read_first_start(str(path)) or "") <= time.strftime(CHANGE_TIME, time.gmtime())
    )
    path.write_text("20200131T100000\n")
    keep_first_start({"DataDirectory": "state"}, str(tmp_path))
    assert read_first_start(str(path)) == "20200131T100000"
    assert [one.name for one in path.parent.iterdir()] == [FILE]


@pytest.mark.parametrize("damaged", ["", "20", "yesterday", "20269999T000000"])
def test_what_is_no_moment_is_written_anew(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / FILE
    path.write_text(damaged)
    assert read_first_start(str(path)) is None
    keep_first_start({"DataDirectory": str(tmp_path)}, "/nowhere")
    assert read_first_start(str(path)) is not None


@pytest.mark.parametrize("section", [{"Enabled": False}, {"DataDirectory": 5}])
def test_nothing_is_written_where_we_are_off(tmp_path: Path, section: dict[str, object]) -> None:
    keep_first_start(section, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "since"
    write_whole(str(path), "17\n")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(str(path), "18\n")
    assert path.read_text() == "17\n"
