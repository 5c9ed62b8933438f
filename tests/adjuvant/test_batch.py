"""Files in, results beside nothing that they could harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from adjuvant.batch import Batch, Report, find_files, newest_model, read_file
from adjuvant.errors import ModelFault, Refusal
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.results.presentation import Presentation
from tests.bad_inputs import BAD_INPUTS
from tests.disks import close_folder
from tests.headers import nm_dataset, thyroid_counts, to_bytes
from tests.networks import bright_network

SCAN = to_bytes(nm_dataset(thyroid_counts(64, 64)))
KNEE = to_bytes(
    nm_dataset(thyroid_counts(64, 64), StudyDescription="Knee", BodyPartExamined="KNEE")
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def run(root: Path, out: Path, png: bool = False) -> list[Report]:
    batch = Batch(INTERPRETATIONS["thyroid"], bright_network(), Limits(), out, png)
    return list(batch.run(root, find_files(root, out)))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_scan_gives_a_segmentation_a_capture_and_a_picture(sources: Path, tmp_path: Path):
    (sources / "scan.dcm").write_bytes(SCAN)
    (report,) = run(sources, tmp_path / "out", png=True)
    assert (report.state, report.worked) == ("done", True)
    assert report.measures[0].gland_pixels > 100
    assert report.milliseconds > 0
    assert names(tmp_path / "out") == ["scan.png", "scan.sc.dcm", "scan.seg.dcm", "scan.sr.dcm"]
    assert dcmread(tmp_path / "out" / "scan.seg.dcm").Modality == "SEG"
    assert (tmp_path / "out" / "scan.png").read_bytes().startswith(b"\x89PNG")


def test_a_bad_file_is_one_report_and_the_batch_goes_on(sources: Path, tmp_path: Path):
    (sources / "a.dcm").write_bytes(BAD_INPUTS["dynamic"].data())
    (sources / "b.txt").write_bytes(b"notes")
    (sources / "c.dcm").write_bytes(KNEE)
    (sources / "d.dcm").write_bytes(SCAN)
    reports = run(sources, tmp_path / "out")
    assert [report.state for report in reports] == ["refused", "refused", "skipped", "done"]
    assert [report.worked for report in reports] == [False, False, True, True]
    assert "a dynamic series" in reports[0].reason
    assert "no DICM prefix" in reports[1].reason
    assert "\n" not in "".join(report.reason for report in reports)


def test_a_source_is_never_overwritten(sources: Path):
    source = sources / "scan.dcm"
    source.write_bytes(SCAN)
    (sources / "scan.seg.dcm").write_bytes(KNEE)
    (report,) = run(source, sources)
    assert report.state == "failed"
    assert "is no result of Adjuvant: it is not overwritten" in report.reason
    assert (sources / "scan.seg.dcm").read_bytes() == KNEE
    assert source.read_bytes() == SCAN
    assert names(sources) == ["scan.dcm", "scan.seg.dcm"]


def test_a_picture_of_somebody_else_is_not_overwritten(sources: Path):
    (sources / "scan.dcm").write_bytes(SCAN)
    (sources / "scan.png").write_bytes(b"a screenshot")
    (report,) = run(sources / "scan.dcm", sources, png=True)
    assert report.state == "failed"
    assert "scan.png exists and is no result of Adjuvant: it is not" in report.reason
    assert (sources / "scan.png").read_bytes() == b"a screenshot"
    assert names(sources) == ["scan.dcm", "scan.png"]


def test_a_picture_beside_results_of_ours_is_replaced(sources: Path, tmp_path: Path):
    (sources / "scan.dcm").write_bytes(SCAN)
    first = run(sources, tmp_path / "out", png=True)
    second = run(sources, tmp_path / "out", png=True)
    assert [report.state for report in first + second] == ["done", "done"]


def test_a_second_run_replaces_its_own_results_and_does_not_read_them(sources: Path):
    (sources / "scan.dcm").write_bytes(SCAN)
    out = sources / "results"
    first = run(sources, out)
    before = {name: (out / name).read_bytes() for name in names(out)}
    second = run(sources, out)
    assert [report.state for report in first + second] == ["done", "done"]
    assert {name: (out / name).read_bytes() for name in names(out)} == before


def test_folders_keep_their_shape_and_names_that_would_collide_stay_apart(
    sources: Path, tmp_path: Path
):
    for name in ("a/scan.dcm", "b/scan.dcm", "b/scan"):
        (sources / name).parent.mkdir(exist_ok=True)
        (sources / name).write_bytes(SCAN)
    run(sources, tmp_path / "out")
    assert names(tmp_path / "out") == [
        "a/scan.sc.dcm",
        "a/scan.seg.dcm",
        "a/scan.sr.dcm",
        "b/scan.dcm.sc.dcm",
        "b/scan.dcm.seg.dcm",
        "b/scan.dcm.sr.dcm",
        "b/scan.sc.dcm",
        "b/scan.seg.dcm",
        "b/scan.sr.dcm",
    ]


def test_hidden_files_are_left_out(sources: Path):
    (sources / ".DS_Store").write_bytes(b"x")
    (sources / "scan.dcm").write_bytes(SCAN)
    assert find_files(sources) == [sources / "scan.dcm"]


def test_a_folder_that_may_not_be_listed_is_a_failure(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (sources / "a").mkdir()
    (sources / "b.dcm").write_bytes(SCAN)
    close_folder(sources / "a", monkeypatch)
    closed, scan = run(sources, tmp_path / "out")
    assert (closed.source, closed.state, scan.state) == (sources / "a", "failed", "done")


def test_a_file_that_vanished_is_a_failure_of_its_own(sources: Path, tmp_path: Path):
    batch = Batch(INTERPRETATIONS["thyroid"], bright_network(), Limits(), tmp_path / "out")
    (report,) = batch.run(sources, [sources / "gone.dcm"])
    assert (report.state, report.reason) == ("failed", "No such file or directory")


def test_an_enormous_file_is_not_read(sources: Path):
    with open(sources / "big.dcm", "wb") as file:
        file.truncate(600 << 20)
    with pytest.raises(Refusal, match="the file has 600 MiB, more than 512"):
        read_file(sources / "big.dcm")


def test_the_newest_version_is_the_highest_number(tmp_path: Path):
    for version in ("0.9.0", "0.10.0", "0.2.0", "draft"):
        (tmp_path / "thyroid" / version).mkdir(parents=True)
    assert newest_model(tmp_path, "thyroid").name == "0.10.0"
    with pytest.raises(ModelFault, match=r"no model in .*bone"):
        newest_model(tmp_path, "bone")


def test_the_picture_speaks_and_looks_as_asked(sources: Path, tmp_path: Path):
    pictures, scan = [], sources / "scan.dcm"
    scan.write_bytes(SCAN)
    for number, presentation in enumerate((Presentation(), Presentation("fr", "hot iron"))):
        out = tmp_path / str(number)
        thyroid, network = INTERPRETATIONS["thyroid"], bright_network()
        batch = Batch(thyroid, network, Limits(), out, presentation=presentation)
        assert [report.state for report in batch.run(scan, [scan])] == ["done"]
        pictures.append(dcmread(next(out.glob("*.sc.dcm"))).pixel_array)
    assert pictures[0].mean() > 200 > pictures[1].mean()
