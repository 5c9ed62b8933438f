"""What gives way is what another model of ours made of the same scan, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from adjuvant.archive import Archive, Connection
from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.job import Task
from adjuvant.model import Model
from adjuvant.results import encode
from adjuvant.results.capture import build_capture
from adjuvant.results.identity import orthanc_identifier
from adjuvant.results.report import build_refusal_report
from adjuvant.results.seg import build_segmentation
from adjuvant.superseding import delete_earlier, delete_refusal
from tests.adjuvant.results.examples import findings, model, views
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc

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
