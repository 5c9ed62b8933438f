"""Objects of real cameras and scanners, as pydicom carries them: none is a planar thyroid scan."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.rules.syntax import default_rules
from tests.integration.hospital import Hospital, wait_for

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"

# A whole-body bone scan of a GE camera: modality NM, and yet of the Secondary Capture class.
BONE_SCANS = (
    "JPEG-lossy.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "JPEG2000.dcm",
    "JPGExtended.dcm",
)
# Of other modalities; all but the first two are no images at all.
OTHERS = ("CT_small.dcm", "MR_small_RLE.dcm", "reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm")
RULES = default_rules()


@pytest.mark.parametrize("name", BONE_SCANS)
def test_a_real_bone_scan_is_refused_by_its_class_and_by_its_acquisition(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    header = read_header(data)
    assert header.Modality == "NM"
    decision = RULES.decide(header, "thyroid")
    assert decision.rule is None
    assert decision.reason.startswith("SOPClassUID is Secondary Capture")
    with pytest.raises(Refusal, match="'WHOLE BODY': a whole-body sweep") as caught:
        read_scan(data, Limits())
    assert caught.value.code == "not-static"


@pytest.mark.parametrize("name", BONE_SCANS)
def test_no_reason_repeats_what_a_real_header_says_in_words(name: str) -> None:
    header = read_header((FOLDER / name).read_bytes())
    reason = RULES.decide(header, "thyroid").reason.casefold()
    for keyword in ("PatientName", "PatientID", "InstitutionName", "ReferringPhysicianName"):
        word = str(header.get(keyword, "")).casefold()
        assert not word or word not in reason


def header_of(path: Path) -> Dataset | None:
    """None where the file is not even DICOM, as some of them are meant to be."""
    try:
        return read_header(path.read_bytes())
    except Refusal:
        return None


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.dcm")), ids=lambda path: path.name)
def test_whatever_pydicom_tests_with_is_no_thyroid_scan(path: Path) -> None:
    header = header_of(path)
    assert header is None or RULES.decide(header, "thyroid").rule is None


def test_real_objects_pass_through_the_archive_and_none_is_read(hospital: Hospital) -> None:
    done = hospital.status()["queue"]["done"]
    scans = [hospital.send_by_rest((FOLDER / name).read_bytes()) for name in BONE_SCANS]
    others = [hospital.send_by_rest((FOLDER / name).read_bytes()) for name in OTHERS]
    for instance in set(scans):
        job = hospital.wait_for_end(instance)
        assert (job["state"], job["code"]) == ("refused", "not-applicable")
        assert job["reason"].startswith("SOPClassUID is Secondary Capture")
    hospital.wait_until_idle()
    assert [hospital.job(instance) for instance in others] == [None] * len(OTHERS)
    assert hospital.status()["queue"]["done"] == done
    assert hospital.status()["alarms"] == []
    for instance in {*scans, *others}:
        series = hospital.get(f"/instances/{instance}/study")["Series"]
        held = {hospital.get(f"/series/{one}")["MainDicomTags"]["Modality"] for one in series}
        assert not held & {"SEG"}, "nothing was added to the study"
    assert wait_for(lambda: hospital.status()["state"] == "ready")
