"""Proposals out of a collection: only what nobody drew, each with a draft of the plugin."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from adjuvant.results.correction import is_human_correction, segmented_instances
from adjuvant.results.provenance import is_own
from tests.networks import bright_network
from tests.training.department import Visit, write_csv, write_scan
from tests.training.small_cases import QUIET
from training.collect.collection import collect
from training.collect.journal import read_journal
from training.collect.objects import Chooser
from training.collect.source import Folder
from training.dataset import DatasetError, read_index
from training.datasets.gathering import Request as Import
from training.datasets.importing import import_outlines
from training.datasets.split import Split, read_split, write_split
from training.propose.proposing import Request, propose
from training.pseudonyms import Pseudonyms

PSEUDONYMS = Pseudonyms(bytes(range(32)))
DRAWN, PATIENTS = 2, 5


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Five patients with two scans each; of the first two one scan is drawn, and one of these
    patients is a test patient."""
    visits = [Visit(patient, number) for patient in range(PATIENTS) for number in range(2)]
    for visit in visits:
        write_scan(visit, tmp_path / "scans")
    for patient in range(DRAWN):
        write_csv(Visit(patient, 0), tmp_path / "rois")
    collect(Folder(tmp_path / "scans"), Chooser(PSEUDONYMS), tmp_path / "collection", QUIET)
    request = Import(tmp_path / "collection", (tmp_path / "rois",), PSEUDONYMS)
    import_outlines(request, tmp_path / "data", QUIET)
    patients = sorted({entry.patient_id for entry in read_index(tmp_path / "data")})
    sides = dict(zip(patients, ("training", "test"), strict=True))
    write_split(tmp_path / "data", Split(patients=sides))
    return tmp_path


def request(place: Path, number: int) -> Request:
    return Request(place / "collection", place / "data", number)


def test_undrawn_scans_are_proposed_each_once_and_none_of_a_test_patient(place: Path) -> None:
    stored: list[bytes] = []
    found = propose(request(place, 50), bright_network(), place / "out", QUIET, stored.append)
    # The second scan of the training patient, and both of those of whom nothing is drawn.
    assert (len(found.proposals), found.undrawn, found.refused) == (7, 7, 0)
    with (place / "out" / "proposals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, 8))
    assert len({row["instance"] for row in rows}) == 7
    tested = {
        line.patient
        for line in read_journal(place / "collection")
        if line.patient in _patients(place, "test")
    }
    assert len(tested) == 1
    assert not tested & {row["patient"] for row in rows}
    written = sorted((place / "out").glob("*.dcm"))
    assert sorted(stored) == sorted(path.read_bytes() for path in written)


def _patients(place: Path, side: str) -> set[str]:
    split = read_split(place / "data")
    assert split is not None
    return {patient for patient, its in split.patients.items() if its == side}


def test_a_draft_is_ours_on_the_pseudonymous_scan_and_the_work_of_nobody(place: Path) -> None:
    (one,) = propose(request(place, 1), bright_network(), place / "out", QUIET).proposals
    scan, draft = (dcmread(place / "out" / name) for name in (one.scan, one.draft))
    assert is_own(draft)
    assert is_human_correction(draft) is None
    assert segmented_instances(draft) == (scan.SOPInstanceUID,)
    assert draft.StudyInstanceUID == scan.StudyInstanceUID
    assert str(scan.PatientID).startswith("ID_")
    assert np.any(draft.pixel_array)


def test_proposals_are_not_written_over(place: Path) -> None:
    propose(request(place, 1), bright_network(), place / "out", QUIET)
    with pytest.raises(DatasetError, match="holds proposals already"):
        propose(request(place, 1), bright_network(), place / "out", QUIET)


def test_without_a_collection_nothing_can_be_proposed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no collected scan"):
        propose(request(tmp_path, 1), bright_network(), tmp_path / "out", QUIET)


def test_where_nothing_is_drawn_yet_there_are_proposals_too(place: Path) -> None:
    bare = Request(place / "collection", place / "no data", 2)
    assert len(propose(bare, bright_network(), place / "out", QUIET).proposals) == 2
