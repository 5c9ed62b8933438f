"""What was drawn on one image becomes its masks; a wrong geometry is caught."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from adjuvant.results.marks import parts_beside_a_whole
from tests.training.rois.vectors import POINTS, counts, expected
from training.rois.drawing import Drawing, Outline, Painted, RoiError, Statistics
from training.rois.labels import Names, read_names
from training.rois.placing import Plane, place

PLANE = Plane(counts())
PENTAGON = Outline((np.array(POINTS),))
WHOLE = Drawing("gland", PENTAGON)


def lobe(left: float, right: float) -> Drawing:
    corners = np.array([(left, 1.0), (right, 1.0), (right, 4.0), (left, 4.0)])
    return Drawing("lobe", Outline((corners,)))


def test_two_lobes_make_one_gland() -> None:
    placed = place([("gland", lobe(2, 4)), ("gland", lobe(5, 7))], PLANE)
    assert int(placed.gland.sum()) == 12
    assert not placed.nodules.any()


def test_a_nodule_belongs_to_the_gland_and_widens_it_where_it_juts_out() -> None:
    inside = np.zeros((8, 10), np.bool_)
    inside[1:3, 2:4] = True
    inside[0, 3] = True
    placed = place([("gland", WHOLE), ("nodule", Drawing("n", Painted(inside)))], PLANE)
    np.testing.assert_array_equal(placed.nodules, inside)
    np.testing.assert_array_equal(placed.gland, expected() | inside)
    assert placed.remarks == ("1 pixels of nodules were outside the gland: it was widened",)


def test_a_nodule_far_from_the_gland_is_an_error() -> None:
    corner = np.zeros((8, 10), np.bool_)
    corner[7, 9] = True
    with pytest.raises(RoiError, match="nodules lie outside the gland"):
        place([("gland", WHOLE), ("nodule", Drawing("n", Painted(corner)))], PLANE)


def test_the_same_outline_twice_counts_once() -> None:
    placed = place([("gland", WHOLE), ("gland", WHOLE)], PLANE)
    np.testing.assert_array_equal(placed.gland, expected())
    assert placed.remarks == ("drawn twice, alike (Dice 1.000): the first was taken",)


def test_two_outlines_that_disagree_are_an_error_with_their_dice() -> None:
    # The whole has 19 pixels, the lobe 6 of them: 2 * 6 / 25.
    with pytest.raises(RoiError, match=r"disagree \(Dice 0\.480\)"):
        place([("gland", WHOLE), ("gland", lobe(2, 4))], PLANE)


def block(rows: slice, columns: slice) -> Drawing:
    mask = np.zeros((8, 10), np.bool_)
    mask[rows, columns] = True
    return Drawing("nodule", Painted(mask))


def test_two_outlines_of_a_nodule_that_disagree_are_an_error_and_alike_ones_count_once() -> None:
    gland = ("gland", WHOLE)
    one, alike = block(np.s_[1:4], np.s_[2:5]), block(np.s_[1:4], np.s_[2:6])
    # 9 pixels and 12 that hold them: 2 * 9 / 21; 9 and 4 of them: 2 * 4 / 13.
    placed = place([gland, ("nodule", one), ("nodule", alike)], PLANE)
    assert placed.remarks == ("drawn twice, alike (Dice 0.857): the first was taken",)
    assert int(placed.nodules.sum()) == 9
    smaller = block(np.s_[1:3], np.s_[2:4])
    with pytest.raises(RoiError, match=r"two outlines of the nodule disagree \(Dice 0\.615\)"):
        place([gland, ("nodule", one), ("nodule", smaller)], PLANE)
    apart = block(np.s_[1:3], np.s_[6:7])
    assert int(place([gland, ("nodule", one), ("nodule", apart)], PLANE).nodules.sum()) == 11


def test_nodules_alone_are_no_truth() -> None:
    with pytest.raises(RoiError, match="no outline of the gland"):
        place([("nodule", WHOLE)], PLANE)


def test_another_matrix_is_an_error() -> None:
    with pytest.raises(RoiError, match="drawn on a matrix of 16 x 20, the image has 8 x 10"):
        place([("gland", Drawing("g", PENTAGON, matrix=(16, 20)))], PLANE)
    twice = Drawing("g", Outline((2 * np.array(POINTS),)))
    with pytest.raises(RoiError, match="leaves the image"):
        place([("gland", twice)], PLANE)
    with pytest.raises(RoiError, match="a mask of 8 x 12 does not fit the image of 8 x 10"):
        place([("gland", Drawing("g", Painted(np.ones((8, 12), np.bool_))))], PLANE)


def test_an_outline_around_nothing_is_an_error() -> None:
    point = Drawing("g", Outline((np.array([(2.1, 2.1), (2.2, 2.1), (2.2, 2.2)]),)))
    with pytest.raises(RoiError, match="not one pixel"):
        place([("gland", point)], PLANE)


def test_statistics_of_another_image_or_a_flipped_one_are_caught() -> None:
    said = Drawing("g", PENTAGON, statistics=Statistics(mean=20.4))
    assert int(place([("gland", said)], PLANE).gland.sum()) == 19
    with pytest.raises(RoiError, match=r"mean of 20\.4 counts, the image gives 8\.632: another"):
        place([("gland", said)], Plane(np.where(np.arange(10) < 4, 20, 2.0) * np.ones((8, 1))))
    with pytest.raises(RoiError, match="flipped upside down: the image is flipped"):
        place([("gland", said)], Plane(counts()[::-1]))


def spot() -> np.ndarray:
    """A bright oblong off the centre of a square image."""
    image = np.full((64, 64), 2.0, np.float32)
    image[8:24, 6:26] = 30
    return image


@pytest.mark.parametrize(
    ("turned", "said"),
    [
        (np.flipud, "flipped upside down"),
        (np.fliplr, "flipped left to right"),
        (lambda mask: mask[::-1, ::-1], "turned by half"),
        (np.transpose, "transposed"),
        (np.rot90, "turned by a quarter clockwise"),
        (lambda mask: np.rot90(mask, -1), "turned by a quarter \\("),
        (lambda mask: mask[::-1, ::-1].T, "transposed and turned by half"),
    ],
)
def test_an_outline_that_fits_better_turned_is_caught_without_statistics(
    turned: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    image = spot()
    mask = image > 10
    assert int(place([("gland", Drawing("g", Painted(mask)))], Plane(image)).gland.sum()) == 320
    with pytest.raises(RoiError, match=f"fits better when it is {said}"):
        place([("gland", Drawing("g", Painted(turned(mask))))], Plane(image))


def test_an_outline_that_does_not_stand_out_is_caught() -> None:
    image = np.full((64, 64), 20.0, np.float32)
    gland = np.zeros((64, 64), np.bool_)
    gland[24:40, 22:42] = True
    # A gland with little uptake is one all the same.
    faint = Plane(np.where(gland, 24, image))
    assert place([("gland", Drawing("g", Painted(gland)))], faint).gland.any()
    with pytest.raises(RoiError, match=r"does not stand out .* around 1, at least 1\.1 is"):
        place([("gland", Drawing("g", Painted(np.roll(gland, -22, axis=0))))], faint)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Thyroïde", "gland"),
        ("SCHILDDRÜSE li", "gland"),
        ("Right lobe", "gland"),
        ("thyroid nodule", "nodule"),
        ("Nodulo freddo", "nodule"),
        ("Kalter Knoten", "nodule"),
        ("nodule froid", "nodule"),
        ("zona fredda", "nodule"),
        ("Isthmusknoten", "nodule"),
        ("hot nodule", "hot nodule"),
        ("Hot_nodule1", "hot nodule"),
        ("heisser Knoten", "hot nodule"),
        ("Heißer Knoten li", "hot nodule"),
        ("nodulo caldo", "hot nodule"),
        ("Nódulo caliente", "hot nodule"),
        ("nodule chaud", "hot nodule"),
        ("hete knobbel", "hot nodule"),
        ("toxic nodule", "hot nodule"),
        ("autonomes Adenom", "hot nodule"),
        ("warm nodule", "hot nodule"),
        ("hyperfunctioning nodule", "hot nodule"),
        ("cold nodule in a toxic goitre", "nodule"),
        ("heterogeneous nodule", "nodule"),
        ("toxic goitre", "gland"),
        ("nodule-free gland", "gland"),
        ("Schilddrüse ohne Knoten", "gland"),
        ("no nodule", None),
        ("Lymphknoten", None),
        ("ROI 1", None),
        ("salivary", None),
    ],
)
def test_names_are_understood_in_the_languages_of_departments(name: str, label: str | None) -> None:
    assert Names().label_of(name) == label


def test_a_hot_nodule_keeps_its_name_under_a_pseudonym() -> None:
    assert Names().label_of(Names().word_for("Heißer Knoten rechts")) == "hot nodule"


def test_a_nodule_in_a_lobe_is_no_part_of_the_gland_to_leave_out() -> None:
    names = {1: "Thyroid", 2: "Right lobe", 3: "Nodule of the right lobe"}
    assert parts_beside_a_whole(names) == {2}


def test_a_site_says_what_its_own_names_mean() -> None:
    names = Names(read_names(["ROI 1=gland", " Tache  Froide=nodule"]))
    assert names.label_of("roi 1") == "gland"
    assert names.label_of("tache froide") == "nodule"
    assert Names(anything_is="gland").label_of("Unnamed") == "gland"
    with pytest.raises(ValueError, match=r"NAME=gland or NAME=nodule, got 'a=b'"):
        read_names(["a=b"])
