"""The simulator against the one published acquisition: 256 x 256, 1.1988 mm, 199,862 counts."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from training.phantom.acquisition import COLLIMATORS, draw_acquisition, draw_pose
from training.phantom.distributions import (
    DISEASE_UPTAKE,
    UPTAKE,
    Patient,
    around,
    draw_gland,
    draw_surroundings,
)
from training.phantom.simulator import take_image

SPACING_MM, COUNTS = 1.1988, 199_862


def normal_scan(number: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng([7, number])
    uptake = UPTAKE["Tc-99m"] * around(rng, *DISEASE_UPTAKE["normal"])
    gland = draw_gland(rng, "normal", uptake)
    patient = Patient("normal", "Tc-99m", gland, draw_surroundings(rng))
    drawn = draw_acquisition(rng, patient, "anterior")
    detector = replace(
        drawn.detector, matrix=256, spacing_mm=SPACING_MM, collimator=COLLIMATORS["LEHR"], haze=0.03
    )
    plain = replace(
        drawn,
        detector=detector,
        pose=draw_pose(rng, "anterior", detector),
        total_counts=COUNTS,
        spots=(),
        processing="none",
        dead_rows=0,
    )
    counts, _ = take_image(rng, patient, plain)
    return counts


@pytest.fixture(scope="module")
def scans() -> list[NDArray[np.uint16]]:
    return [normal_scan(number) for number in range(60)]


def bright_area_cm2(counts: NDArray[np.uint16]) -> float:
    return float((counts > 0.2 * counts.max()).sum()) * SPACING_MM**2 / 100


@pytest.mark.parametrize(
    ("what", "published", "measure"),
    [
        ("maximum", 86, lambda counts: counts.max()),
        ("share of zero pixels", 0.30, lambda counts: (counts == 0).mean()),
        ("mean background", 2.6, lambda counts: counts[counts < 0.2 * counts.max()].mean()),
        ("area above 20 % of maximum", 12.0, bright_area_cm2),
        (
            "counts above 20 % of maximum",
            31_265,
            lambda counts: counts[counts > 0.2 * counts.max()].sum(),
        ),
    ],
)
def test_the_published_value_lies_inside_what_the_simulator_gives(
    scans, what, published, measure
) -> None:
    values = [measure(scan) for scan in scans]
    low, high = np.percentile(values, [1, 99])
    assert low <= published <= high, f"{what}: {low:.3g} to {high:.3g}"
