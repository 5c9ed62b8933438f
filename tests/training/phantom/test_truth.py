"""The rule of docs/truth.md on drawn discs, one sentence after the other."""

from __future__ import annotations

import numpy as np
import pytest

from training.phantom.truth import OTHER_READERS, Mask, Projections, differ, outline

SIDE = 96
SPACING_MM = 2.0
RIGHT, LEFT = 28.0, 68.0


def disc(radius: float, column: float) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return (np.hypot(y - 48, x - column) < radius).astype(np.float32)


def drawn(
    right: float,
    left: float,
    hot: float = 0.0,
    background: float = 0.0,
    counts: float = 1e6,
    lost: float = 0.0,
    reader: float = 1.0,
) -> Mask:
    """The outline of two even lobes of these strengths and of a hot nodule in the right one.

    A cold nodule takes the part `lost` of the left one's counts in its upper third.
    """
    lobes = np.stack([right * disc(12, RIGHT), left * disc(12, LEFT)])
    nodule = hot * disc(6, RIGHT)
    cold = lost * lobes[1] * pole()
    left = lobes.sum(axis=0) - cold
    seen = Projections(
        parts=lobes,
        parenchyma=left,
        even=left,
        hot=nodule,
        background=np.full((SIDE, SIDE), background, np.float32),
        deficits=cold[None],
        counts=counts,
    )
    return outline(seen, SPACING_MM, reader)


def pole() -> np.ndarray:
    """The upper third of the left lobe."""
    upper = np.arange(SIDE)[:, None] < 44
    pixels: np.ndarray = disc(12, LEFT) * upper
    return pixels


def lobes_drawn(mask: Mask) -> tuple[bool, bool]:
    """Whether most of the right and of the left lobe lies inside."""
    shares = [mask[disc(12, column) > 0].mean() for column in (RIGHT, LEFT)]
    return shares[0] > 0.9, shares[1] > 0.9


def test_both_lobes_of_an_even_gland_are_drawn_whole() -> None:
    mask = drawn(1.0, 1.0, background=0.1)
    np.testing.assert_array_equal(mask, (disc(12, RIGHT) + disc(12, LEFT)) > 0)


@pytest.mark.parametrize(("weak", "seen"), [(0.12, True), (0.08, False)])
def test_a_suppressed_lobe_is_drawn_whole_or_not_at_all(weak: float, seen: bool) -> None:
    """A tenth of the hottest point is the limit (rule 4)."""
    mask = drawn(weak, weak, hot=1.0 - weak)
    assert lobes_drawn(mask) == (seen, seen)
    assert mask[disc(6, RIGHT) > 0].all()
    assert mask[disc(12, LEFT) > 0].any() == seen


def test_a_lobe_beside_a_brighter_one_is_judged_alone() -> None:
    assert lobes_drawn(drawn(1.0, 0.15)) == (True, True)
    assert lobes_drawn(drawn(1.0, 0.09)) == (True, False)


@pytest.mark.parametrize(("strength", "seen"), [(0.6, True), (0.4, False)])
def test_a_gland_below_half_of_the_background_is_not_seen(strength: float, seen: bool) -> None:
    assert drawn(strength, strength, background=1.0).any() == seen


@pytest.mark.parametrize(("counts", "seen"), [(10.0, True), (0.5, False)])
def test_what_drowns_in_noise_is_not_seen(counts: float, seen: bool) -> None:
    """In a short acquisition less is visible than in a long one."""
    assert drawn(0.6, 0.6, background=1.0, counts=counts).any() == seen


def test_without_a_gland_nothing_is_drawn() -> None:
    assert not drawn(0.0, 0.0, background=1.0).any()


@pytest.mark.parametrize(("lost", "seen"), [(0.85, True), (0.95, False)])
def test_what_a_cold_nodule_leaves_of_a_pole_is_drawn_where_it_is_seen(
    lost: float, seen: bool
) -> None:
    """Above a tenth of the hottest point (rules 4 and 6)."""
    inside = drawn(1.0, 1.0, lost=lost)[pole() > 0].mean()
    assert inside > 0.99 if seen else inside < 0.5


def test_a_pole_that_is_lost_altogether_is_not_drawn() -> None:
    mask = drawn(1.0, 1.0, lost=1.0)
    assert not mask[36, int(LEFT)]
    assert mask[disc(12, LEFT) * (1 - pole()) > 0].all()


@pytest.mark.parametrize(("weak", "expected"), [(0.12, (True, True, False)),
                                                (0.08, (True, False, False)),
                                                (0.3, (True, True, True))])  # fmt: skip
def test_readers_differ_about_a_lobe_near_the_limit(
    weak: float, expected: tuple[bool, ...]
) -> None:
    """Who sees what is 0.7 times as bright, the rule, and who needs 1.4 times as much."""
    fewer, more = OTHER_READERS
    drawn_by = [drawn(1.0, weak, reader=reader) for reader in (fewer, 1.0, more)]
    assert tuple(lobes_drawn(mask)[1] for mask in drawn_by) == expected
    assert all(lobes_drawn(mask)[0] for mask in drawn_by)
    assert differ(drawn_by[0], drawn_by[2]) is (len(set(expected)) == 2)


def test_the_same_outline_twice_is_one_reading() -> None:
    mask = drawn(1.0, 1.0)
    wider = mask.copy()
    wider[5, 5] = True
    nothing = np.zeros_like(mask)
    assert not differ(mask, wider)
    assert not differ(nothing, nothing)
    assert differ(mask, nothing)
