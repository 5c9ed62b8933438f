"""Probabilities become the gland that a reader would draw, with honest remarks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes

from adjuvant.errors import ModelFault
from adjuvant.familiar import MEASURES, Familiar, describe
from adjuvant.image import Limits, read_scan
from adjuvant.interpretations.thyroid import fill_holes, gland_mask, interpret, minimum_area
from adjuvant.scan import Scan
from tests.headers import nm_dataset, thyroid_counts, to_bytes
from tests.networks import model

SIDE = 256


def scan_of(frames: int = 1, **tags: object) -> Scan:
    return read_scan(to_bytes(nm_dataset(thyroid_counts(frames=frames), **tags)), Limits())


def lobes() -> np.ndarray:
    """Probabilities (256, 256): two separate lobes."""
    probability = np.full((SIDE, SIDE), 0.02, np.float32)
    probability[80:180, 70:110] = probability[80:180, 140:180] = 0.95
    return probability


def answer(*maps: np.ndarray) -> np.ndarray:
    return np.stack(maps)[..., None]


def test_separate_lobes_are_kept():
    mask = gland_mask(lobes(), 0.5, 20)
    assert mask.sum() == 2 * 100 * 40
    assert not mask[:, 110:140].any()


def test_a_cold_nodule_inside_belongs_to_the_gland():
    probability = lobes()
    probability[120:130, 85:95] = 0.1
    assert gland_mask(probability, 0.5, 20).sum() == 2 * 100 * 40


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.7))
def test_holes_are_those_that_scipy_finds(seed: int, density: float):
    mask = np.random.default_rng(seed).random((24, 17)) < density
    np.testing.assert_array_equal(fill_holes(mask), binary_fill_holes(mask))


def test_islands_below_the_smallest_area_are_dropped_and_larger_ones_kept():
    probability = lobes()
    probability[10:14, 10:14] = 0.9
    assert gland_mask(probability, 0.5, 17).sum() == 2 * 100 * 40
    assert gland_mask(probability, 0.5, 16).sum() == 2 * 100 * 40 + 16


def test_a_diagonal_isthmus_does_not_fall_apart():
    probability = np.zeros((32, 32), np.float32)
    np.fill_diagonal(probability, 1)
    assert gland_mask(probability, 0.5, 20).sum() == 32


def test_the_threshold_is_the_models_and_belongs_to_the_gland():
    probability = lobes()
    assert gland_mask(probability, 0.95, 1).any()
    assert not gland_mask(probability, 0.96, 1).any()


@pytest.mark.parametrize(
    ("shape", "expected"), [((256, 256), 20), ((512, 512), 80), ((64, 128), 5), ((128, 64), 5)]
)
def test_the_smallest_area_scales_with_the_matrix(shape: tuple[int, int], expected: float):
    assert minimum_area(shape, model()) == expected


def test_the_gland_is_the_first_segment_coded_and_over_all_frames():
    findings = interpret(scan_of(2), answer(lobes(), lobes()), model())
    segment = findings.segments[0]
    assert (segment.label, segment.type.value) == ("Thyroid gland", "69748006")
    assert segment.masks.shape == (2, SIDE, SIDE)
    assert segment.masks.dtype == bool
    assert [measured.frame_number for measured in findings.measures] == [1, 2]
    assert findings.measures[0].gland_area_cm2 == pytest.approx(8000 * 0.0144)
    assert findings.gland_seen
    assert findings.remarks == ()


def test_the_lobes_follow_the_gland_the_right_one_on_the_images_left():
    findings = interpret(scan_of(), answer(lobes()), model())
    gland, right, left = findings.segments
    assert [right.label, left.label] == ["Right lobe", "Left lobe"]
    assert np.array_equal(right.masks | left.masks, gland.masks)
    assert not right.masks[..., 128:].any()
    assert not left.masks[..., :128].any()


@pytest.mark.parametrize("view", ["anterior", "left anterior oblique", "right anterior oblique"])
def test_a_mirrored_image_never_has_swapped_lobes(view: str):
    ds = nm_dataset(thyroid_counts(), views=(view,), PatientOrientation=["R", "F"])
    findings = interpret(read_scan(to_bytes(ds), Limits()), answer(lobes()), model())
    assert [segment.label for segment in findings.segments] == ["Thyroid gland"]
    said = "Frame 1: lobes are not told apart: the header contradicts the view."
    assert said in findings.remarks


def test_a_mirrored_view_leaves_the_lobes_of_the_other_views():
    ds = nm_dataset(thyroid_counts(frames=2), views=("anterior", "anterior"))
    cosines = ([1, 0, 0, 0, 0, -1], [-1, 0, 0, 0, 0, -1])
    for detector, orientation in zip(ds.DetectorInformationSequence, cosines, strict=True):
        detector.ImageOrientationPatient = orientation
    scan = read_scan(to_bytes(ds), Limits())
    _, right, left = interpret(scan, answer(lobes(), lobes()), model()).segments
    for lobe in (right, left):
        assert lobe.masks[0].any()
        assert not lobe.masks[1].any()


def test_no_uptake_is_a_finding_of_its_own():
    findings = interpret(scan_of(), answer(np.zeros((SIDE, SIDE), np.float32)), model())
    assert not findings.gland_seen
    assert findings.remarks[0] == "No thyroid uptake seen."
    assert findings.measures[0].gland_area_cm2 == 0


def test_no_uptake_on_one_frame_is_told_for_that_frame():
    findings = interpret(scan_of(2), answer(lobes(), np.zeros((SIDE, SIDE), np.float32)), model())
    assert findings.gland_seen
    assert findings.remarks == ("Frame 2: no thyroid uptake seen.",)


def test_a_gland_at_the_border_may_be_cut():
    findings = interpret(scan_of(), answer(np.roll(lobes(), -80, axis=0)), model())
    assert (
        "Frame 1: limited quality: the gland reaches the border of the image" in findings.remarks[0]
    )


def test_few_counts_are_told_with_the_limit():
    counts = thyroid_counts() // 10
    scan = read_scan(to_bytes(nm_dataset(counts)), Limits())
    findings = interpret(scan, answer(lobes()), model())
    told = f"limited quality: few counts ({counts.sum():,} counts, below 50,000): the outline is"
    assert findings.remarks[0].startswith(f"Frame 1: {told} less certain")


def test_an_overflow_of_8_bits_is_told():
    counts = np.minimum(thyroid_counts() * 5, 255).astype(np.uint8)
    scan = read_scan(to_bytes(nm_dataset(counts)), Limits())
    assert (
        "largest value that can be stored" in interpret(scan, answer(lobes()), model()).remarks[0]
    )


def test_an_image_scaled_to_255_is_no_overflow():
    counts = np.minimum(thyroid_counts(), 60).astype(np.uint8)
    counts[0, 128, 90] = 255
    scan = read_scan(to_bytes(nm_dataset(counts)), Limits())
    assert interpret(scan, answer(lobes()), model()).remarks == ()


@pytest.mark.parametrize(
    ("spacing", "collimator", "remark"),
    [
        (None, "PARA", "No area in cm²: the header has no PixelSpacing."),
        (["0", "0"], "PARA", "No area in cm²: PixelSpacing is not two numbers from 0.05 to 50."),
        (["2", "2"], "PINH", "No area in cm²: the collimator magnifies (pinhole or focused)."),
        (["2", "2"], "", "The header does not tell the collimator"),
    ],
)
def test_a_missing_or_doubtful_area_is_explained(
    spacing: list[str] | None, collimator: str, remark: str
):
    ds = nm_dataset(thyroid_counts(), PixelSpacing=spacing)
    ds.DetectorInformationSequence[0].CollimatorType = collimator
    findings = interpret(read_scan(to_bytes(ds), Limits()), answer(lobes()), model())
    assert findings.remarks[0].startswith(remark)


def test_a_frame_without_signal_is_told():
    counts = thyroid_counts(frames=2)
    counts[0] = 0
    scan = read_scan(to_bytes(nm_dataset(counts)), Limits())
    findings = interpret(scan, answer(lobes()), model())
    assert findings.remarks == ("Frame 1 holds no signal and was not analysed.",)
    assert findings.measures[0].frame_number == 2


def test_a_model_without_a_gland_is_a_fault_of_the_model():
    output = {"labels": ["bone"], "threshold": 0.5, "minimum_area_pixels": 1}
    with pytest.raises(ModelFault, match=r"thyroid 0\.1\.0 has no label 'thyroid', only bone"):
        interpret(scan_of(), answer(lobes()), model(output=output))


def test_an_image_unlike_those_of_the_training_is_told():
    number = len(MEASURES)
    usual = tuple(describe(scan_of().frames[0].counts).tolist())
    even = tuple(tuple(np.eye(number)[one].tolist()) for one in range(number))
    known = Familiar(tuple(MEASURES), usual, (1.0,) * number, even, limit=0.1, scans=170)
    other = Familiar(tuple(MEASURES), (9.0,) * number, (1.0,) * number, even, limit=2.0, scans=170)
    said = [
        [
            remark
            for remark in interpret(
                scan_of(), answer(lobes()), model().model_copy(update={"familiar": one})
            ).remarks
            if "unlike those of the training" in remark
        ]
        for one in (None, known, other)
    ]
    assert [len(one) for one in said] == [0, 0, 1]
