"""A collection grows by what is new, whatever ends it half-way; nothing in it is half-written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.rules.syntax import Known, read_rules
from tests.builder import nm_dataset, to_bytes
from tests.disks import close_folder
from tests.training.department import Visit, scan, write_scan
from tests.training.rois.test_dicom_formats import highdicom_segmentation, own_plane, structure_set
from tests.training.rois.test_osirix_formats import archive, report
from tests.training.rois.vectors import POINTS
from tests.training.small_cases import QUIET
from training.collect.collection import Summary, collect
from training.collect.journal import JOURNAL, read_journal
from training.collect.objects import Chooser
from training.collect.one_key import KEY
from training.collect.source import Folder, Item, SourceFault
from training.dataset import DatasetError
from training.datasets.gathering import Request
from training.datasets.importing import import_outlines
from training.deidentify import to_file
from training.pseudonyms import KeyFault, Pseudonyms
from training.rois.labels import Names
from training.rois.readers import read_drawings

CHOOSER = Chooser(Pseudonyms(bytes(range(32))))
ITEM = Item("key", bytes, "place")
ROOT = Path(__file__).parents[3]


def take(scans: Path, out: Path):  # type: ignore[no-untyped-def]
    return collect(Folder(scans), CHOOSER, out, QUIET)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "dicom").rglob("*.dcm"))


def test_only_what_is_new_is_taken(tmp_path: Path) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    assert take(tmp_path / "scans", tmp_path / "out").outcomes == {"scan": 1}
    write_scan(Visit(0, 1), tmp_path / "scans")
    summary = take(tmp_path / "scans", tmp_path / "out")
    assert (summary.outcomes, summary.known) == ({"scan": 1}, 1)
    assert len(files(tmp_path / "out")) == 2
    # One patient, one folder.
    assert len({path.parent for path in files(tmp_path / "out")}) == 1


def test_what_is_no_thyroid_scan_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    bone = nm_dataset(scan(Visit(0, 0)).pixel_array, StudyDescription="Bone", BodyPartExamined="")
    (scans / "bone.dcm").write_bytes(to_bytes(bone))
    dynamic = scan(Visit(1, 0))
    dynamic.ImageType = ["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"]
    (scans / "dynamic.dcm").write_bytes(to_bytes(dynamic))
    (scans / "letter.txt").write_text("Dear Quackenbush")
    summary = take(scans, tmp_path / "out")
    assert summary.outcomes == {"passed over": 2, "refused": 1}
    assert summary.told == [
        "dynamic.dcm: not-static: ImageType value 3 is 'DYNAMIC': a dynamic series"
    ]
    assert summary.reasons["neither a description nor a code in the header names the thyroid"] == 1


def test_mended_rules_and_names_look_again_at_what_was_not_taken(tmp_path: Path) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    contour = structure_set([own_plane(*point) for point in POINTS])
    contour.SOPInstanceUID, contour.Modality = "1.2.3.4.5", "RTSTRUCT"
    contour.StructureSetROISequence[0].ROIName = "ROI 1"
    (tmp_path / "scans" / "contour.dcm").write_bytes(to_file(contour, "1.2.840.10008.1.2.1"))
    nothing = read_rules(
        [{"Name": "n", "When": {"Tag": "StationName", "Equals": "X"}, "Interpretation": "thyroid"}],
        Known(tuple(INTERPRETATIONS)),
        "Rules",
    )

    def by(**how) -> Summary:  # type: ignore[no-untyped-def]
        chooser = Chooser(CHOOSER.pseudonyms, **how)
        return collect(Folder(tmp_path / "scans"), chooser, tmp_path / "out", QUIET)

    assert by(rules=nothing).outcomes == {"passed over": 1, "outlines": 1}
    assert by(rules=nothing).outcomes == {}
    assert by().outcomes == {"scan": 1, "outlines": 1}
    # A scan that was taken stays, whatever the rules say now.
    assert by(rules=nothing).outcomes == {"outlines": 1}
    names = Names({"roi 1": "gland"})
    assert by(labels=names).outcomes == {"outlines": 1}
    (outlined,) = (line for line in read_journal(tmp_path / "out") if line.outcome == "outlines")
    found = read_drawings((tmp_path / "out" / str(outlined.file)).read_bytes())
    assert [one.name for one in found.drawings] == ["gland"]
    assert by(labels=names).known == 2


def test_outlines_that_cannot_be_fetched_a_second_time_stay(tmp_path: Path) -> None:
    contour = structure_set([own_plane(*point) for point in POINTS])
    contour.SOPInstanceUID, contour.Modality = "1.2.3.4.5", "RTSTRUCT"
    data = to_file(contour, "1.2.840.10008.1.2.1")

    class Once:
        def __init__(self, fetch: Callable[[], bytes]) -> None:
            self.fetch = fetch

        def items(self) -> Iterator[Item]:
            yield Item("key", self.fetch, "place")

    def gone() -> bytes:
        raise SourceFault("gone")

    collect(Once(lambda: data), CHOOSER, tmp_path, QUIET)
    before = read_journal(tmp_path)
    other = Chooser(CHOOSER.pseudonyms, Names({"gland": "nodule"}))
    assert collect(Once(gone), other, tmp_path, QUIET).outcomes == {"fault": 1}
    assert read_journal(tmp_path) == before


class Dying:
    """A source that ends after some objects, as a network does."""

    def __init__(self, scans: Path, after: int) -> None:
        self._scans, self._after = scans, after

    def items(self) -> Iterator[Item]:
        for number, item in enumerate(Folder(self._scans).items()):
            if number == self._after:
                raise SourceFault("the network is gone")
            yield item


def test_a_run_that_dies_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in range(4):
        write_scan(Visit(number, 0), tmp_path / "scans")
    with pytest.raises(SourceFault, match="the network is gone"):
        collect(Dying(tmp_path / "scans", 2), CHOOSER, tmp_path / "out", QUIET)
    assert len(files(tmp_path / "out")) == 2
    # A kill within a write leaves half a line and half a file.
    with (tmp_path / "out" / JOURNAL).open("a") as file:
        file.write('{"token": "abc", "outc')
    half = files(tmp_path / "out")[0].with_suffix(".dcm.1.part")
    half.write_bytes(b"half")
    summary = take(tmp_path / "scans", tmp_path / "out")
    assert (summary.outcomes, summary.known) == ({"scan": 2}, 2)
    assert not half.exists()
    assert len(read_journal(tmp_path / "out")) == 4


def test_a_folder_that_may_not_be_listed_is_named_and_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    write_scan(Visit(0, 1), tmp_path / "scans" / "closed")
    with monkeypatch.context() as patch:
        close_folder(tmp_path / "scans" / "closed", patch)
        summary = take(tmp_path / "scans", tmp_path / "out")
    assert summary.outcomes == {"scan": 1, "fault": 1}
    assert summary.told[0].startswith("closed: cannot read closed")
    assert take(tmp_path / "scans", tmp_path / "out").outcomes == {"scan": 1}


def test_an_object_that_cannot_be_fetched_is_named_and_tried_again(tmp_path: Path) -> None:
    path = write_scan(Visit(0, 0), tmp_path / "scans")

    class Unreadable:
        def items(self) -> Iterator[Item]:
            (item,) = Folder(tmp_path / "scans").items()

            def fetch() -> bytes:
                raise SourceFault(f"cannot read {path.name}")

            yield Item(item.key, fetch, item.place, item.stem)

    summary = collect(Unreadable(), CHOOSER, tmp_path / "out", QUIET)
    assert summary.outcomes == {"fault": 1}
    assert "cannot read" in summary.told[0]
    # The file's name, which may be the patient's, stays on the screen.
    assert path.stem not in (tmp_path / "out" / JOURNAL).read_text("utf-8")
    assert take(tmp_path / "scans", tmp_path / "out").outcomes == {"scan": 1}


def limited() -> None:
    """No file of this process may grow beyond 3 kB: what a full disk does, to everybody."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


def test_a_full_disk_ends_the_run_in_one_line_and_leaves_nothing_half(tmp_path: Path) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    (tmp_path / "key").write_text("11" * 32)
    command = [sys.executable, "-B", "-m", "training", "collect", "--key", str(tmp_path / "key")]
    command += ["--folder", str(tmp_path / "scans"), "--out", str(tmp_path / "out")]
    path = os.pathsep.join([str(ROOT / "plugin"), str(ROOT)])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path}
    answer = subprocess.run(
        command, env=environment, preexec_fn=limited, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "error: [Errno 27] File too large" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert [
        path for path in (tmp_path / "out").rglob("*") if path.suffix in (".part", ".dcm")
    ] == []
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "new: 1 scan" in again.stdout, again.stderr


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"token": 1}\n{"token": 2}\n')
    with pytest.raises(DatasetError, match=r"journal\.jsonl, line 1"):
        read_journal(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="none is not a folder"):
        take(tmp_path / "none", tmp_path / "out")


def outlines(data: bytes) -> tuple[bytes, list[str], set[str | None]]:
    """What is kept of a DICOM object of outlines; its names and the images it lies on."""
    kept = CHOOSER.keep(data, ITEM)
    assert kept.outcome == "outlines", kept.reason
    assert kept.data is not None
    found = read_drawings(kept.data)
    names = [one.name for one in found.drawings]
    return kept.data, names, {one.reference.instance for one in found.drawings}


def test_dicom_outlines_are_taken_along_under_pseudonyms() -> None:
    from tests.training.rois.vectors import UID

    contour = structure_set([own_plane(*point) for point in POINTS])
    contour.SOPInstanceUID = "1.2.3.4.5"
    contour.PatientName, contour.PatientID = "Vandenbroucke^A", "77"
    contour.Modality = "RTSTRUCT"
    contour.StructureSetROISequence[0].ROIName = "thyroid Vandenbroucke"
    segmentation = highdicom_segmentation("BINARY")
    segmentation.PatientName = "Vandenbroucke^A"
    segmentation.SegmentSequence[0].SegmentLabel = "Gland of Vandenbroucke"
    roi_report = report(archive(11, POINTS, "{{0, 0}, {0, 0}}").replace(b"Gland", b"Thyro"))
    roi_report.SOPClassUID, roi_report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.9"
    roi_report.PatientName = "Vandenbroucke^A"
    for source in (contour, segmentation, roi_report):
        data, names, instances = outlines(to_file(source, "1.2.840.10008.1.2.1"))
        assert b"Vandenbroucke" not in data
        assert UID.encode() not in data
        assert instances == {CHOOSER.pseudonyms.uid(UID)}
        assert all(name.startswith("gland") for name in names)
        assert dcmread(BytesIO(data)).PatientName.family_name.startswith("Th_")


def test_a_damaged_object_is_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    contour = structure_set([own_plane(*point) for point in POINTS])
    contour.SOPInstanceUID = "1.2.3"
    data = to_file(contour, "1.2.840.10008.1.2.1")
    nameless = data.replace(b"\x08\x00\x18\x00UI", b"\x08\x00\x19\x00UI")
    (tmp_path / "scans" / "A.dcm").write_bytes(nameless)
    summary = take(tmp_path / "scans", tmp_path / "out")
    assert summary.outcomes == {"scan": 1, "refused": 1}
    assert summary.told == ["A.dcm: damaged: a value cannot be read (AttributeError)"]


def test_a_name_that_may_be_burnt_in_is_told_and_kept_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    written = scan(Visit(0, 0))
    written.BurnedInAnnotation = "YES"
    (tmp_path / "scans" / "a.dcm").write_bytes(to_bytes(written))
    summary = take(tmp_path / "scans", tmp_path / "out")
    assert summary.outcomes == {"scan": 1}
    assert summary.told == ["a.dcm: a name may be burnt in (BurnedInAnnotation is YES)"]
    (line,) = read_journal(tmp_path / "out")
    assert line.risk == "BurnedInAnnotation is YES"


class Many:
    """So many scans of half a megabyte, made when they are fetched."""

    def __init__(self, scans: int) -> None:
        self._scans = scans

    def items(self) -> Iterator[Item]:
        for number in range(self._scans):
            yield Item(f"{number}", partial(self._fetch, number), f"scan {number}")

    def _fetch(self, number: int) -> bytes:
        image = np.full((512, 512), number + 1, np.uint16)
        image[:256] = 0
        return to_bytes(nm_dataset(image, SOPInstanceUID=f"1.2.{number + 1}"))


def peak(scans: int, out: Path) -> int:
    """Bytes of memory that a collection of so many scans needs at once."""
    tracemalloc.start()
    try:
        assert collect(Many(scans), CHOOSER, out, QUIET).outcomes == {"scan": scans}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_scans_need_no_more_memory(tmp_path: Path) -> None:
    peak(1, tmp_path / "warm")
    assert peak(20, tmp_path / "many") < peak(2, tmp_path / "few") + (1 << 19)


def test_a_folder_is_collected_with_one_key_only(tmp_path: Path) -> None:
    write_scan(Visit(0, 0), tmp_path / "scans")
    source, folder = Folder(tmp_path / "scans"), tmp_path / "out"
    collect(source, CHOOSER, folder, QUIET, dry_run=True)
    assert not folder.exists()
    other = Pseudonyms(bytes(range(1, 33)))
    with pytest.raises(SourceFault):
        collect(Folder(tmp_path / "mistyped"), Chooser(other), folder, QUIET)
    collect(source, CHOOSER, folder, QUIET)
    for dry_run in (True, False):
        with pytest.raises(KeyFault, match="out was collected with another key"):
            collect(source, Chooser(other), folder, QUIET, dry_run=dry_run)
    with pytest.raises(KeyFault, match="out was collected with another key"):
        import_outlines(Request(folder, (), other), tmp_path / "data", QUIET)
    assert collect(source, CHOOSER, folder, QUIET).known == 1
    (folder / KEY).unlink()  # of an earlier version
    assert collect(source, CHOOSER, folder, QUIET).known == 1
    assert (folder / KEY).exists()
