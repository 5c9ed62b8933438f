"""The tutorial does what it says: its own blocks are run, with fewer scans."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.ports import free_port
from deploy.serve import ROOT
from training.dataset import read_index
from training.datasets.split import read_split

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCANS, DRAWN = 14, 8
LONGEST_S = 400.0  # on a busy machine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the tutorial was gone through."""
    folder = tmp_path_factory.mktemp("tutorial")
    smaller = {
        "T": str(folder),
        "SCANS": str(SCANS),
        "DRAWN": str(DRAWN),
        "EPOCHS": "1",
        "HTTP_PORT": str(free_port()),
        "DICOM_PORT": str(free_port()),
        "PYTHONPATH": str(ROOT / "plugin"),
    }
    script = "set -euo pipefail\n" + "\n".join(BLOCK.findall(PAGE.read_text("utf-8")))
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=os.environ | smaller,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        said, _ = process.communicate()
    (folder / "said.txt").write_text(said)
    assert process.returncode == 0, said[-4000:]
    return folder


def test_every_step_of_the_issue_is_in_it() -> None:
    text = "\n".join(BLOCK.findall(PAGE.read_text("utf-8")))
    steps = ("simulate", "collect", "outlines", "divide", "check", "train", "release", "propose")
    assert [step for step in steps if f"python -m training {step} " not in text] == []
    assert "--corrections" in text
    assert "/shadow" in text


def test_the_whole_way_is_gone_to_its_end(place: Path) -> None:
    said = (place / "said.txt").read_text()
    assert f"{SCANS} scans and {DRAWN} outlines" in said
    assert f"{DRAWN} cases" in said
    assert "no problem found" in said
    assert (place / "released" / "thyroid" / "1.0.0" / "report.html").exists()


def test_accepted_corrections_are_cases_and_rejected_ones_are_not(place: Path) -> None:
    entries = read_index(place / "data")
    corrected = [entry for entry in entries if entry.properties.get("correction")]
    assert len(corrected) == 2
    split = read_split(place / "data")
    assert split is not None
    assert split.frozen is not None
    assert {split.patients[entry.patient_id] for entry in corrected} <= {"training", "validation"}
    decisions = (place / "orthanc" / "adjuvant" / "correction-decisions.jsonl").read_text()
    told = [json.loads(line) for line in decisions.splitlines()]
    assert [(one["decision"], one["who"]) for one in told] == [
        ("accepted", "Dr Tutorial"),
        ("accepted", "Dr Tutorial"),
        ("rejected", "Dr Tutorial"),
    ]


def test_five_scans_are_proposed_with_drafts_and_none_that_is_drawn(place: Path) -> None:
    with (place / "proposals" / "proposals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    drawn = {entry.patient_id for entry in read_index(place / "data")}
    assert {row["patient"] for row in rows}
    for row in rows:
        assert (place / "proposals" / row["scan"]).exists()
        assert (place / "proposals" / row["draft"]).exists()
        assert 0 <= float(row["expected_error"]) <= 1
    split = read_split(place / "data")
    assert split is not None
    sides = {split.patients.get(row["patient"]) for row in rows if row["patient"] in drawn}
    assert "test" not in sides
