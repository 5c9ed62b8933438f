"""From bytes to results, on every header style, without any archive."""

from __future__ import annotations

from collections.abc import Callable

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.errors import ModelFault, Refusal
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.network import Network
from adjuvant.pipeline import Outcome, analyse, on_source_matrix
from adjuvant.results import encode
from tests.bad_inputs import BAD_INPUTS
from tests.headers import STYLES, nm_dataset, thyroid_counts, to_bytes
from tests.networks import bright_network, model

THYROID = INTERPRETATIONS["thyroid"]
STEPS = ["decode", "preprocess", "network", "interpret", "build"]


def outcome_of(ds: Dataset) -> Outcome:
    return analyse(to_bytes(ds), THYROID, bright_network(), Limits())


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_ends_as_a_segmentation_a_picture_and_a_report(style: Callable[[], Dataset]):
    outcome = outcome_of(style())
    assert [one.SOPClassUID.name for one in outcome.objects] == [
        "Segmentation Storage",
        "Secondary Capture Image Storage",
        "Comprehensive 3D SR Storage",
    ]
    assert outcome.findings.gland_seen
    assert list(outcome.steps_ms) == STEPS
    for result in outcome.objects:
        assert result.StudyInstanceUID == outcome.scan.header.StudyInstanceUID
        assert str(result.PatientName) == str(outcome.scan.header.PatientName)
        assert len(encode(result)) > 1000


def test_the_mask_lies_on_the_source_pixel_for_pixel():
    outcome = outcome_of(nm_dataset(thyroid_counts(200, 120)))
    mask = outcome.findings.segments[0].masks[0]
    assert mask.shape == (200, 120)
    bright = thyroid_counts(200, 120)[0] > 14
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    overlaps = {by: dice(np.roll(mask, by, axis=(0, 1)), bright) for by in shifts}
    # Where the edge lies depends on how the scan is scaled; that it is not shifted does not.
    assert max(overlaps, key=lambda by: overlaps[by]) == (0, 0)
    assert overlaps[0, 0] > 0.95


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_the_segmentation_reads_back_as_the_findings_say():
    outcome = outcome_of(STYLES["three views"]())
    segmentation = hd.seg.Segmentation.from_dataset(outcome.objects[0])
    assert segmentation.number_of_segments == len(outcome.findings.segments)
    numbers = [frame.number for frame in outcome.scan.frames]
    read = segmentation.get_pixels_by_source_frame(outcome.scan.header.SOPInstanceUID, numbers)
    found = np.stack([segment.masks for segment in outcome.findings.segments], axis=-1)
    np.testing.assert_array_equal(read != 0, found)


def test_the_same_scan_gives_the_same_bytes_twice():
    ds = nm_dataset(thyroid_counts())
    first, second = outcome_of(ds), outcome_of(ds)
    assert [encode(one) for one in first.objects] == [encode(one) for one in second.objects]


def test_a_bad_input_is_a_refusal():
    with pytest.raises(Refusal, match="every pixel holds 9 counts"):
        analyse(BAD_INPUTS["flat image"].data(), THYROID, bright_network(), Limits())


def test_a_network_that_answers_nonsense_is_a_fault():
    broken = Network(model(), "CPU", lambda inputs: np.full((1, 256, 256, 1), np.nan, np.float32))
    with pytest.raises(ModelFault, match="not probabilities"):
        analyse(to_bytes(nm_dataset(thyroid_counts())), THYROID, broken, Limits())


def test_labels_stay_apart_on_the_way_back():
    answer = np.zeros((1, 64, 64, 2), np.float32)
    answer[..., 1] = 1
    restored = on_source_matrix(answer, (100, 50))
    assert restored.shape == (1, 100, 50, 2)
    assert restored[..., 0].max() == 0
    assert restored[..., 1].min() > 0.99
