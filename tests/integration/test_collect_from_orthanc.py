"""Scans and outlines out of a real Orthanc, over its REST API and over DICOMweb."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tests.builder import to_bytes
from tests.integration.conftest import USER
from tests.integration.hospital import Hospital, scan
from training.collect.collection import collect
from training.collect.dicomweb import DicomWeb
from training.collect.objects import Chooser
from training.collect.orthanc import Orthanc
from training.collect.rest import Access
from training.datasets.gathering import Request
from training.datasets.importing import import_outlines
from training.pseudonyms import Pseudonyms

CHOOSER = Chooser(Pseudonyms(bytes(range(32))))
QUIET = Console(quiet=True)
STUDY = "Collected thyroid"


def test_both_ways_give_the_same_pseudonymous_scan_and_never_our_own_outline(
    hospital: Hospital, tmp_path: Path
) -> None:
    source = scan(128, 128, StudyDescription=STUDY)
    hospital.wait_for_end(hospital.send_by_rest(to_bytes(source)))
    query = {"StudyInstanceUID": str(source.StudyInstanceUID)}
    access = Access(hospital.server.url, *USER)
    web = Access(f"{hospital.server.url}/dicom-web", *USER)
    for name, found in (("rest", Orthanc(access, query)), ("web", DicomWeb(web, query))):
        summary = collect(found, CHOOSER, tmp_path / name, QUIET)
        assert summary.outcomes["scan"] == 1, summary
        # The segmentation that the plugin stored beside it comes along; its report does not.
        assert summary.outcomes["outlines"] == 1, summary
        assert collect(found, CHOOSER, tmp_path / name, QUIET).outcomes == {}
        report = import_outlines(Request(tmp_path / name), tmp_path / f"{name}-data", QUIET)
        assert report.counts["cases"] == 0
        assert "no person drew this segmentation" in report.problems[0]
    written = {
        name: {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in (tmp_path / name).rglob("*.dcm")
        }
        for name in ("rest", "web")
    }
    assert written["rest"] == written["web"]
    for data in written["rest"].values():
        for value in (source.PatientID, str(source.PatientName), source.StudyInstanceUID, STUDY):
            assert str(value).encode() not in data
