"""TensorFlow's protobuf and Orthanc's own in one process: `make test-orthanc` has both for real."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from adjuvant import network


@pytest.mark.parametrize(
    ("loaded", "own"), [("/usr/lib/x86_64-linux-gnu/libprotobuf.so.32.0.12", True), ("", False)]
)
def test_tensorflow_sees_its_own_protobuf_first_where_the_program_has_another(
    loaded: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise Orthanc dies of a segmentation fault from Debian 13 on."""
    (tmp_path / "maps").write_text(f"7f00-7f01 r-xp 00000000 00:00 0 {loaded}\n")
    monkeypatch.setattr(network, "MAPS", tmp_path / "maps")
    before = sys.getdlopenflags()
    with network._own_protobuf():
        assert bool(sys.getdlopenflags() & os.RTLD_DEEPBIND) is own
    assert sys.getdlopenflags() == before
