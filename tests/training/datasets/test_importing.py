"""Outlines that cannot be right are named and counted, and the rest becomes cases."""

from __future__ import annotations

import json
import plistlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nrrd
import numpy as np
import pytest
from PIL import Image

from tests.builder import to_bytes
from tests.disks import close_folder
from tests.training.department import Visit, counts, points, scan, write_csv, write_scan
from tests.training.small_cases import QUIET
from training.collect.collection import collect
from training.collect.objects import Chooser
from training.collect.source import Folder
from training.data_report import LONGEST_LIST, tell_imported
from training.dataset import DatasetError, read_case, read_index
from training.datasets.check import check
from training.datasets.gathering import Request
from training.datasets.import_report import Report
from training.datasets.importing import import_outlines
from training.datasets.matching import stem_of
from training.datasets.split import Split, freeze, write_split
from training.deidentify import identity_of
from training.phantom.dicom import write_dicom
from training.phantom.simulator import simulate_case
from training.pseudonyms import Pseudonyms
from training.rois.drawing import Outline
from training.rois.labels import Names
from training.rois.rasterise import rasterise_outline

PSEUDONYMS = Pseudonyms(bytes(range(32)))
VISIT = Visit(2, 1)


def gland(visit: Visit = VISIT) -> np.ndarray:
    return rasterise_outline(Outline((np.array(points(visit)),)), (48, 48))


@pytest.fixture
def department(tmp_path: Path) -> Path:
    """One scan in a collection."""
    write_scan(VISIT, tmp_path / "scans")
    fill(tmp_path)
    return tmp_path


def fill(folder: Path) -> None:
    collect(Folder(folder / "scans"), Chooser(PSEUDONYMS), folder / "collection", QUIET)


def run(folder: Path, *, key: bool = True, names: Names | None = None) -> Report:
    request = Request(
        folder / "collection",
        (folder / "rois",) if (folder / "rois").exists() else (),
        PSEUDONYMS if key else None,
        names or Names(),
    )
    return import_outlines(request, folder / "data", QUIET)


def write_xml(folder: Path, outline: list[tuple[float, float]], **image: int) -> None:
    roi = {"Name": "gland", "Type": 11, "Point_px": [f"({x}, {y})" for x, y in outline]}
    about = {"ImageIndex": 0, "ImageTotalNum": 1, "ROIs": [roi], **image}
    folder.mkdir(exist_ok=True)
    (folder / f"{VISIT.stem}.xml").write_bytes(plistlib.dumps({"Images": [about]}))


def broken_file(folder: Path) -> None:
    write_csv(VISIT, folder / "rois").write_bytes(b"ImageNo;;;")


def roi_without_its_image(folder: Path) -> None:
    write_csv(Visit(3, 0), folder / "rois")


def nameless_roi_like_no_scan(folder: Path) -> None:
    write_csv(Visit(3, 0), folder / "rois", uids=False)


def two_that_disagree(folder: Path) -> None:
    write_csv(VISIT, folder / "rois")
    write_xml(folder / "rois", [(x + 4, y) for x, y in points(VISIT)])


def other_matrix(folder: Path) -> None:
    write_xml(
        folder / "rois", [(2 * x, 2 * y) for x, y in points(VISIT)], ImageHeight=96, ImageWidth=96
    )


def flipped(folder: Path) -> None:
    (folder / "rois").mkdir()
    picture = Image.fromarray((gland()[::-1] * 255).astype(np.uint8))
    picture.save(folder / "rois" / f"{VISIT.stem}.png")


def mask_of_another_size(folder: Path) -> None:
    (folder / "rois").mkdir()
    Image.fromarray(np.eye(64, dtype=np.uint8)).save(folder / "rois" / f"{VISIT.stem}.png")


def other_structure(folder: Path) -> None:
    write_csv(VISIT, folder / "rois", name="Parotis")


def another_image_of_the_series(folder: Path) -> None:
    path = write_csv(VISIT, folder / "rois", uids=False)
    path.write_text(path.read_text("utf-8").replace("\n0,0,", "\n3,0,"), "utf-8")


@pytest.mark.parametrize(
    ("prepare", "kind", "said"),
    [
        (broken_file, "unreadable files of outlines", "no column"),
        (roi_without_its_image, "outlines without their image", "not in the collection"),
        (nameless_roi_like_no_scan, "outlines without their image", "no scan is called like it"),
        (two_that_disagree, "outlines that do not fit", r"disagree \(Dice 0\."),
        (other_matrix, "outlines that do not fit", "drawn on a matrix of 96 x 96"),
        (flipped, "outlines that do not fit", "flipped upside down"),
        (mask_of_another_size, "outlines that do not fit", "64 x 64 does not fit"),
        (other_structure, "outlines of other things", "no gland or nodule"),
        (another_image_of_the_series, "outlines that do not fit", "drawn on image 4 of a series"),
    ],
)
def test_what_cannot_be_used_is_counted_and_named(
    department: Path, prepare: Callable[[Path], None], kind: str, said: str
) -> None:
    import re

    prepare(department)
    report = run(department)
    assert report.counts["cases"] == 0
    assert report.counts[kind] == 1
    (problem,) = report.problems
    assert re.search(said, problem)
    assert not (department / "data" / "index.csv").exists()


def test_a_scan_without_an_outline_is_counted(department: Path) -> None:
    write_scan(Visit(4, 0), department / "scans")
    fill(department)
    write_csv(VISIT, department / "rois")
    report = run(department)
    assert report.counts == {"cases": 1, "scans without an outline": 1}
    instance = PSEUDONYMS.uid(Visit(4, 0).uid)
    (undrawn,) = report.undrawn
    assert undrawn.endswith(f"/{instance}.dcm")
    assert (department / "collection" / undrawn).exists()


def test_a_copy_of_a_scan_is_the_same_scan_under_a_second_name(department: Path) -> None:
    (copy,) = (department / "scans").iterdir()
    (department / "scans" / "zzz.dcm").write_bytes(copy.read_bytes())
    fill(department)
    # Outlines may be called like either of the two files.
    for name in (VISIT.stem, "zzz"):
        path = write_csv(VISIT, department / "rois", uids=False)
        path.rename(path.with_name(f"{name}.csv"))
        report = run(department)
        assert report.counts["cases"] == 1, report.problems
        assert len(report.entries) == 1
        (department / "rois" / f"{name}.csv").unlink()


def test_a_damaged_scan_in_the_collection_is_named_and_the_rest_goes_on(department: Path) -> None:
    write_scan(Visit(4, 0), department / "scans")
    fill(department)
    damaged = next((department / "collection").rglob(f"{PSEUDONYMS.uid(VISIT.uid)}.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    write_csv(VISIT, department / "rois")
    write_csv(Visit(4, 0), department / "rois")
    report = run(department)
    assert report.counts == {"cases": 1, "unreadable scans": 1}
    (problem,) = report.problems
    assert problem.startswith(damaged.relative_to(department / "collection").as_posix())


def large(visit: Visit) -> bytes:
    """The same scan and outline on a matrix of 96."""
    source = scan(visit)
    counts_96 = np.kron(source.pixel_array, np.ones((2, 2), np.uint16))
    source.Rows, source.Columns = counts_96.shape
    source.PixelData = counts_96.tobytes()
    return to_bytes(source)


def test_scans_of_mixed_sizes_are_cases_and_the_sizes_are_counted(
    department: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = Visit(4, 0)
    (department / "scans" / f"{visit.stem}.dcm").write_bytes(large(visit))
    fill(department)
    write_csv(VISIT, department / "rois")
    mask = np.kron(gland(visit), np.ones((2, 2))) * 255
    Image.fromarray(mask.astype(np.uint8)).save(department / "rois" / f"{visit.stem}.png")
    report = run(department)
    tell_imported(report, department / "data", dry_run=True)
    assert "2 cases\nmixed sizes: " in (said := capsys.readouterr().out)
    assert {"48 x 48 (1)", "96 x 96 (1)"} <= set(said.splitlines()[1][13:].split(", "))


def test_what_could_not_be_used_is_told_case_by_case(
    department: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Visit(3, 0), department / "rois")
    broken_file(department)
    tell_imported(run(department), department / "data", dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    assert {
        "1 unreadable files of outlines",
        "1 outlines without their image",
        "1 scans without an outline",
        "no case was made",
    } <= set(lines)
    named = [line for line in lines if ": " in line]
    assert len(named) == 3
    assert named[-1].endswith(".dcm: no outline")


@pytest.mark.parametrize(("screen", "lines"), [(True, LONGEST_LIST + 1), (False, 3 * LONGEST_LIST)])
def test_a_long_list_is_cut_on_a_screen_only(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    screen: bool,
    lines: int,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: screen)
    report = Report(counts=Counter(cases=1), undrawn=[f"{n}.dcm" for n in range(3 * LONGEST_LIST)])
    tell_imported(report, tmp_path, dry_run=True)
    told = capsys.readouterr().out.splitlines()[1:]
    assert len(told) == lines
    assert (f"... and {2 * LONGEST_LIST} more: add `| less` to see all of them" in told) is screen


def test_a_frozen_test_case_that_is_drawn_anew_stays_as_it_was(department: Path) -> None:
    path = write_csv(VISIT, department / "rois")
    entries = run(department).entries
    patients = {entry.patient_id: "test" for entry in entries}
    data = department / "data"
    write_split(data, freeze(data, Split(patients=patients), entries))
    assert run(department).counts == {"cases": 1}
    path.unlink()
    write_xml(department / "rois", [(x, y + 1) for x, y in points(VISIT)])
    report = run(department)
    assert report.counts == {"frozen cases drawn anew": 1}
    assert "the test set is frozen: it stays" in report.problems[0]
    (entry,) = read_index(data)
    np.testing.assert_array_equal(read_case(data, entry).gland, gland())
    assert check(data) == []


def two_cases(folder: Path) -> tuple[Path, Path, list[str]]:
    """Outlines of two scans, and the cases made of them."""
    write_scan(Visit(4, 0), folder / "scans")
    fill(folder)
    drawn = [write_csv(visit, folder / "rois") for visit in (VISIT, Visit(4, 0))]
    return drawn[0], drawn[1], [entry.case_id for entry in run(folder).entries]


def cases(folder: Path) -> set[str]:
    return {entry.case_id for entry in read_index(folder / "data")}


def test_an_outline_that_was_deleted_takes_its_case_with_it(department: Path) -> None:
    path, _, (first, second) = two_cases(department)
    path.unlink()
    request = Request(department / "collection", (department / "rois",), PSEUDONYMS)
    told = import_outlines(request, department / "data", QUIET, dry_run=True)
    assert cases(department) == {first, second}
    report = run(department)
    assert report.counts == told.counts
    assert report.counts["outlines taken back"] == 1
    assert report.problems == [f"{first}: removed: no outline can be used any more"]
    assert cases(department) == {second}
    assert not (department / "data" / "cases" / f"{first}.npz").exists()
    assert check(department / "data") == []


def test_outlines_that_disagree_now_take_back_what_one_of_them_made(department: Path) -> None:
    _, _, (first, second) = two_cases(department)
    write_xml(department / "rois", [(x + 4, y) for x, y in points(VISIT)])
    report = run(department)
    assert report.counts == {"cases": 1, "outlines that do not fit": 1, "outlines taken back": 1}
    assert cases(department) == {second}
    (department / "rois" / f"{VISIT.stem}.xml").unlink()
    run(department)
    assert cases(department) == {first, second}


def test_a_frozen_case_without_an_outline_stays_and_is_named(department: Path) -> None:
    path, _, (first, second) = two_cases(department)
    data = department / "data"
    entries = read_index(data)
    patients = {entry.patient_id: "test" for entry in entries}
    write_split(data, freeze(data, Split(patients=patients), entries))
    path.unlink()
    report = run(department)
    assert report.counts["frozen cases without an outline"] == 1
    assert "the earlier one stays: it is frozen" in report.problems[0]
    assert cases(department) == {first, second}
    assert check(data) == []


def test_what_a_run_did_not_look_at_stays_and_is_named(department: Path) -> None:
    path, other, both = two_cases(department)
    elsewhere = department / "second"
    elsewhere.mkdir()
    other.rename(elsewhere / other.name)
    data = department / "data"
    # Another folder of outlines; then none, and another collection of the same scans.
    (department / "again").mkdir()
    collect(Folder(department / "scans"), Chooser(PSEUDONYMS), department / "again", QUIET)
    for request in (
        Request(department / "collection", (elsewhere,), PSEUDONYMS),
        Request(department / "collection", (), PSEUDONYMS),
        Request(department / "again", (), PSEUDONYMS),
    ):
        report = import_outlines(request, data, QUIET)
        assert report.counts["earlier cases that were not looked for"] > 0
        assert "delete cases/" in report.problems[0]
        assert cases(department) == set(both)
    # A folder without any file is one that is not there, such as a drive.
    path.unlink()
    assert run(department).counts["earlier cases that were not looked for"] == 2
    assert cases(department) == set(both)


def test_a_case_stays_whose_outline_is_in_a_folder_that_may_not_be_listed(
    department: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _, both = two_cases(department)
    closed = path.parent / "closed"
    closed.mkdir()
    path.rename(closed / path.name)
    close_folder(closed, monkeypatch)
    report = run(department)
    assert report.counts["unreadable files of outlines"] == 1
    assert cases(department) == set(both)


def mend_the_number(folder: Path) -> None:
    """The scan had the number of another patient, and has its own now."""
    source = scan(VISIT)
    source.PatientID, source.PatientName = "NISS-right", "Right^Rita"
    (folder / "scans" / f"{VISIT.stem}.dcm").write_bytes(to_bytes(source))
    fill(folder)


def test_a_scan_whose_patient_was_another_one_is_in_the_data_set_once(department: Path) -> None:
    write_csv(VISIT, department / "rois")
    (before,) = run(department).entries
    mend_the_number(department)
    report = run(department)
    (after,) = read_index(department / "data")
    assert after.patient_id != before.patient_id
    assert report.problems == [
        f"{before.case_id}: removed: its scan has another patient's number now"
    ]
    assert check(department / "data") == []


def test_a_frozen_scan_whose_patient_was_another_one_does_not_come_again(department: Path) -> None:
    write_csv(VISIT, department / "rois")
    (before,) = run(department).entries
    split = Split(patients={before.patient_id: "test"})
    write_split(department / "data", freeze(department / "data", split, [before]))
    mend_the_number(department)
    report = run(department)
    assert read_index(department / "data") == [before]
    assert "is in the frozen test set, under another patient: it stays out" in report.problems[0]


def test_a_case_of_a_scan_that_cannot_be_read_stays(department: Path) -> None:
    _, _, both = two_cases(department)
    damaged = next((department / "collection").rglob(f"{PSEUDONYMS.uid(VISIT.uid)}.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    assert run(department).counts == {"cases": 1, "unreadable scans": 1}
    assert cases(department) == set(both)


def test_a_case_of_a_run_that_was_killed_is_taken_back_as_well(department: Path) -> None:
    path, _, (_, second) = two_cases(department)
    (department / "data" / "index.csv").unlink()
    path.unlink()
    run(department)
    assert cases(department) == {second}


def test_a_picture_named_after_the_scan_is_its_mask(department: Path) -> None:
    (department / "rois").mkdir()
    picture = Image.fromarray((gland() * 255).astype(np.uint8))
    picture.save(department / "rois" / f"{VISIT.stem}.png")
    (entry,) = run(department).entries
    np.testing.assert_array_equal(read_case(department / "data", entry).gland, gland())


def write_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask * 255).astype(np.uint8)).save(path)


def in_folders(tmp_path: Path, *files: tuple[str, Visit]) -> None:
    """Each scan under a path of its own, collected."""
    for file, visit in files:
        path = tmp_path / "scans" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_bytes(scan(visit)))
    fill(tmp_path)


def test_of_scans_that_are_called_alike_a_picture_belongs_to_the_one_in_its_folder(
    tmp_path: Path,
) -> None:
    other = Visit(4, 0)
    in_folders(tmp_path, ("one/IM0001.dcm", VISIT), ("other/IM0001.dcm", other))
    for folder, visit in (("one", VISIT), ("other", other)):
        write_mask(tmp_path / "rois" / folder / "IM0001.png", gland(visit))
    report = run(tmp_path)
    assert report.problems == []
    glands = {
        entry.patient_id: read_case(tmp_path / "data", entry).gland for entry in report.entries
    }
    for visit in (VISIT, other):
        patient = PSEUDONYMS.patient(identity_of(scan(visit)))
        np.testing.assert_array_equal(glands[patient], gland(visit))
    write_mask(tmp_path / "rois" / "IM0001.png", gland())
    assert "2 scans are called like it" in run(tmp_path).problems[0]


def test_a_picture_in_the_folder_of_another_scan_belongs_to_neither(tmp_path: Path) -> None:
    in_folders(tmp_path, ("one/IM0001.dcm", VISIT), ("other/IM0002.dcm", Visit(4, 0)))
    write_mask(tmp_path / "rois" / "other" / "IM0001.png", gland())
    report = run(tmp_path)
    assert report.entries == []
    assert "its name is that of a scan in another folder" in report.problems[0]


def test_numbers_at_the_end_of_a_scan_s_name_are_no_ending(tmp_path: Path) -> None:
    in_folders(tmp_path, ("NM.1.2.840.7", VISIT), ("NM.1.2.840.8", Visit(4, 0)))
    write_mask(tmp_path / "rois" / "NM.1.2.840.7.png", gland())
    (entry,) = run(tmp_path).entries
    assert entry.patient_id == PSEUDONYMS.patient(identity_of(scan(VISIT)))


def test_a_simulated_scan_stays_one_on_its_way_through_an_archive(department: Path) -> None:
    simulated = simulate_case(5, 0)
    write_dicom(simulated, department / "scans" / "simulated.dcm")
    fill(department)
    write_csv(VISIT, department / "rois")
    write_mask(department / "rois" / "simulated.png", simulated.gland)
    report = run(department)
    assert report.problems == []
    kinds = {entry.properties["rows"]: entry.properties["simulated"] for entry in report.entries}
    assert kinds == {simulated.counts.shape[0]: True, 48: False}


def test_without_the_key_only_pseudonymous_names_are_known(department: Path) -> None:
    write_csv(VISIT, department / "rois")
    report = run(department, key=False)
    assert "not in the collection (the key may be missing)" in report.problems[0]
    picture = Image.fromarray((gland() * 255).astype(np.uint8))
    picture.save(department / "rois" / f"{PSEUDONYMS.uid(VISIT.uid)}.png")
    assert run(department, key=False).counts["cases"] == 1


def test_a_corrected_outline_replaces_the_case(department: Path) -> None:
    path = write_csv(VISIT, department / "rois")
    run(department)
    path.unlink()
    write_xml(department / "rois", [(x, y + 1) for x, y in points(VISIT)])
    (entry,) = run(department).entries
    assert len(read_index(department / "data")) == 1
    moved = rasterise_outline(
        Outline((np.array([(x, y + 1) for x, y in points(VISIT)]),)), (48, 48)
    )
    np.testing.assert_array_equal(read_case(department / "data", entry).gland, moved)


def test_frames_are_told_apart_and_must_be_told(department: Path) -> None:
    visit = Visit(5, 0)
    path = department / "scans" / "two.dcm"
    path.write_bytes(to_bytes(scan(visit, frames=2)))
    fill(department)
    csv = write_csv(visit, department / "rois")
    csv.write_text(csv.read_text("utf-8").replace("\n0,0,", "\n1,0,"), "utf-8")
    (entry,) = run(department).entries
    assert entry.case_id.endswith("-f2")
    assert entry.properties["view"] == "LAO"
    csv.write_text(csv.read_text("utf-8").replace("\n1,0,", "\n7,0,"), "utf-8")
    assert "drawn on frame 8, which the scan does not have" in run(department).problems[0]
    csv.unlink()
    roi = {"Name": "gland", "Type": 11, "SOPInstanceUID": visit.uid}
    roi["Point_px"] = [list(one) for one in points(visit)]  # type: ignore[assignment]
    (department / "rois" / "x.json").write_text(json.dumps({"Images": [{"ROIs": [roi]}]}))
    assert "does not say on which of 2 frames" in run(department).problems[0]


def test_nodules_are_measured_one_by_one(department: Path) -> None:
    labels = gland().astype(np.uint8)
    labels[14:17, 12:15] = labels[20:22, 18:20] = 2
    (department / "rois").mkdir()
    Image.fromarray(labels).save(department / "rois" / f"{VISIT.stem}.png")
    (entry,) = run(department).entries
    case = read_case(department / "data", entry)
    assert entry.properties["nodules"] == 2
    assert sorted(int(nodule.mask.sum()) for nodule in case.nodules) == [4, 9]
    # 9 pixels of 1.2 mm: a disc of the same area is 2 * sqrt(12.96 / pi) = 4.06 mm wide.
    assert max(nodule.size_mm for nodule in case.nodules) == pytest.approx(4.062, abs=1e-3)
    np.testing.assert_array_equal(case.gland, gland())
    np.testing.assert_array_equal(case.counts, counts(VISIT))


def nodules(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A label map of 3D Slicer, whose gland has a hole where the two nodules are."""
    cold, other = np.zeros((2, 48, 48), np.bool_)
    cold[14:18, 12:16], other[19:23, 15:19] = True, True
    labels = gland() & ~cold & ~other
    header = {
        f"Segment{n}_{key}": value
        for n, one in enumerate(("gland", "cold nodule", name), 1)
        for key, value in (("Name", one), ("LabelValue", str(n)))
    }
    (folder / "rois").mkdir(exist_ok=True)
    values = (labels + 2 * cold + 3 * other).astype(np.uint8).T[:, :, None]
    nrrd.write(str(folder / "rois" / f"{VISIT.stem}.seg.nrrd"), values, header)
    return cold, other


def test_a_nodule_that_is_called_hot_belongs_to_the_gland_and_is_no_truth(department: Path) -> None:
    cold, _ = nodules(department, "Heisser Knoten")
    report = run(department)
    (entry,) = report.entries
    case = read_case(department / "data", entry)
    (nodule,) = case.nodules
    np.testing.assert_array_equal(nodule.mask, cold)
    np.testing.assert_array_equal(case.gland, gland())
    assert report.counts == {"cases": 1, "hot nodules": 1}
    assert report.problems[0].endswith("called a hot nodule: a part of the gland")


def test_a_nodule_that_is_hot_is_no_truth_of_a_cold_one_whatever_it_is_called(
    department: Path,
) -> None:
    cold, hot = nodules(department, "nodule")
    source = scan(VISIT)
    source.PixelData = (source.pixel_array + 20 * hot - 20 * cold).astype(np.uint16).tobytes()
    (department / "scans" / f"{VISIT.stem}.dcm").write_bytes(to_bytes(source))
    fill(department)
    report = run(department)
    (entry,) = report.entries
    (nodule,) = read_case(department / "data", entry).nodules
    np.testing.assert_array_equal(nodule.mask, cold)
    assert report.counts["hot nodules"] == 1
    assert "1 outlined nodules are hotter than the gland around" in report.problems[0]


def test_a_folder_that_is_no_collection_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no collected scan"):
        import_outlines(Request(tmp_path), tmp_path / "data", QUIET)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.seg.nrrd", "a"),
        ("a.nii.gz", "a"),
        ("2.25.17.png", "2.25.17"),
        ("2.25.17", "2.25.17"),
        (".csv", ".csv"),
    ],
)
def test_a_stem_is_a_name_without_the_endings_of_formats(name: str, stem: str) -> None:
    assert stem_of(name) == stem
