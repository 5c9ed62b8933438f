"""What a candidate does otherwise: outline, area, nodules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adjuvant.comparison import compare
from adjuvant.findings import Code, Findings, FrameMeasures, Segment

STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
THYROID = Code("69748006", "SCT", "Thyroid")
NODULE = Code("27925004", "SCT", "Nodule")


def findings(gland: slice, *nodules: tuple[int, int], area: float | None = 20.0) -> Findings:
    """A gland of some rows of 32 x 32 pixels on two frames, with nodules of 3 x 3 on the second."""
    masks = np.zeros((2, 32, 32), bool)
    masks[:, gland] = True
    spots = np.zeros_like(masks)
    for row, column in nodules:
        spots[1, row : row + 3, column : column + 3] = True
    measures = FrameMeasures(1, None, 1e5, 1, area, 1.0, None, None)
    segments = (
        Segment("Thyroid gland", STRUCTURE, THYROID, masks),
        Segment("Cold nodule", STRUCTURE, NODULE, spots),
    )
    return Findings("thyroid", segments, (measures,), ())


def test_the_same_reading_differs_in_nothing() -> None:
    one = findings(slice(5, 15), (6, 6))
    found = compare(one, one)
    assert (found.dice, found.area_cm2, found.gained, found.lost) == (1.0, 0.0, 0, 0)


def test_dice_and_area_are_of_the_gland() -> None:
    found = compare(findings(slice(0, 10)), findings(slice(5, 15), area=22.5))
    assert found.dice == 0.5
    assert found.area_cm2 == 2.5


def test_a_gland_that_one_does_not_see_is_no_agreement() -> None:
    nothing, gland = findings(slice(0, 0)), findings(slice(0, 10))
    assert compare(nothing, gland).dice == compare(gland, nothing).dice == 0
    assert compare(nothing, nothing).dice is None


def test_nodules_are_gained_and_lost_by_place() -> None:
    active = findings(slice(0, 32), (2, 2), (10, 10))
    candidate = findings(slice(0, 32), (4, 4), (20, 20), (20, 28))
    found = compare(active, candidate)
    assert (found.gained, found.lost) == (2, 1)  # the first overlaps


@pytest.mark.parametrize("side", [0, 1])
def test_without_an_area_there_is_no_difference(side: int) -> None:
    pair = [findings(slice(0, 10)), findings(slice(0, 10))]
    pair[side] = replace(pair[side], measures=())
    assert compare(pair[0], pair[1]).area_cm2 is None
