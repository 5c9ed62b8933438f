"""Cold nodules are marked where they take counts away, and only what physics can show counts."""

from __future__ import annotations

import numpy as np
import pytest

from training.phantom.anatomy import Solid
from training.phantom.case import PART_LABELS, Nodule
from training.phantom.nodules import anatomical_noise, blotches, cold_nodules, contrast_to_noise
from training.phantom.simulator import simulate_case
from training.phantom.truth import Projections

SIDE = 64
SOLID = Solid("left", (0.0, 0.0, 20.0), (8.0, 10.0, 8.0))
CASES = [simulate_case(9, number) for number in range(40)]


def disc(radius: float, column: float = 32.0) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return (np.hypot(y - 32, x - column) < radius).astype(np.float32)


def stripes(strength: float, width: int) -> np.ndarray:
    """Tissue that is by turns this much brighter and darker than even tissue, in columns."""
    brighter = np.arange(SIDE) // width % 2
    return np.tile(np.where(brighter, strength, -strength), (SIDE, 1)).astype(np.float32)


def projections(
    deficit: np.ndarray, counts: float = 100.0, strength: float = 0.0, width: int = 16
) -> Projections:
    """A gland of radius 20 with value 1 over a background of 0.1."""
    gland = disc(20)
    return Projections(
        parts=np.stack([gland]),
        parenchyma=(gland - deficit) * (1 + stripes(strength, width)),
        even=gland - deficit,
        hot=np.zeros_like(gland),
        background=np.full_like(gland, 0.1),
        deficits=np.stack([deficit]),
        counts=counts,
    )


def nodule(
    deficit: np.ndarray,
    counts: float = 100.0,
    matrix: int = SIDE,
    solid: Solid = SOLID,
    strength: float = 0.0,
) -> Nodule:
    """The truth of one nodule in it."""
    seen = projections(deficit, counts, strength)
    outline = np.kron(disc(20), np.ones((matrix // SIDE,) * 2)) > 0.5
    return cold_nodules([solid], seen.deficits, seen, outline)[0]


def test_contrast_and_noise_are_those_of_the_nodules_own_area() -> None:
    found = nodule(0.55 * disc(5))
    np.testing.assert_array_equal(found.mask, disc(5) > 0)
    assert found.contrast == pytest.approx(0.55 / 1.1, rel=1e-5)
    pixels = disc(5).sum()
    assert found.snr == pytest.approx(0.55 * pixels * 100 / np.sqrt(1.1 * pixels * 100), rel=1e-4)
    assert found.size_mm == 18
    assert found.detectable


def test_a_finer_matrix_shows_the_same_nodule() -> None:
    coarse, fine = nodule(0.55 * disc(5)), nodule(0.55 * disc(5), matrix=2 * SIDE)
    assert fine.mask.shape == (128, 128)
    assert fine.mask.sum() == pytest.approx(4 * coarse.mask.sum(), rel=0.15)
    assert fine.snr == pytest.approx(coarse.snr, rel=0.1)


@pytest.mark.parametrize(
    ("deficit", "counts"),
    [
        (0.18 * disc(5), 100.0),  # 16 %: too weak beside the unevenness of tissue
        (0.21 * disc(3), 27.0),  # 19 % is enough beside either, not beside both
        (0.55 * disc(2), 0.5),  # lost in noise
        (0.55 * disc(5, column=54), 100.0),  # beyond the gland's outline
        (0.0 * disc(5), 100.0),  # behind what takes nothing
    ],
)
def test_what_cannot_be_seen_is_not_detectable(deficit: np.ndarray, counts: float) -> None:
    assert not nodule(deficit, counts).detectable


def test_what_is_smaller_than_the_camera_shows_is_not_detectable() -> None:
    small = Solid("left", (0.0, 0.0, 20.0), (3.9, 4.0, 4.0))
    assert not nodule(0.55 * disc(5), solid=small).detectable


def test_contrast_counts_beside_both_kinds_of_noise() -> None:
    assert contrast_to_noise(0.21, 1e9, 0.07) == pytest.approx(3.0)
    assert contrast_to_noise(0.21, 3.0, 0.07) == pytest.approx(0.21 / np.hypot(0.07, 0.07))
    assert contrast_to_noise(0.42, 1e9, 0.14) == pytest.approx(3.0)
    assert contrast_to_noise(0.0, 0.0, 0.0) == 0.0


def test_nobody_trusts_tissue_to_be_evener_than_usual() -> None:
    assert contrast_to_noise(0.21, 1e9, 0.01) == pytest.approx(3.0)


def uneven(radius: float, strength: float = 0.22, width: int = 16) -> float:
    """As seen beside a nodule of this radius."""
    blots = blotches(projections(0 * disc(5), strength=strength, width=width))
    return anatomical_noise(blots, disc(20) > 0, disc(radius) > 0)


def test_a_gland_is_as_uneven_as_the_camera_sees_it() -> None:
    assert uneven(1, strength=0) == 0
    assert uneven(1) == pytest.approx(0.22 / 1.1, rel=0.1)  # of all that is seen there
    assert uneven(1, width=32) > uneven(1, width=1)


def test_blots_hide_what_is_as_small_as_they_are() -> None:
    assert uneven(3, width=8) > 2 * uneven(12, width=8)


def test_without_a_gland_or_a_nodule_nothing_is_uneven() -> None:
    blots = blotches(projections(0 * disc(5), strength=0.22))
    some, nothing = disc(20) > 0, disc(0) > 0
    assert anatomical_noise(blots, nothing, some) == anatomical_noise(blots, some, nothing) == 0


def test_what_blots_of_tissue_hide_is_not_detectable() -> None:
    nodular = 0.33 * disc(5)  # a contrast of 30 %
    assert nodule(nodular, strength=0.05).detectable
    assert not nodule(nodular, strength=0.22).detectable
    assert nodule(0.7 * disc(5), strength=0.22).detectable


def test_simulated_nodules_are_darker_than_the_gland_around_them() -> None:
    shown = [
        (case, one) for case in CASES for one in case.nodules if one.detectable and one.snr > 20
    ]
    assert len(shown) >= 4
    for case, one in shown:
        others = np.any([other.mask for other in case.nodules], axis=0)
        assert case.counts[one.mask].mean() < case.counts[case.gland & ~others].mean()


def test_every_cold_nodule_of_the_patient_has_its_truth() -> None:
    for case in CASES:
        assert len(case.nodules) == case.properties["cold_nodules"]
        assert all(one.mask.shape == case.counts.shape for one in case.nodules)


def test_right_is_on_the_left_of_an_anterior_view() -> None:
    seen = 0
    for case in CASES:
        assert case.parts is not None
        np.testing.assert_array_equal(case.parts > 0, case.gland)
        right, left = (case.parts == PART_LABELS[name] for name in ("right", "left"))
        if case.properties["view"] == "anterior" and right.any() and left.any():
            assert np.nonzero(right)[1].mean() < np.nonzero(left)[1].mean()
            seen += 1
    assert seen >= 10
