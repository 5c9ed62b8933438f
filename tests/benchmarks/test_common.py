"""What the benchmarks share. Nothing here is timed: figures are no tests."""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.uid import UID

from benchmarks.common import Figures, Scans, markdown, save, spread, with_load


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
    assert found.values == {"ms": 1.5, "load": 3.1}
    assert found.text.startswith("text\n\n")
    assert "a load of 3.1 from other work" in found.text


def test_figures_are_kept_for_people_and_for_machines(tmp_path: Path) -> None:
    save(Figures("name", "Title", "text", {"ms": 1.5}), tmp_path)
    assert (tmp_path / "name.md").read_text() == "## Title\n\ntext\n"
    document = json.loads((tmp_path / "name.json").read_text())
    assert document["values"] == {"ms": 1.5}
    assert document["machine"]["cores"] >= 1
