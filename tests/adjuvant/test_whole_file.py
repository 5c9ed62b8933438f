"""A file appears as a whole or not at all, and nothing unfinished stays beside it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from adjuvant.whole_file import write_whole


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "since"
    write_whole(str(path), "1\n")
    write_whole(str(path), "2\n")
    assert path.read_text() == "2\n"
    assert list(tmp_path.iterdir()) == [path]


def test_on_a_full_disk_what_was_there_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "since"
    write_whole(str(path), "1\n")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(str(path), "2\n")
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]
