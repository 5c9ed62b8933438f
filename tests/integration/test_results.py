"""A scan comes in, by any door, and its study holds the results, once, under the right patient."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from adjuvant.results.identity import differing_identity, orthanc_identifier
from tests.builder import to_bytes
from tests.headers import STYLES
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR, Hospital, new_instance_uid, scan, wait_for
from tests.integration.tiny import IN_SERVICE


@pytest.fixture(scope="module")
def read(hospital: Hospital) -> tuple[Dataset, str]:
    """A scan of two views that was read, and Orthanc's identifier of it."""
    dataset = scan(frames=2)
    instance = hospital.send_by_rest(to_bytes(dataset))
    assert hospital.wait_for_end(instance)["state"] == "done"
    return dataset, instance


@pytest.mark.parametrize("door", ["C-STORE", "REST", "STOW-RS"])
def test_results_stand_in_the_study_by_whatever_door_the_scan_came(
    hospital: Hospital, tmp_path: Path, door: str
) -> None:
    dataset = scan()
    if door == "C-STORE":
        hospital.send_by_dicom([dataset], tmp_path)
    elif door == "REST":
        hospital.send_by_rest(to_bytes(dataset))
    else:
        hospital.send_by_stow(to_bytes(dataset))
    job = hospital.wait_for_end(hospital.find(dataset.SOPInstanceUID))
    assert job["state"] == "done", job
    held = hospital.study(dataset.StudyInstanceUID)
    assert {name: len(found) for name, found in held.items()} == {
        dataset.SOPClassUID: 1,
        SEG: 1,
        SC: 1,
        SR: 1,
    }


def test_the_job_tells_what_became_of_the_scan(
    hospital: Hospital, read: tuple[Dataset, str]
) -> None:
    _, instance = read
    job = hospital.job(instance)
    assert job is not None
    assert (job["interpretation"], job["model"]) == ("thyroid", f"thyroid {IN_SERVICE}")
    assert job["model_digest"] == hospital.status()["models"][0]["digest"]
    assert [result["kind"] for result in job["results"]] == ["SEG", "SC", "SR"]
    for result in job["results"]:
        stored = hospital.read(result["instance"])
        assert stored.SOPInstanceUID == result["sop_instance_uid"]
    assert {"read", "decode", "preprocess", "network", "build", "store"} <= set(job["steps_ms"])
    assert job["summary"]["gland_seen"] is True
    assert job["summary"]["gland_area_cm2"] > 1
    assert [frame["frame_number"] for frame in job["summary"]["frames"]] == [1, 2]


def test_results_keep_every_patient_and_study_tag(
    hospital: Hospital, read: tuple[Dataset, str]
) -> None:
    dataset, instance = read
    held = hospital.study(dataset.StudyInstanceUID)
    for result in (*held[SEG], *held[SC], *held[SR]):
        assert differing_identity(dataset, result) == []
    assert len(hospital.get(f"/instances/{instance}/patient")["Studies"]) >= 1


def test_the_segmentation_reads_back_on_the_matrix_of_the_scan(
    hospital: Hospital, read: tuple[Dataset, str]
) -> None:
    dataset, _ = read
    (stored,) = hospital.study(dataset.StudyInstanceUID)[SEG]
    seg = highdicom.seg.Segmentation.from_dataset(stored)
    masks = seg.get_pixels_by_source_frame(dataset.SOPInstanceUID, [1, 2])
    assert masks.shape[:3] == (2, dataset.Rows, dataset.Columns)
    assert masks[0].any()
    assert masks[1].any()


def test_a_second_store_makes_nothing_twice(
    hospital: Hospital, read: tuple[Dataset, str], tmp_path: Path
) -> None:
    dataset, instance = read
    before = hospital.get("/statistics")["CountInstances"]
    hospital.send_by_rest(to_bytes(dataset))
    hospital.send_by_dicom([dataset], tmp_path)
    time.sleep(2)
    hospital.wait_until_idle()
    assert hospital.get("/statistics")["CountInstances"] == before
    job = hospital.job(instance)
    assert job is not None
    assert (job["state"], job["attempts"]) == ("done", 1)


def test_a_scan_that_is_overwritten_is_read_anew(start: Start, tmp_path: Path) -> None:
    with start(tmp_path / "data", orthanc={"OverwriteInstances": True}) as hospital:
        dataset = scan(128, 128)
        instance = hospital.send_by_rest(to_bytes(dataset))
        first = hospital.wait_for_end(instance)
        before = hospital.study(dataset.StudyInstanceUID)
        hospital.send_by_rest(to_bytes(dataset))  # the same once more
        time.sleep(2)
        hospital.wait_until_idle()
        assert hospital.job(instance) == first
        dataset.PixelData = np.roll(dataset.pixel_array, 20, axis=-1).tobytes()
        assert hospital.send_by_rest(to_bytes(dataset)) == instance
        wait_for(lambda: (hospital.job(instance) or first)["started"] != first["started"])
        second = hospital.wait_for_end(instance)
        assert (second["state"], second["results"]) == ("done", first["results"])
        after = hospital.study(dataset.StudyInstanceUID)
        assert [len(after[kind]) for kind in (SEG, SC, SR)] == [1, 1, 1]
        for kind in (SEG, SC):
            assert after[kind][0].PixelData != before[kind][0].PixelData


def test_results_of_a_forgotten_job_stay_until_the_scan_is_overwritten(
    start: Start, tmp_path: Path
) -> None:
    def forget(instance: str) -> None:
        ledger = tmp_path / "data" / "adjuvant" / "ledger.sqlite"
        with closing(sqlite3.connect(ledger, isolation_level=None)) as database:
            database.execute("DELETE FROM jobs WHERE instance=?", (instance,))

    with start(tmp_path / "data", orthanc={"OverwriteInstances": True}) as hospital:
        dataset = scan(128, 128)
        instance = hospital.send_by_rest(to_bytes(dataset))
        first = hospital.wait_for_end(instance)
        forget(instance)
        metadata = f"/instances/{first['results'][0]['instance']}/metadata/ReceptionDate"
        before, stored = hospital.study(dataset.StudyInstanceUID), hospital.text(metadata)
        hospital.post(f"/adjuvant/instances/{instance}/analyze", b"{}")
        assert hospital.wait_for_end(instance)["state"] == "done"
        assert hospital.text(metadata) == stored
        time.sleep(2)  # Orthanc's dates are of whole seconds
        dataset.PixelData = np.roll(dataset.pixel_array, 20, axis=-1).tobytes()
        forget(instance)
        assert hospital.send_by_rest(to_bytes(dataset)) == instance
        assert hospital.wait_for_end(instance)["state"] == "done"
        after = hospital.study(dataset.StudyInstanceUID)
        assert [len(after[kind]) for kind in (SEG, SC, SR)] == [1, 1, 1]
        for kind in (SEG, SC):
            assert after[kind][0].PixelData != before[kind][0].PixelData


def test_nothing_reacts_to_our_own_results(hospital: Hospital, read: tuple[Dataset, str]) -> None:
    _, instance = read
    job = hospital.job(instance)
    assert job is not None
    hospital.wait_until_idle()
    for result in job["results"]:
        hospital.send_by_rest(to_bytes(hospital.read(result["instance"])))
    time.sleep(2)
    hospital.wait_until_idle()
    assert all(hospital.job(result["instance"]) is None for result in job["results"])


def test_a_study_that_is_deleted_and_sent_again_has_results_again(hospital: Hospital) -> None:
    dataset = scan()
    instance = hospital.send_by_rest(to_bytes(dataset))
    first = hospital.wait_for_end(instance)
    study = hospital.get(f"/instances/{instance}/study")["ID"]
    hospital.session.delete(f"{hospital.server.url}/studies/{study}").raise_for_status()
    hospital.send_by_rest(to_bytes(dataset))

    hospital.wait_until_idle()
    job = hospital.wait_for_end(instance)
    assert job["state"] == "done"
    uids = [result["sop_instance_uid"] for result in job["results"]]
    assert uids == [result["sop_instance_uid"] for result in first["results"]]
    held = hospital.study(dataset.StudyInstanceUID)
    assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)


def test_two_scans_of_one_series_have_results_of_their_own(hospital: Hospital) -> None:
    dataset = scan()
    first = hospital.send_by_rest(to_bytes(dataset))
    second = hospital.send_by_rest(to_bytes(new_instance_uid(dataset)))
    ends = [hospital.wait_for_end(instance) for instance in (first, second)]
    assert [end["state"] for end in ends] == ["done", "done"]
    held = hospital.study(dataset.StudyInstanceUID)
    assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (2, 2, 2)


def test_a_scan_of_another_organ_is_not_read_and_the_job_says_why(hospital: Hospital) -> None:
    bone = {"BodyPartExamined": "HIP", "StudyDescription": "Bone", "SeriesDescription": "Hip"}
    dataset = scan(**bone)
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    assert (job["state"], job["code"]) == ("refused", "not-applicable")
    assert job["reason"]
    assert set(hospital.study(dataset.StudyInstanceUID)) == {dataset.SOPClassUID}


def test_an_image_of_another_modality_makes_no_job(hospital: Hospital) -> None:
    ct = "1.2.840.10008.5.1.4.1.1.2"
    dataset = scan(SOPClassUID=ct, Modality="CT")
    instance = hospital.send_by_rest(to_bytes(dataset))
    time.sleep(2)  # the sweep has looked at it as well
    assert hospital.job(instance) is None


def test_a_picture_of_a_scan_is_not_read_and_the_job_says_why(hospital: Hospital) -> None:
    dataset = scan(SOPClassUID=SecondaryCaptureImageStorage)
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    assert (job["state"], job["code"]) == ("refused", "not-applicable")
    assert "Secondary Capture" in job["reason"]


def test_results_stay_with_a_patient_whose_character_set_is_not_the_declared_one(
    hospital: Hospital,
) -> None:
    """Latin-1 under a header that says UTF-8: decoded and encoded again, it is another patient."""
    dataset = scan(PatientID="Mueller-1970", SpecificCharacterSet="ISO_IR 192")
    data = to_bytes(dataset)
    assert data.count(b"Mueller-1970") == 1
    instance = hospital.send_by_rest(data.replace(b"Mueller-1970", b"M\xfcllers-1970"))
    job = hospital.wait_for_end(instance)
    assert job["state"] == "done", job
    patients = {
        hospital.get(f"/instances/{one}/patient")["ID"]
        for one in (instance, *(result["instance"] for result in job["results"]))
    }
    assert len(patients) == 1
    for result in job["results"]:
        stored = hospital.read(result["instance"]).get_item("PatientID")
        assert stored.value == b"M\xfcllers-1970"


@pytest.mark.parametrize("style", STYLES)
def test_every_dialect_of_header_is_read(hospital: Hospital, style: str) -> None:
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(STYLES[style]())))
    assert job["state"] == "done", job
    for result in job["results"]:  # where a second delivery looks for it
        assert orthanc_identifier(hospital.read(result["instance"])) == result["instance"]
