"""Methods are compared on the same scans, and each does what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ellipses import ellipse_case
from PIL import Image
from test_evaluate import NETWORK

from training.errors import ReleaseError, SeenError
from training.methods import (
    Method,
    compare,
    content,
    markdown,
    masks_in,
    network,
    otsu,
    otsu_level,
    smoothed,
    threshold,
)
from training.phantom.case import Case
from training.seen import Seen

CASES = [*(ellipse_case(number) for number in range(8)), ellipse_case(8, visible=False)]


def test_a_threshold_is_a_part_of_the_highest_count() -> None:
    case = CASES[0]
    smooth = smoothed(case.counts)
    found = threshold(0.4).outline(case)
    np.testing.assert_array_equal(found, smooth > 0.4 * smooth.max())
    assert found.sum() < threshold(0.2).outline(case).sum()


def test_otsus_level_is_where_the_variance_between_both_is_largest() -> None:
    generator = np.random.default_rng(3)
    values = np.concatenate([generator.normal(10, 2, 3000), generator.normal(40, 5, 700)])

    def between(level: float) -> float:
        low, high = values[values <= level], values[values > level]
        return float(len(low) * len(high) * (low.mean() - high.mean()) ** 2)

    level = otsu_level(values.astype(np.float32))
    tried = np.linspace(values.min() + 1, values.max() - 1, 400)
    assert between(level) >= 0.999 * max(between(one) for one in tried)
    assert otsu_level(np.zeros((4, 4), np.float32)) == pytest.approx(0, abs=1)


def test_all_are_measured_on_the_same_scans_and_compared_with_the_first() -> None:
    right = Method("the truth", lambda case: case.gland)
    nothing = Method("nothing", lambda case: np.zeros_like(case.gland))
    first, second, third = compare(CASES, [right, nothing, otsu()])
    assert (first.mean.value, first.silent, first.missed, first.against) == (1, (1, 1), 0, None)
    assert (second.mean.value, second.silent, second.missed) == (0, (1, 1), 8)
    assert second.hausdorff_95_mm is None
    assert second.against is not None
    assert second.against.value == -1
    assert third.against is not None
    assert third.against.value == pytest.approx(third.mean.value - 1)
    table = markdown([first, second, third], simulated=True)
    assert table.startswith(
        "The same 8 simulated scans with a visible gland for all, and 1 without"
    )
    assert "| nothing | 0.000 |" in table
    assert len(content([first, second, third])["methods"]) == 3


def test_masks_of_another_program_are_read_by_case(tmp_path: Path) -> None:
    for case in CASES:
        Image.fromarray((case.gland * 255).astype(np.uint8)).save(tmp_path / f"{case.case_id}.png")
    (result,) = compare(CASES, [masks_in(tmp_path, "another")])
    assert (result.name, result.mean.value) == ("another", 1)
    with pytest.raises(ReleaseError, match=r"another: cannot read .*case99\.png"):
        compare([ellipse_case(99)], [masks_in(tmp_path, "another")])
    small = replace(CASES[0], counts=CASES[0].counts[:16], gland=CASES[0].gland[:16])
    with pytest.raises(ReleaseError, match=r"case0\.png is \(32, 32\), the scan \(16, 32\)"):
        compare([small], [masks_in(tmp_path, "another")])


def test_a_network_is_not_compared_on_scans_that_it_learnt_from() -> None:
    (result,) = compare(CASES, [network(NETWORK, Seen((7,)))])
    assert result.name == NETWORK.model.title
    seen: list[Case] = [replace(CASES[0], patient_id="s7-p000001")]
    with pytest.raises(SeenError):
        compare(seen, [network(NETWORK, Seen((7,)))])


def test_scans_without_any_gland_measure_nothing() -> None:
    with pytest.raises(ValueError, match="none of the 1 scans shows a gland"):
        compare([ellipse_case(8, visible=False)], [otsu()])
