"""What changed cannot be changed: lines are appended, synchronised, and chained."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from adjuvant import change_record
from adjuvant.change_record import BEGINNING, ChangeRecord, RecordFault, digest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "model-changes.jsonl"


def fill(path: Path, count: int = 3) -> ChangeRecord:
    record = ChangeRecord(path)
    for number in range(count):
        record.append({"model": "thyroid", "change": "activated", "to": {"version": f"0.{number}"}})
    return record


def test_what_is_appended_is_read_again(path: Path) -> None:
    written = fill(path)
    written.append({"model": "other", "change": "activated"})
    read = ChangeRecord(path)
    assert read.fault is None
    assert read.entries("thyroid") == written.entries("thyroid")
    assert [entry["number"] for entry in read.entries("thyroid")] == [1, 2, 3]
    assert read.head == written.head != BEGINNING


def test_each_line_names_the_one_before_it(path: Path) -> None:
    entries = fill(path).entries("thyroid")
    assert [one["previous"] for one in entries] == [BEGINNING, *[e["sha256"] for e in entries[:2]]]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_altered_line_is_found(path: Path, number: int) -> None:
    fill(path)
    lines = path.read_text().splitlines()
    lines[number] = lines[number].replace("activated", "rolled-back")
    path.write_text("\n".join(lines) + "\n")
    assert ChangeRecord(path).fault == f"line {number + 1} of {path} is not as it was written"


def test_an_altered_line_with_a_digest_of_its_own_is_found_by_the_next(path: Path) -> None:
    fill(path)
    lines = path.read_text().splitlines()
    entry = json.loads(lines[0]) | {"who": "somebody else"}
    lines[0] = json.dumps(entry | {"sha256": digest(entry)})
    path.write_text("\n".join(lines) + "\n")
    assert "before line 2" in str(ChangeRecord(path).fault)


def test_a_missing_line_is_found(path: Path) -> None:
    fill(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert ChangeRecord(path).fault == f"before line 2 of {path}, lines are missing or were altered"


@pytest.mark.parametrize("line", ["{", "[1]", "\xff", "[" * 100_000])
def test_a_line_that_is_none_is_a_fault_and_no_end(path: Path, line: str) -> None:
    fill(path)
    with path.open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    record = ChangeRecord(path)
    assert record.fault == f"line 4 of {path} is not as it was written"
    record.append({"model": "thyroid", "change": "activated"})
    again = ChangeRecord(path)
    assert again.fault == record.fault
    assert len(again.entries("thyroid")) == 4


def test_a_line_cut_short_by_a_power_cut_never_happened(path: Path) -> None:
    before = fill(path)
    with path.open("a") as file:
        file.write('{"number":4,"change":"acti')
    record = ChangeRecord(path)
    assert record.fault is None
    assert record.head == before.head
    record.append({"model": "thyroid", "change": "activated"})
    assert ChangeRecord(path).fault is None


def test_a_full_disk_leaves_what_was_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, write = fill(path), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(RecordFault, match=r"cannot be written"):
        record.append({"model": "thyroid", "change": "activated"})
    monkeypatch.undo()
    assert ChangeRecord(path).entries("thyroid") == record.entries("thyroid")
    assert ChangeRecord(path).fault is None
    assert len(record.entries("thyroid")) == 3


def test_a_full_record_refuses_the_change_and_can_still_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = fill(path)
    monkeypatch.setattr(change_record, "LARGEST", path.stat().st_size + 10)
    with pytest.raises(RecordFault, match=r"would be larger than"):
        record.append({"model": "thyroid", "change": "activated"})
    assert ChangeRecord(path).entries() == record.entries()


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    with pytest.raises(RecordFault, match=r"record cannot be read: Is a directory"):
        ChangeRecord(tmp_path / "record")
