"""What the benchmarks share. Nothing here is timed: figures are no tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydicom.uid import UID

from benchmarks import common
from benchmarks.common import (
    BenchmarkError,
    Figures,
    Scans,
    busy_cores,
    markdown,
    save,
    spread,
    store_at_full_speed,
    with_load,
)
from deploy.ports import free_port


def test_every_scan_is_another_patient_with_the_same_pixels() -> None:
    scans = Scans().draw_many(3)
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert len({str(scan[keyword].value) for scan in scans}) == 3
    assert len({scan.PixelData for scan in scans}) == 1
    assert all(UID(scan.SOPInstanceUID).is_valid for scan in scans)


def test_spread_is_in_milliseconds() -> None:
    found = spread([0.001, 0.002, 0.009])
    assert (found["n"], found["median"], found["maximum"]) == (3, 2.0, 9.0)


def test_a_table_has_a_head_a_rule_and_rows() -> None:
    assert markdown(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_figures_say_what_else_the_machine_had_to_do() -> None:
    found = with_load(Figures("name", "Title", "text", {"ms": 1.5}), 3.14159)
    assert found.values == {"ms": 1.5, "busy_cores": 3.1}
    assert found.text.startswith("text\n\n")
    assert "other work kept 3.1 cores busy" in found.text


def test_other_work_is_what_the_cores_do_while_we_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = 1 / os.sysconf("SC_CLK_TCK")
    # user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice
    counted = iter(["cpu 10 0 0 50 5 0 0 0 7 0", "cpu 210 30 40 99 9 5 5 20 90 0"])
    clock = iter([0.0, 200 * tick])
    monkeypatch.setattr(Path, "read_text", lambda _: next(counted))
    monkeypatch.setattr(common, "perf_counter", lambda: next(clock))
    assert busy_cores(0) == pytest.approx(1.5)


@pytest.mark.skipif(not Path("/usr/bin/storescu").exists(), reason="without DCMTK")
def test_another_storescu_of_the_shell_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "storescu"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(BenchmarkError, match="storescu ended with"):
        store_at_full_speed(free_port(), Scans().draw_many(1), 1)


def test_figures_are_kept_for_people_and_for_machines(tmp_path: Path) -> None:
    save(Figures("name", "Title", "text", {"ms": 1.5}), tmp_path)
    assert (tmp_path / "name.md").read_text() == "## Title\n\ntext\n"
    document = json.loads((tmp_path / "name.json").read_text())
    assert document["values"] == {"ms": 1.5}
    assert document["machine"]["cores"] >= 1
