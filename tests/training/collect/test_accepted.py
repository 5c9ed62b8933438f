"""What a network drew teaches nothing by itself; what a person accepted does."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from tests.adjuvant.corrections.test_recognise import RESULTS, saved
from tests.training.small_cases import QUIET
from tests.viewer.objects import file_of, one_oblong_view
from training.collect.collection import collect
from training.collect.journal import Line, read_journal
from training.collect.objects import Chooser
from training.collect.source import Item
from training.collect.withdrawn import Withdrawal, accepted_by, archive_token, withdraw
from training.data_report import tell_withdrawn
from training.dataset import read_case, read_index
from training.datasets.gathering import Request
from training.datasets.import_report import Report
from training.datasets.importing import import_outlines
from training.pseudonyms import Pseudonyms

PSEUDONYMS = Pseudonyms(bytes(range(32)))
CHOOSER = Chooser(PSEUDONYMS)
HERE = "http://orthanc-a:8042"


class Listed:
    """A source of these objects; (object, accepted)."""

    def __init__(self, *objects: tuple[Dataset, bool]) -> None:
        self._objects = objects

    def items(self) -> Iterator[Item]:
        for number, (dataset, accepted) in enumerate(self._objects):
            data = file_of(dataset)
            key = f"{number} {accepted}"
            yield Item(key, lambda data=data: data, key, stem="scan", accepted=accepted)


def collected(folder: Path, *drawn: tuple[Dataset, bool]) -> None:
    objects = ((RESULTS.source, False), (RESULTS.segmentation, False), *drawn)
    here = archive_token(PSEUDONYMS, HERE)
    collect(Listed(*objects), CHOOSER, folder / "collection", QUIET, archive=here)


def taken_back(folder: Path, url: str, *keys: str, everything: bool = False) -> Withdrawal:
    accepted = accepted_by(PSEUDONYMS, url, keys)
    return withdraw(folder / "collection", accepted, everything=everything)


def imported(folder: Path, *rois: Path) -> Report:
    request = Request(folder / "collection", rois, PSEUDONYMS)
    return import_outlines(request, folder / "data", QUIET)


@pytest.mark.parametrize("change", [True, False])
def test_what_a_viewer_saved_over_our_result_is_no_truth_until_a_person_accepts_it(
    tmp_path: Path, change: bool
) -> None:
    collected(tmp_path, (saved(change=change), False))
    report = imported(tmp_path)
    assert report.counts["cases"] == 0
    assert report.counts["corrections not accepted"] == 1
    assert not (tmp_path / "data").exists()


def test_what_a_person_accepted_becomes_a_case_and_says_so(tmp_path: Path) -> None:
    theirs = saved()
    # A lobe that was left as it was says nothing about the gland that was corrected.
    lobe = theirs.SegmentSequence[1]
    lobe.SegmentLabel = "Right lobe"
    lobe.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Right lobe of thyroid gland"
    collected(tmp_path, (theirs, True))
    report = imported(tmp_path)
    assert report.counts["cases"] == 2, report.problems
    first, second = (read_case(tmp_path / "data", one) for one in read_index(tmp_path / "data"))
    wanted = RESULTS.masks[0].copy()
    wanted[0, 20:24, 20:30] = True
    np.testing.assert_array_equal(first.gland, wanted[0])
    np.testing.assert_array_equal(second.gland, wanted[1])
    assert first.properties["correction"] is True
    assert first.nodules == ()


def test_what_is_not_accepted_any_more_is_taken_back_and_may_come_again(tmp_path: Path) -> None:
    collected(tmp_path, (saved(), True))
    assert imported(tmp_path).counts["cases"] == 2
    folder = tmp_path / "collection"
    assert taken_back(tmp_path, HERE, "2 True") == Withdrawal()
    (line,) = (line for line in read_journal(folder) if line.accepted)
    accepted_elsewhere = accepted_by(PSEUDONYMS, HERE, ["another"])
    assert withdraw(folder, accepted_elsewhere, dry_run=True).gone == [line]
    assert (folder / str(line.file)).exists()
    assert [one for one in read_journal(folder) if one.accepted] == [line]
    assert taken_back(tmp_path, HERE, "another").gone == [line]
    assert not (folder / str(line.file)).exists()
    report = imported(tmp_path)
    assert (report.counts["cases"], report.counts["corrections taken back"]) == (0, 2)
    assert read_index(tmp_path / "data") == []
    collected(tmp_path, (saved(), True))
    assert imported(tmp_path).counts["cases"] == 2


def accepted(folder: Path) -> list[Line]:
    return [line for line in lines(folder) if line.accepted]


def test_what_another_orthanc_accepted_stays(tmp_path: Path) -> None:
    collected(tmp_path, (saved(), True))
    (line,) = accepted(tmp_path)
    assert taken_back(tmp_path, "http://b:8042", "other").elsewhere == [line]
    assert taken_back(tmp_path, "http://b:8042", everything=True).elsewhere == [line]
    assert accepted(tmp_path) == [line]
    # Neither the user nor the protocol makes it another one.
    assert taken_back(tmp_path, "https://user:secret@Orthanc-A:8042/", "other").gone == [line]
    assert accepted(tmp_path) == []


def test_where_no_correction_is_listed_at_all_nothing_is_taken_back_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collected(tmp_path, (saved(), True))
    tell_withdrawn(found := taken_back(tmp_path, HERE), dry_run=False)
    assert (len(found.unlisted), len(accepted(tmp_path))) == (1, 1)
    said = capsys.readouterr().out
    assert "1 stay: this Orthanc lists no accepted correction at all" in said
    assert said.startswith("taken back: 0")
    tell_withdrawn(found, dry_run=True)
    assert capsys.readouterr().out.startswith("would be taken back: 0")
    assert len(taken_back(tmp_path, HERE, everything=True).gone) == 1
    assert accepted(tmp_path) == []


def test_a_correction_of_an_earlier_version_stays_until_its_orthanc_lists_it(
    tmp_path: Path,
) -> None:
    objects = ((RESULTS.source, False), (RESULTS.segmentation, False), (saved(), True))
    collect(Listed(*objects), CHOOSER, tmp_path / "collection", QUIET)
    (line,) = accepted(tmp_path)
    assert line.archive == ""
    assert taken_back(tmp_path, HERE, "other").unknown == [line]
    assert taken_back(tmp_path, HERE, "2 True") == Withdrawal()
    assert len(taken_back(tmp_path, HERE, "other").gone) == 1


def as_picture(folder: Path, change: int) -> Path:
    results = one_oblong_view()
    objects = ((results.source, False), (results.segmentation, False))
    collect(Listed(*objects), CHOOSER, folder / "collection", QUIET)
    mask = results.masks[:, 0].any(axis=0)
    row, column = np.argwhere(mask)[0]
    mask[row - change : row, column] = True
    (folder / "rois").mkdir()
    Image.fromarray((mask * 255).astype(np.uint8)).save(folder / "rois" / "scan.png")
    return folder / "rois"


def test_our_outline_is_no_truth_in_another_format_either(tmp_path: Path) -> None:
    report = imported(tmp_path, as_picture(tmp_path, 0))
    assert report.counts["cases"] == 0
    assert report.counts["outlines that are our own"] == 1


def test_what_a_person_drew_in_another_format_is_taken_as_before(tmp_path: Path) -> None:
    assert imported(tmp_path, as_picture(tmp_path, 1)).counts["cases"] == 1


def test_a_scan_that_is_pseudonymous_already_is_not_collected_as_another_patient_s(
    tmp_path: Path,
) -> None:
    """From the Orthanc in which proposals were drawn, only what was drawn is taken."""
    collected(tmp_path)
    first = {line.outcome: tmp_path / "collection" / str(line.file) for line in lines(tmp_path)}
    scan = dcmread(first["scan"])
    drawn = saved()
    _point_to(drawn, scan.SOPInstanceUID)
    drawn.PatientID = scan.PatientID
    summary = collect(Listed((scan, False), (drawn, True)), CHOOSER, tmp_path / "again", QUIET)
    assert summary.outcomes == {"passed over": 1, "outlines": 1}
    (outlines,) = (line for line in read_journal(tmp_path / "again") if line.file)
    # Nobody can know of the acceptance from a folder of files: a result of ours is not beside it.
    (tmp_path / "bare").mkdir()
    collect(Listed((RESULTS.source, False)), CHOOSER, tmp_path / "bare" / "collection", QUIET)
    report = imported(tmp_path / "bare", tmp_path / "again" / str(outlines.file))
    assert report.counts["cases"] == 2, report.problems


@pytest.mark.parametrize("change", [True, False])
def test_what_was_saved_over_a_draft_in_a_second_archive_is_no_truth_either(
    tmp_path: Path, change: bool
) -> None:
    """Scans and drafts of `propose` in an Orthanc without Adjuvant, and what came back from it."""
    collect(Listed((RESULTS.source, False)), CHOOSER, tmp_path / "collection", QUIET)
    (line,) = lines(tmp_path)
    pseudonymous = dcmread(tmp_path / "collection" / str(line.file)).SOPInstanceUID
    draft, theirs = deepcopy(RESULTS.segmentation), saved(change=change)
    for one in (draft, theirs):
        _point_to(one, pseudonymous)
    collect(Back(draft, theirs), CHOOSER, tmp_path / "collection", QUIET)
    report = imported(tmp_path)
    assert report.counts["cases"] == 0
    assert report.counts["corrections not accepted"] == 1, report.problems


class Back(Listed):
    """The same under other keys: from another archive."""

    def __init__(self, *objects: Dataset) -> None:
        super().__init__(*((one, False) for one in objects))

    def items(self) -> Iterator[Item]:
        for item in super().items():
            yield replace(item, key=f"second {item.key}")


def lines(folder: Path) -> list[Line]:
    return read_journal(folder / "collection")


def _point_to(seg: Dataset, uid: str) -> None:
    def visit(_: Dataset, element) -> None:  # type: ignore[no-untyped-def]
        if element.keyword == "ReferencedSOPInstanceUID":
            element.value = uid

    seg.walk(visit)
