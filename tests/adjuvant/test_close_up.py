"""A close-up shows the gland at one size and one scale, and its answer goes back to its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjuvant.close_up import CloseUp, Square, look_closer, on_source_matrix, square_around

PLAN = CloseUp(margin=1.25, size=64)


def scan(matrix: int, level: float = 100.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, gland and a cold nodule in it, at the same place of the field for any matrix."""
    y, x = (np.mgrid[:matrix, :matrix] + 0.5) / matrix
    gland = (np.abs(y - 0.6) < 0.2) & (np.abs(x - 0.4) < 0.15)
    nodule = np.hypot(y - 0.55, x - 0.45) < 0.06
    counts = (5 + level * (gland & ~nodule)).astype(np.float32)
    return counts, gland, nodule


def test_the_gland_fills_the_close_up_on_any_matrix() -> None:
    seen = [look_closer(*scan(matrix)[:2], PLAN)[0] for matrix in (128, 256, 512)]
    for one in seen:
        assert one.shape == (64, 64, 2)
        assert one.dtype == np.float32
        assert np.flatnonzero((one[..., 1] > 0.5).any(axis=1)).size / 64 == pytest.approx(0.8, 0.03)
    assert np.abs(seen[0] - seen[2]).mean() < 0.03


def test_the_scale_is_the_glands_own() -> None:
    dim, bright = (look_closer(*scan(128, level)[:2], PLAN)[0] for level in (100.0, 1000.0))
    inside = dim[..., 1] > 0.99
    assert np.median(dim[..., 0][inside]) == pytest.approx(1.0, abs=0.02)
    assert np.median(bright[..., 0][inside]) == pytest.approx(1.0, abs=0.02)
    # A hot contamination beside the gland changes nothing in it.
    counts, gland, _ = scan(128)
    spotted = counts.copy()
    spotted[~gland] *= 50
    assert np.median(look_closer(spotted, gland, PLAN)[0][..., 0][inside]) == pytest.approx(1, 0.02)


def test_an_answer_goes_back_to_where_the_nodule_is() -> None:
    for matrix in (96, 256, 600):
        counts, gland, nodule = scan(matrix)
        square = square_around(gland, PLAN.margin)
        _, again = look_closer(counts, gland, PLAN)
        assert square == again
        answer = look_closer(nodule.astype(np.float32), gland, PLAN)
        drawn = on_source_matrix(np.clip(answer[0][..., 0], 0, 1) ** 2, square, counts.shape)
        found = drawn > 0.5 * drawn.max()
        shared = 2 * (found & nodule).sum() / (found.sum() + nodule.sum())
        assert shared > 0.9


@given(
    st.integers(-20, 30),
    st.integers(-20, 30),
    st.integers(4, 60),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_cut_and_put_are_inverse_on_the_image(
    top: int, left: int, side: int, rows: int, columns: int
) -> None:
    image = np.arange(1, rows * columns + 1, dtype=np.float32).reshape(rows, columns)
    square = Square(top, left, side)
    back = square.put(square.cut(image), image.shape)
    inside = np.zeros(image.shape, bool)
    inside[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = True
    np.testing.assert_array_equal(back, np.where(inside, image, 0))


def test_a_gland_at_the_border_and_an_empty_one() -> None:
    counts = np.ones((32, 32), np.float32)
    gland = np.zeros((32, 32), bool)
    with pytest.raises(ValueError, match="no gland to look at"):
        look_closer(counts, gland, PLAN)
    gland[0, 31] = True
    seen, square = look_closer(counts, gland, PLAN)
    assert np.isfinite(seen).all()
    assert on_source_matrix(np.ones((64, 64), np.float32), square, (32, 32)).max() == pytest.approx(
        1
    )
    dark = look_closer(np.zeros((32, 32), np.float32), gland, PLAN)[0]
    assert not dark[..., 0].any()
