"""Right and left lobe within an outline, on drawn glands of known parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import rotate

from adjuvant.lobes import FACING, LEFT_LOBE, RIGHT_LOBE, lobe_segments, split_lobes
from adjuvant.scan import Frame

Mask = NDArray[np.bool_]


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Mask:
    rows, columns = np.indices((128, 128))
    across = (rows - centre[0]) / radii[0], (columns - centre[1]) / radii[1]
    inside: Mask = np.hypot(*across) <= 1
    return inside


RIGHT = ellipse((60, 46), (24, 9))
LEFT = ellipse((58, 80), (22, 8))
ISTHMUS = ellipse((68, 63), (6, 16))


def frame(number: int, view: str | None) -> Frame:
    return Frame(number, np.ones((128, 128), np.float32), view, None)


def test_the_patients_right_is_on_the_images_left() -> None:
    lobes = split_lobes(RIGHT | LEFT, "anterior").lobes
    assert lobes is not None
    assert np.array_equal(lobes.right, RIGHT)
    assert np.array_equal(lobes.left, LEFT)


def test_separate_lobes_have_no_isthmus_and_need_no_remark() -> None:
    split = split_lobes(RIGHT | LEFT, "anterior")
    assert split.lobes is not None
    assert not split.lobes.isthmus.any()
    assert split.lobes.waist == 0
    assert split.remark == ""


def test_the_isthmus_belongs_to_neither_lobe() -> None:
    lobes = split_lobes(RIGHT | LEFT | ISTHMUS, "anterior").lobes
    assert lobes is not None
    middle = lobes.isthmus[:, 60:68]
    assert np.array_equal(middle, ISTHMUS[:, 60:68])
    assert not (lobes.right & LEFT).any()
    assert not (lobes.left & RIGHT).any()
    assert (lobes.right & RIGHT).sum() > 0.93 * RIGHT.sum()


@pytest.mark.parametrize("view", FACING)
@pytest.mark.parametrize("tilt", [-20, -10, 0, 10, 20])
def test_parts_never_overlap_and_make_up_the_gland_in_any_tilt(view: str, tilt: int) -> None:
    gland: Mask = rotate(RIGHT | LEFT | ISTHMUS, tilt, reshape=False, order=0)
    right: Mask = rotate(RIGHT, tilt, reshape=False, order=0)
    lobes = split_lobes(gland, view).lobes
    assert lobes is not None
    stacked = np.stack([lobes.right, lobes.left, lobes.isthmus]).sum(axis=0)
    assert np.array_equal(stacked, gland.astype(int))
    assert (lobes.right & right).sum() > 0.9 * right.sum()


def test_every_matrix_gives_the_same_split() -> None:
    gland = RIGHT | LEFT | ISTHMUS
    large = split_lobes(np.kron(gland, np.ones((8, 8), np.bool_)), "anterior").lobes
    small = split_lobes(gland, "anterior").lobes
    assert large is not None
    assert small is not None
    for name in ("right", "left"):
        share = getattr(large, name).sum() / 64 / getattr(small, name).sum()
        assert share == pytest.approx(1, abs=0.05)


def test_lobes_that_meet_in_a_shallow_waist_count_the_isthmus_and_say_so() -> None:
    touching = ellipse((60, 50), (24, 10)) | ellipse((60, 70), (24, 10))
    split = split_lobes(touching, "anterior")
    assert split.lobes is not None
    if not split.lobes.isthmus.any():
        assert split.remark == "the isthmus is not told apart and counts with the lobes"
    assert split.lobes.right.sum() == pytest.approx(split.lobes.left.sum(), rel=0.1)


@pytest.mark.parametrize(
    ("gland", "view", "reason"),
    [
        (RIGHT, "anterior", "no waist between two lobes is seen"),
        (ellipse((60, 60), (25, 30)), "anterior", "no waist between two lobes is seen"),
        (RIGHT | ellipse((100, 46), (8, 8)), "anterior", "no waist between two lobes is seen"),
        (ellipse((60, 60), (3, 3)), "anterior", "the outline is too small"),
        (np.zeros((128, 128), np.bool_), "anterior", "no gland is seen"),
        (np.eye(128, dtype=np.bool_), "anterior", "no waist between two lobes is seen"),
        (np.ones((128, 128), np.bool_), "anterior", "no waist between two lobes is seen"),
        (RIGHT | LEFT, None, "the header does not tell the view"),
        (RIGHT | LEFT, "posterior", "a posterior view is not split"),
        (RIGHT | LEFT, "left lateral", "a left lateral view is not split"),
    ],
)
def test_what_cannot_be_told_is_not_told_and_why(
    gland: Mask, view: str | None, reason: str
) -> None:
    split = split_lobes(gland, view)
    assert split.lobes is None
    assert split.remark == reason


def test_a_pyramidal_lobe_does_not_hide_the_waist() -> None:
    gland = RIGHT | LEFT | ISTHMUS | ellipse((56, 62), (9, 2))
    assert split_lobes(gland, "anterior").lobes is not None


def test_views_that_cannot_be_split_are_empty_in_both_segments() -> None:
    gland = np.stack([RIGHT | LEFT, RIGHT | LEFT, np.zeros_like(RIGHT)])
    frames = (frame(1, "anterior"), frame(3, None), frame(4, "anterior"))
    segments, remarks = lobe_segments(gland, frames)
    assert [segment.type for segment in segments] == [RIGHT_LOBE, LEFT_LOBE]
    assert [bool(mask.any()) for mask in segments[0].masks] == [True, False, False]
    assert remarks == ("Frame 3: lobes are not told apart: the header does not tell the view.",)


def test_a_mirrored_image_is_not_split() -> None:
    segments, remarks = lobe_segments((RIGHT | LEFT)[None], (frame(2, "anterior"),), mirrored={2})
    assert segments == ()
    assert remarks == ("Frame 2: lobes are not told apart: the header contradicts the view.",)
