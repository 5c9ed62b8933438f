"""The SEG is valid, says what made it, and gives back the masks of every source frame."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest

from adjuvant.errors import Refusal
from adjuvant.results import encode
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.adjuvant.results.examples import dciodvfy, findings, model, scan_of, views
from tests.builder import nm_dataset, thyroid_counts
from tests.headers import STYLES


def read_back(scan: Scan, data: bytes) -> np.ndarray:
    seg = hd.seg.segread(BytesIO(data))
    numbers = [frame.number for frame in scan.frames]
    return seg.get_pixels_by_source_frame(scan.header.SOPInstanceUID, numbers)


@pytest.mark.parametrize("style", STYLES)
def test_every_header_style_gives_a_valid_seg_with_the_same_masks(style: str, tmp_path: Path):
    scan = scan_of(STYLES[style]())
    found = findings(scan)
    result = build_segmentation(scan, found, model())
    assert dciodvfy(result, tmp_path) == []
    pixels = read_back(scan, encode(result))
    for place, segment in enumerate(found.segments):
        np.testing.assert_array_equal(pixels[..., place].astype(bool), segment.masks)


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (17, 19), (129, 67), (1024, 1024)])
def test_bits_of_any_matrix_are_packed_across_frames(rows: int, columns: int, tmp_path: Path):
    scan = views("anterior", "posterior", "left anterior oblique", rows=rows, columns=columns)
    found = findings(scan)
    noise = np.random.default_rng(1).random((3, rows, columns)) > 0.5
    found = replace(found, segments=(replace(found.segments[0], masks=noise),))
    result = build_segmentation(scan, found, model())
    assert dciodvfy(result, tmp_path) == []
    np.testing.assert_array_equal(read_back(scan, encode(result))[..., 0].astype(bool), noise)


def test_a_gland_that_is_not_seen_keeps_all_frames_empty(tmp_path: Path):
    scan = views("anterior", "posterior")
    result = build_segmentation(scan, findings(scan, seen=False), model())
    assert result.NumberOfFrames == 2
    assert not any(result.PixelData)
    assert dciodvfy(result, tmp_path) == []


def test_frames_keep_the_numbers_of_the_source_where_one_was_left_out():
    scan = views("anterior", "posterior", "left anterior oblique")
    scan = replace(scan, frames=(scan.frames[0], scan.frames[2]))
    result = build_segmentation(scan, findings(scan), model())
    referenced = [
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for item in result.PerFrameFunctionalGroupsSequence
    ]
    assert referenced == [1, 3, 1, 3]


def test_two_builds_are_equal_byte_for_byte():
    scan = views("anterior", "posterior")
    first, second = (encode(build_segmentation(scan, findings(scan), model())) for _ in range(2))
    assert first == second


def test_a_new_model_gives_new_uids_and_a_new_device():
    scan = views("anterior")
    old, new = (
        build_segmentation(scan, findings(scan), model(version=version))
        for version in ("0.1.0", "0.2.0")
    )
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert old[keyword].value != new[keyword].value
    devices = {seg.ContributingEquipmentSequence[-1].DeviceUID for seg in (old, new)}
    assert len(devices) == 2


def test_the_algorithm_says_name_version_source_and_threshold():
    scan = views("anterior")
    result = build_segmentation(scan, findings(scan), model())
    segment = result.SegmentSequence[0]
    algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("Adjuvant thyroid", "0.1.0")
    assert algorithm.AlgorithmSource == result.Manufacturer
    assert algorithm.AlgorithmParameters.startswith("threshold=0.5,")
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "69748006"
    assert segment.TrackingID == "Thyroid gland"
    assert len(segment.RecommendedDisplayCIELabValue) == 3


@pytest.mark.parametrize(("data", "warned"), [("simulated", True), ("clinical", False)])
def test_simulated_training_is_told_in_the_descriptions(data: str, warned: bool):
    scan = views("anterior")
    result = build_segmentation(scan, findings(scan), model(data=data))
    assert ("rained on simulated scans" in result.ContentDescription) is warned
    assert ("simulated training" in result.SeriesDescription) is warned


def test_viewers_find_orientation_series_and_spacing():
    scan = views("anterior")
    result = build_segmentation(scan, findings(scan), model())
    shared = result.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    assert list(orientation) == [1, 0, 0, 0, 1, 0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == list(scan.header.PixelSpacing)
    assert result.ReferencedSeriesSequence[0].SeriesInstanceUID == scan.header.SeriesInstanceUID
    assert "FrameOfReferenceUID" not in result


def test_without_a_pixel_size_none_is_written(tmp_path: Path):
    scan = scan_of(nm_dataset(thyroid_counts(), PixelSpacing=None))
    result = build_segmentation(scan, findings(scan), model())
    assert "PixelMeasuresSequence" not in result.SharedFunctionalGroupsSequence[0]
    assert dciodvfy(result, tmp_path) == []


def test_overlap_is_said_only_where_segments_overlap():
    scan = views("anterior")
    found = findings(scan)
    gland_only = replace(found, segments=found.segments[:1])
    assert build_segmentation(scan, found, model()).SegmentsOverlap == "YES"
    assert build_segmentation(scan, gland_only, model()).SegmentsOverlap == "NO"


def test_a_source_without_series_uid_is_refused():
    scan = views("anterior")
    del scan.header.SeriesInstanceUID
    with pytest.raises(Refusal, match="the header has no SeriesInstanceUID"):
        build_segmentation(scan, findings(scan), model())


def test_dcmtk_reads_it(tmp_path: Path):
    scan = views("anterior", "posterior")
    path = tmp_path / "seg.dcm"
    path.write_bytes(encode(build_segmentation(scan, findings(scan), model())))
    dump = subprocess.run(["dcmdump", str(path)], capture_output=True, check=True, text=True)
    assert "=SegmentationStorage" in dump.stdout
    assert dump.stderr == ""
