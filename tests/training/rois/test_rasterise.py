"""Hand-computed pixels: the centre decides, left and upper edges belong, right and lower do not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.rois.drawing import Ellipse, Outline
from training.rois.rasterise import rasterise_ellipse, rasterise_outline


def ring(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float64)


def drawn(*rings: np.ndarray, rule: str = "nonzero", matrix: tuple[int, int] = (5, 6)) -> list[str]:
    mask = rasterise_outline(Outline(rings, rule), matrix)  # type: ignore[arg-type]
    return ["".join("#" if one else "." for one in row) for row in mask]


def test_a_rectangle_holds_the_pixels_whose_centres_it_encloses() -> None:
    # x from 1.4 to 4.4 encloses the centres 1.5, 2.5, 3.5; y from 0.6 to 2.6 the centre 1.5, 2.5.
    assert drawn(ring((1.4, 0.6), (4.4, 0.6), (4.4, 2.6), (1.4, 2.6))) == [
        "......",
        ".###..",
        ".###..",
        "......",
        "......",
    ]


def test_a_triangle_is_cut_pixel_by_pixel() -> None:
    # Inside is x + y < 4: of the centres in row 0 (y = 0.5) those with x < 3.5, and so on.
    assert drawn(ring((0, 0), (4, 0), (0, 4))) == [
        "###...",
        "##....",
        "#.....",
        "......",
        "......",
    ]


def test_a_centre_on_the_left_or_upper_edge_belongs_and_on_the_others_does_not() -> None:
    square = ring((1.5, 1.5), (3.5, 1.5), (3.5, 3.5), (1.5, 3.5))
    assert drawn(square) == ["......", ".##...", ".##...", "......", "......"]


def test_neighbours_share_no_pixel_and_leave_none_out() -> None:
    left = ring((0, 0), (2.5, 0), (2.5, 5), (0, 5))
    right = ring((2.5, 0), (6, 0), (6, 5), (2.5, 5))
    masks = [rasterise_outline(Outline((one,)), (5, 6)) for one in (left, right)]
    assert (masks[0] ^ masks[1]).all()


def test_the_direction_of_drawing_does_not_matter() -> None:
    triangle = ring((0.3, 0.2), (5.1, 1.7), (2.2, 4.9))
    assert drawn(triangle) == drawn(triangle[::-1])


def test_a_loop_drawn_over_its_start_stays_filled() -> None:
    # A square gone round twice: winding 2, filled under nonzero, empty under even-odd.
    square = [(1.0, 1.0), (5.0, 1.0), (5.0, 4.0), (1.0, 4.0)]
    twice = ring(*square, *square)
    assert (
        drawn(twice)
        == drawn(ring(*square))
        == [
            "......",
            ".####.",
            ".####.",
            ".####.",
            "......",
        ]
    )
    assert drawn(twice, rule="even-odd") == ["......"] * 5


def test_a_hole_is_cut_by_even_odd_or_by_a_ring_the_other_way_round() -> None:
    outer = ring((0, 0), (5, 0), (5, 5), (0, 5))
    inner = ring((2, 2), (4, 2), (4, 4), (2, 4))
    holed = ["#####.", "#####.", "##..#.", "##..#.", "#####."]
    assert drawn(outer, inner, rule="even-odd") == holed
    assert drawn(outer, inner[::-1]) == holed
    assert drawn(outer, inner) == ["#####."] * 5


def test_what_leaves_the_image_is_cut_off() -> None:
    assert drawn(ring((-9, -9), (2, -9), (2, 2), (-9, 2))) == [
        "##....",
        "##....",
        "......",
        "......",
        "......",
    ]


def test_an_ellipse_holds_the_centres_within_it() -> None:
    # Centre (3, 2.5), half axes 2.1 and 1.2: of row 2 (y = 2.5) the centres 1.5 to 4.5; of rows 1
    # and 3 (y off by 1) those within 2.1 * sqrt(1 - 1/1.44) = 1.16 of x = 3: 2.5 and 3.5.
    mask = rasterise_ellipse(Ellipse(0.9, 1.3, 5.1, 3.7), (5, 6))
    assert ["".join(".#"[int(one)] for one in row) for row in mask] == [
        "......",
        "..##..",
        ".####.",
        "..##..",
        "......",
    ]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, 0.7), (0.5, 0.5)])
def test_areas_agree_with_geometry_whatever_the_position_within_a_pixel(
    shift: tuple[float, float],
) -> None:
    angles = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    circle = 30 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 50 + np.array(shift)
    area = rasterise_outline(Outline((circle,)), (100, 100)).sum()
    assert area == pytest.approx(math.pi * 900, rel=0.01)
