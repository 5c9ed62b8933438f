"""What the benchmark of growth sends is the same scan on other matrices."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import growth
from deploy.demo import SEED, choose_case
from training.phantom.dicom import to_dicom

CASE = choose_case(SEED)


@pytest.mark.parametrize("side", growth.SIDES)
def test_another_matrix_shows_the_same_field(side: int) -> None:
    dataset = to_dicom(growth.resized(CASE, side))
    assert dataset.pixel_array.shape == (side, side)
    width = float(CASE.properties["spacing_mm"]) * CASE.counts.shape[1]
    assert dataset.PixelSpacing[0] * side == pytest.approx(width)


def test_larger_pixels_count_together_what_the_smaller_ones_do() -> None:
    small = growth.resized(CASE, 64).counts
    assert small.sum() == CASE.counts.sum()
    assert small[0, 0] == CASE.counts[:4, :4].sum()
    large = growth.resized(CASE, 512).counts
    np.testing.assert_array_equal(large[::2, 1::2], CASE.counts)


def test_the_table_has_a_column_for_each_size() -> None:
    table = growth._table("frames", {1: {"network": 20.4}, 60: {"network": 950.0}}, "{0}")
    assert table.splitlines()[0] == "| frames | 1 | 60 |"
    assert table.splitlines()[2] == "| network | 20 | 950 |"
