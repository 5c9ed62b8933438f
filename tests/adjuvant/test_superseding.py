"""What gives way is what another model of ours made of the same scan, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from adjuvant.archive import Archive, Connection
from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.job import Task
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.results import encode
from adjuvant.results.capture import build_capture
from adjuvant.results.identity import orthanc_identifier
from adjuvant.results.report import build_refusal_report
from adjuvant.results.seg import build_segmentation
from adjuvant.superseding import delete_earlier, delete_outdated, delete_refusal
from tests.adjuvant.results.examples import findings, model, views
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes

SCAN = views("anterior", rows=64, columns=64)
UID = SCAN.header.SOPInstanceUID
OLD, NEW = model(version="0.1.0"), model(version="0.2.0")
TASK = Task("source", "thyroid", "thyroid 0.2.0", NEW.digest)


@pytest.fixture
def orthanc() -> Iterator[SmallOrthanc]:
    with small_orthanc() as orthanc:
        orthanc.put("source", b"")
        yield orthanc


@pytest.fixture
def archive(orthanc: SmallOrthanc) -> Iterator[Archive]:
    archive = Archive(Connection(orthanc.url, TOKEN), 1 << 22)
    yield archive
    archive.close()


def results(of: Model) -> list[Dataset]:
    builders = (build_segmentation, build_capture)
    return [build(SCAN, findings(SCAN), of) for build in builders]


def put(orthanc: SmallOrthanc, *objects: Dataset) -> None:
    for one in objects:
        orthanc.put(one.SOPInstanceUID, encode(one))
        orthanc.classes[one.SOPInstanceUID] = str(one.SOPClassUID)


def test_the_earlier_set_goes_and_the_new_one_stays(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    new = results(NEW)
    put(orthanc, *results(OLD), *new)
    assert delete_earlier(archive, TASK, UID) == 2
    assert set(orthanc.instances) == {"source", *(one.SOPInstanceUID for one in new)}
    assert delete_earlier(archive, TASK, UID) == 0


def corrected(result: Dataset) -> None:
    result.SegmentSequence[0].SegmentAlgorithmType = "SEMIAUTOMATIC"


def copied(result: Dataset) -> None:
    result.SOPInstanceUID = result.file_meta.MediaStorageSOPInstanceUID = generate_uid()


def made_elsewhere(result: Dataset) -> None:
    result.Manufacturer = "Another"
    del result.ContributingEquipmentSequence


def of_no_model(result: Dataset) -> None:
    result.DeviceSerialNumber = "1"


@pytest.mark.parametrize("change", [corrected, copied, made_elsewhere, of_no_model])
def test_what_only_resembles_a_result_of_ours_stays(
    orthanc: SmallOrthanc, archive: Archive, change
) -> None:
    result = results(OLD)[0]
    change(result)
    put(orthanc, result)
    assert delete_earlier(archive, TASK, UID) == 0
    assert result.SOPInstanceUID in orthanc.instances


def test_results_for_another_scan_of_the_study_stay(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    put(orthanc, *results(OLD))
    assert delete_earlier(archive, TASK, generate_uid()) == 0


def test_results_by_another_interpretation_stay(orthanc: SmallOrthanc, archive: Archive) -> None:
    put(orthanc, *results(OLD))
    other = Task("source", "parathyroid", "parathyroid 0.2.0", NEW.digest)
    assert delete_earlier(archive, other, UID) == 0


def test_a_file_that_cannot_be_read_stays(orthanc: SmallOrthanc, archive: Archive) -> None:
    orthanc.put("x", b"no DICOM at all")
    orthanc.classes["x"] = "1.2.840.10008.5.1.4.1.1.7"
    assert delete_earlier(archive, TASK, UID) == 0


@pytest.mark.parametrize("vr", [b"UL", b"US", b"IS"])
def test_a_result_whose_segments_are_no_sequence_stays(
    orthanc: SmallOrthanc, archive: Archive, vr: bytes
) -> None:
    odd = results(OLD)[0]
    del odd.SegmentSequence
    whole = encode(odd)
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    segments = struct.pack("<HH2sH", 0x0062, 0x0002, vr, 3) + b"abc"
    put(orthanc, odd)
    orthanc.put(odd.SOPInstanceUID, whole[:pixels] + segments + whole[pixels:])
    assert delete_earlier(archive, TASK, UID) == 0
    assert odd.SOPInstanceUID in orthanc.instances


@pytest.mark.parametrize("uid", ["1.2.3", "2.25.3"])
def test_a_damaged_file_of_somebody_else_stops_nothing(
    orthanc: SmallOrthanc, archive: Archive, uid: str
) -> None:
    foreign = results(OLD)[1]
    foreign.SOPInstanceUID = foreign.file_meta.MediaStorageSOPInstanceUID = uid
    put(orthanc, foreign, *results(OLD))
    orthanc.broken.add(f"{uid}/file")
    assert delete_earlier(archive, TASK, UID) == 2
    assert set(orthanc.instances) == {"source", uid}


def test_what_cannot_be_ours_is_not_read(orthanc: SmallOrthanc, archive: Archive) -> None:
    foreign = results(OLD)[1]
    foreign.SOPInstanceUID = foreign.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    put(orthanc, foreign, *results(NEW))
    assert delete_earlier(archive, TASK, UID) == 0
    assert not any("/file" in one for one in orthanc.requests)


NOW, BEFORE = "md5 of the file now", "md5 of the file before"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def keep(ledger: Ledger, of: Model, md5: str | None) -> None:
    """The job of a model that has read the scan's file with this MD5; None: nobody knows which."""
    ledger.add([replace(TASK, model=of.name, model_digest=of.digest)])
    job = ledger.claim()
    assert job is not None
    if md5 is not None:
        ledger.keep_source(job, md5)


def put_scan(orthanc: SmallOrthanc) -> None:
    orthanc.put("source", to_bytes(nm_dataset(thyroid_counts(16, 16), SOPInstanceUID=UID)))


def held(orthanc: SmallOrthanc) -> list[str]:
    """The versions of which a result is there."""
    there = [(of, one) for of in (OLD, NEW) for one in results(of)]
    return [of.version for of, one in there if one.SOPInstanceUID in orthanc.instances]


@pytest.mark.parametrize(
    ("read", "stay"),
    [
        ((BEFORE, BEFORE), []),
        ((BEFORE, NOW), ["0.2.0"] * 2),
        ((NOW, BEFORE), ["0.1.0"] * 2),
        ((NOW, NOW), ["0.1.0"] * 2 + ["0.2.0"] * 2),
    ],
)
def test_what_any_model_made_of_the_file_before_goes_whenever_it_came(
    orthanc: SmallOrthanc, archive: Archive, ledger: Ledger, read: tuple[str, str], stay: list[str]
) -> None:
    put(orthanc, *results(OLD))
    put_scan(orthanc)
    put(orthanc, *results(NEW))
    for of, md5 in zip((OLD, NEW), read, strict=True):
        keep(ledger, of, md5)
    assert delete_outdated(archive, ledger, TASK, NOW) == 4 - len(stay)
    assert held(orthanc) == stay


@pytest.mark.parametrize("known", [True, False], ids=["no file is noted", "no job is known"])
@pytest.mark.parametrize("scan_first", [True, False])
def test_of_what_is_made_anew_that_goes_which_came_before_the_scan(
    orthanc: SmallOrthanc, archive: Archive, ledger: Ledger, known: bool, scan_first: bool
) -> None:
    """What another model made is not made anew."""
    if known:
        keep(ledger, OLD, None)
        keep(ledger, NEW, None)
    put(orthanc, *results(OLD), *results(NEW))
    put_scan(orthanc)
    if scan_first:
        put(orthanc, *results(NEW))
    assert delete_outdated(archive, ledger, TASK, NOW) == (0 if scan_first else 2)
    assert held(orthanc) == ["0.1.0"] * 2 + ["0.2.0"] * 2 * scan_first


def test_a_result_for_the_file_before_that_cannot_be_read_is_a_fault(
    orthanc: SmallOrthanc, archive: Archive, ledger: Ledger
) -> None:
    put_scan(orthanc)
    put(orthanc, *results(NEW))
    keep(ledger, NEW, BEFORE)
    orthanc.broken.add(f"{results(NEW)[0].SOPInstanceUID}/file")
    with pytest.raises(ArchiveFault, match="500"):
        delete_outdated(archive, ledger, TASK, NOW)


def test_an_archive_in_trouble_is_a_fault_and_not_an_end(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    put(orthanc, *results(OLD))
    orthanc.broken.add("bulk-content")
    with pytest.raises(ArchiveFault, match="Orthanc answered 500"):
        delete_earlier(archive, TASK, UID)


def test_a_scan_that_is_gone_is_a_refusal(archive: Archive) -> None:
    gone = Task("gone", "thyroid", "thyroid 0.2.0", NEW.digest)
    with pytest.raises(Refusal, match="deleted"):
        delete_earlier(archive, gone, UID)


def test_the_report_of_a_refusal_goes_when_the_scan_was_read_after_all(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    of_old, of_new = (
        build_refusal_report(SCAN.header, Refusal("frames", "80 frames"), made_by, "thyroid")
        for made_by in (OLD, NEW)
    )
    for report in (of_old, of_new):
        orthanc.put(orthanc_identifier(report), encode(report))
    assert delete_refusal(archive, TASK, SCAN.header)
    assert set(orthanc.instances) == {"source", orthanc_identifier(of_old)}
    assert not delete_refusal(archive, TASK, SCAN.header)
