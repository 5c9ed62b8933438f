"""A new model version reads a scan again: beside the earlier results, or in their place.

The second one comes with a model that looks for cold nodules: their chain is a version as well.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from tests.builder import thyroid_counts, to_bytes, with_cold_discs
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, Hospital, scan
from tests.integration.tiny import write_tiny_model, write_tiny_nodule_model

FIRST = {"thyroid": "0.1.0"}
SECOND = {"thyroid": "0.2.0", "cold-nodules": "0.1.0"}
CHAIN = "thyroid 0.2.0 + cold-nodules 0.1.0"


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    for version in ("0.1.0", "0.2.0"):
        write_tiny_model(folder / "thyroid" / version)
    write_tiny_nodule_model(folder / "cold-nodules" / "0.1.0")
    return folder


def in_service(versions: Path, version: str, earlier: str) -> dict[str, Any]:
    models = FIRST if version == "0.1.0" else SECOND
    return {"ModelsDirectory": str(versions), "Models": models, "EarlierResults": earlier}


def cold_scan() -> Dataset:
    """A scan with one cold disc."""
    dataset = scan()
    dataset.PixelData = with_cold_discs(thyroid_counts(), (0, 0.6, 0.6, 0.03)).tobytes()
    return dataset


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


def labels_on(hospital: Hospital, dataset: Dataset) -> list[str]:
    """What our segmentation of a scan outlines."""
    segmentations = hospital.study(dataset.StudyInstanceUID)[SEG]
    segments = [segment for one in segmentations for segment in one.SegmentSequence]
    return [str(one.SegmentLabel) for one in segments if one.SegmentAlgorithmType == "AUTOMATIC"]


def _models(results: list[Dataset]) -> list[str]:
    automatic = (
        one
        for one in results
        if "SegmentSequence" not in one
        or one.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    )
    return [" + ".join(one.SoftwareVersions[1:]) for one in automatic]


def test_a_new_version_keeps_or_replaces_the_earlier_results_and_never_a_correction(
    start: Start, tmp_path: Path, versions: Path
) -> None:
    kept, replaced, data = scan(), cold_scan(), tmp_path / "data"
    with start(data, adjuvant=in_service(versions, "0.1.0", "keep")) as hospital:
        first, second = (hospital.send_by_rest(to_bytes(one)) for one in (kept, replaced))
        assert {hospital.wait_for_end(one)["state"] for one in (first, second)} == {"done"}
        (ours,) = hospital.study(replaced.StudyInstanceUID)[SEG]
        by_hand = hospital.send_by_rest(to_bytes(correction_of(ours)))
        # What came within the last sweeps before a start is looked at again.
        time.sleep(3)
    with start(data, adjuvant=in_service(versions, "0.2.0", "keep")) as hospital:
        assert software_on(hospital, kept) == ["thyroid 0.1.0"]  # nobody asked
        read_again(hospital, first, CHAIN)
        assert software_on(hospital, kept) == ["thyroid 0.1.0", CHAIN]
    with start(data, adjuvant=in_service(versions, "0.2.0", "replace")) as hospital:
        read_again(hospital, second, CHAIN)
        assert software_on(hospital, replaced) == [CHAIN]
        assert "Cold nodule 1" in labels_on(hospital, replaced)
        jobs = hospital.get(f"/adjuvant/instances/{second}/jobs")["jobs"]
        marked = {job["model"]: job["summary"]["cold_nodules"] for job in jobs}
        assert marked == {"thyroid 0.1.0": None, CHAIN: 1}
        assert [one["version"] for one in hospital.status()["models"]] == ["0.2.0", "0.1.0"]
        ends = {"thyroid 0.1.0": "superseded", CHAIN: "done"}
        assert states(hospital, second) == ends
        assert hospital.read(by_hand).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
        assert software_on(hospital, kept) == ["thyroid 0.1.0", CHAIN]
    with start(data, adjuvant=in_service(versions, "0.1.0", "replace")) as hospital:
        read_again(hospital, second, "thyroid 0.1.0")
        assert software_on(hospital, replaced) == ["thyroid 0.1.0"]
        ends = {"thyroid 0.1.0": "done", CHAIN: "superseded"}
        assert states(hospital, second) == ends
        assert hospital.read(by_hand).SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
