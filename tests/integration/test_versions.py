"""A new model version reads a scan again: beside the earlier results, or in their place."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, Hospital, scan
from tests.integration.tiny import write_tiny_model


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    for version in ("0.1.0", "0.2.0"):
        write_tiny_model(folder / "thyroid" / version)
    return folder


def in_service(versions: Path, version: str, earlier: str) -> dict[str, Any]:
    models = {"thyroid": version}
    return {"ModelsDirectory": str(versions), "Models": models, "EarlierResults": earlier}


def correction_of(segmentation: Dataset) -> Dataset:
    """What a viewer saves after a person has used the brush on our segmentation."""
    segmentation.SOPInstanceUID = generate_uid()
    segmentation.file_meta.MediaStorageSOPInstanceUID = segmentation.SOPInstanceUID
    segmentation.SeriesInstanceUID = generate_uid()
    for segment in segmentation.SegmentSequence:
        segment.SegmentAlgorithmType = "MANUAL"
    return segmentation


def read_again(hospital: Hospital, instance: str, model: str) -> None:
    """Ask for an analysis, and wait until the model in service has done it."""
    asked = hospital.post(f"/adjuvant/instances/{instance}/analyze", b"{}")
    assert asked["queued"] == 1
    hospital.wait_until_idle()
    assert states(hospital, instance)[model] == "done"


def states(hospital: Hospital, instance: str) -> dict[str, str]:
    """Model -> the state of its job on this scan."""
    jobs = hospital.get(f"/adjuvant/instances/{instance}/jobs")["jobs"]
    return {job["model"]: job["state"] for job in jobs}


def software_on(hospital: Hospital, dataset: Dataset) -> list[str]:
    """The models whose pictures the study of a scan holds, and whose segmentations too."""
    held = hospital.study(dataset.StudyInstanceUID)
    pictures, outlines = (sorted(_models(held[kind])) for kind in (SC, SEG))
    assert pictures == outlines
    return pictures


def _models(results: list[Dataset]) -> list[str]:
    automatic = (
        one
        for one in results
        if "SegmentSequence" not in one
        or one.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    )
    return [str(one.SoftwareVersions[1]) for one in automatic]


def test_a_new_version_keeps_or_replaces_the_earlier_results_and_never_a_correction(
    start: Start, tmp_path: Path, versions: Path
) -> None:
    kept, replaced, data = scan(), scan(), tmp_path / "data"
    with start(data, adjuvant=in_service(versions, "0.1.0", "keep")) as hospital:
        first, second = (hospital.send_by_rest(to_bytes(one)) for one in (kept, replaced))
        assert {hospital.wait_for_end(one)["state"] for one in (first, second)} == {"done"}
        (ours,) = hospital.study(replaced.StudyInstanceUID)[SEG]
        by_hand = hospital.send_by_rest(to_bytes(correction_of(ours)))
        # What came within the last sweeps before a start is looked at again.
        time.sleep(3)
    with start(data, adjuvant=in_service(versions, "0.2.0", "keep")) as hospital:
        assert software_on(hospital, kept) == ["thyroid 0.1.0"]  # nobody asked
        read_again(hospital, first, "thyroid 0.2.0")
        assert software_on(hospital, kept) == ["thyroid 0.1.0", "thyroid 0.2.0"]
    with start(data, adjuvant=in_service(versions, "0.2.0", "replace")) as hospital:
        read_again(hospital, second, "thyroid 0.2.0")
        assert software_on(hospital, replaced) == ["thyroid 0.2.0"]
        ends = {"thyroid 0.1.0": "superseded", "thyroid 0.2.0": "done"}
        assert states(hospital, second) == ends
        assert hospital.read(by_hand).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
        assert software_on(hospital, kept) == ["thyroid 0.1.0", "thyroid 0.2.0"]
    with start(data, adjuvant=in_service(versions, "0.1.0", "replace")) as hospital:
        read_again(hospital, second, "thyroid 0.1.0")
        assert software_on(hospital, replaced) == ["thyroid 0.1.0"]
        ends = {"thyroid 0.1.0": "done", "thyroid 0.2.0": "superseded"}
        assert states(hospital, second) == ends
        assert hospital.read(by_hand).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
