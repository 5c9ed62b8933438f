"""What every structure measures on every view, against figures reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.lobes import ANATOMICAL_STRUCTURE, LEFT_LOBE, RIGHT_LOBE
from adjuvant.scan import Scan
from adjuvant.structures import measure_structures
from tests.adjuvant.results.examples import scan_of
from tests.builder import nm_dataset

GLAND = Code("69748006", "SCT", "Thyroid")


def scan() -> Scan:
    counts = np.ones((2, 16, 16), np.uint16)
    counts[:, :, 8:] = 3
    return scan_of(nm_dataset(counts, views=("anterior", "left anterior oblique")))


def findings(left_on_second_view: bool = True) -> Findings:
    gland = np.zeros((2, 16, 16), np.bool_)
    gland[:, 4:8, 4:12] = True
    right, left = gland.copy(), gland.copy()
    right[:, :, 8:] = False
    left[:, :, :8] = False
    left[1] &= left_on_second_view
    segments = (
        Segment("Thyroid gland", ANATOMICAL_STRUCTURE, GLAND, gland),
        Segment("Right lobe", ANATOMICAL_STRUCTURE, RIGHT_LOBE, right),
        Segment("Left lobe", ANATOMICAL_STRUCTURE, LEFT_LOBE, left),
    )
    measures = (
        FrameMeasures(1, "anterior", 512, 32, None, 64, 0.5, 4),
        FrameMeasures(2, "left anterior oblique", 512, 32, None, 64, None, None),
    )
    return Findings("thyroid", segments, measures, ())


def test_counts_areas_and_ratios_are_of_each_segment_alone() -> None:
    gland, right, left = measure_structures(scan(), findings())[:3]
    assert (gland.pixels, gland.counts, gland.to_background) == (32, 64, 4)
    assert (right.pixels, right.counts, right.to_background) == (16, 16, 2)
    assert (left.counts, left.counts_per_pixel, left.to_background) == (48, 3, 6)


def test_only_lobes_have_a_share_and_both_make_up_the_whole() -> None:
    shares = [one.share_of_lobes for one in measure_structures(scan(), findings())[:3]]
    assert shares == [None, 0.25, 0.75]


def test_without_a_background_there_is_no_ratio() -> None:
    assert all(one.to_background is None for one in measure_structures(scan(), findings())[3:])


def test_a_lobe_that_is_not_seen_is_left_out_and_the_other_has_no_share() -> None:
    second = [one for one in measure_structures(scan(), findings(False)) if one.frame_number == 2]
    assert [one.segment_number for one in second] == [1, 2]
    assert [one.share_of_lobes for one in second] == [None, None]


def test_areas_need_a_pixel_size() -> None:
    with_size = scan()
    assert with_size.spacing_mm is not None
    area = with_size.spacing_mm[0] * with_size.spacing_mm[1] / 100
    assert measure_structures(with_size, findings())[0].area_cm2 == pytest.approx(32 * area)
    without = Scan(with_size.header, with_size.frames, None, None)
    assert measure_structures(without, findings())[0].area_cm2 is None
