"""What is measured is the outline that the plugin delivers, and figures are what they should be."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from ellipses import ellipse_case
from pydicom import dcmwrite

from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.pipeline import analyse
from training.errors import SeenError
from training.evaluate import (
    count_level,
    doubted,
    evaluate,
    find_gland,
    half_counts_dice,
    pixel_size_mm,
    readers,
    score,
    with_nearest_reading,
)
from training.figures import Evaluation
from training.metrics import dice
from training.phantom.case import Case
from training.phantom.dicom import to_dicom
from training.phantom.simulator import simulate_case
from training.report import markdown, separation
from training.seen import Seen

MODEL = Model.model_validate(
    {
        "name": "thyroid",
        "version": "0.1.0",
        "weights": {"file": "none.keras", "sha256": "0" * 64},
        "preprocessing": {"size": 64},
        "output": {"labels": ["thyroid"], "threshold": 0.6, "minimum_area_pixels": 12},
        "training": {
            "data": "simulated",
            "images": 1,
            "patients": 1,
            "seeds": [7],
            "recipe": "none",
            "commit": "none",
            "date": "2026-11-20",
        },
        "figures": {},
    }
)


def bright(inputs: np.ndarray) -> np.ndarray:
    """As ragged an answer as a network can give: every bright pixel, with islands and holes."""
    return np.clip(inputs[..., :1], 0, 1)


NETWORK = Network(MODEL, "CPU", bright)


def ignore(*_: object) -> None:
    pass


def measured(cases: list[Case], seen: Seen | None = None) -> Evaluation:
    return evaluate(cases, NETWORK, seen or Seen((7,)), ignore)


@pytest.mark.parametrize("number", range(6))
def test_the_outline_that_is_measured_is_the_one_that_the_plugin_delivers(number: int) -> None:
    case = simulate_case(11, number)
    scan = BytesIO()
    dcmwrite(scan, to_dicom(case), enforce_file_format=True)
    outcome = analyse(scan.getvalue(), INTERPRETATIONS["thyroid"], NETWORK, Limits())
    gland = outcome.findings.segments[0]
    assert gland.type.meaning == "Thyroid"
    assert gland.masks.any()
    np.testing.assert_array_equal(find_gland(case, NETWORK), gland.masks[0])
    said = any(
        reason in remark
        for remark in outcome.findings.remarks
        for reason in ("times its background", "times as bright", "itself expects a Dice")
    )
    assert measured([case]).scores[0].doubted is said


@pytest.mark.parametrize(("sure", "expected"), [(0.99, False), (0.7, True)])
def test_an_outline_that_the_network_doubts_is_counted_as_doubted(
    sure: float, *, expected: bool
) -> None:
    case = ellipse_case(1)
    assert doubted(case, case.gland, case.gland * np.float32(sure)) is expected
    assert doubted(case, np.zeros_like(case.gland), case.gland * np.float32(sure)) is None


def test_a_scan_without_gland_counts_as_silent_or_not() -> None:
    empty = ellipse_case(1, visible=False)
    assert score(empty, empty.gland).silent
    assert score(empty, empty.gland).dice is None
    assert not score(empty, ~empty.gland).silent


def test_a_missed_gland_counts_as_dice_zero_and_has_no_distance() -> None:
    case = ellipse_case(1)
    missed = score(case, np.zeros_like(case.gland))
    assert (missed.dice, missed.hausdorff_95_mm, missed.silent) == (0, None, True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 2.0),
        ({"collimator": "PINHOLE"}, None),
        ({"collimator": None}, None),
        ({"spacing_mm": None}, None),
    ],
)
def test_distances_need_pixels_of_one_known_size(
    changes: dict[str, str | None], expected: float | None
) -> None:
    case = ellipse_case(1)
    case = replace(case, properties={**case.properties, **changes})
    assert pixel_size_mm(case) == expected
    assert (score(case, case.gland).hausdorff_95_mm is None) is (expected is None)


def test_all_scans_are_counted() -> None:
    glands = [ellipse_case(number) for number in range(10)]
    empty = [ellipse_case(number, visible=False) for number in range(10, 14)]
    flat = replace(ellipse_case(20), counts=np.zeros((32, 32), np.uint16))
    result = measured([*glands, *empty, flat])
    assert (result.scans, result.patients, result.totals.refused) == (15, 8, 1)
    assert (result.missed.part, result.missed.whole) == (1, 11)
    assert result.dice["mean"].scans == 11
    assert result.hausdorff_95_mm["median"].scans == 10
    assert result.silent_without_gland is not None
    assert result.silent_without_gland.whole == 4
    assert min(one.dice for one in result.scores if one.dice is not None) == 0
    assert result.dice["mean"].low < result.dice["mean"].value < result.dice["mean"].high


def test_half_of_the_counts_are_always_the_same_half() -> None:
    case = ellipse_case(3)
    seen: list[float] = []

    def counting(inputs: np.ndarray) -> np.ndarray:
        seen.append(float(inputs[..., 0].sum()))
        return bright(inputs)

    network = Network(MODEL, "CPU", counting)
    first, again = (half_counts_dice(case, network) for _ in range(2))
    assert first == again
    assert seen[0] == seen[1]
    find_gland(case, network)
    assert seen[2] != seen[0]


def test_what_half_of_the_counts_cost_is_measured_scan_by_scan() -> None:
    result = measured([ellipse_case(number) for number in range(8)])
    losses = [
        one.dice - one.half_counts_dice
        for one in result.scores
        if one.dice is not None and one.half_counts_dice is not None
    ]
    assert len(losses) == 8
    loss = result.half_counts_loss
    assert loss is not None
    assert loss.value == pytest.approx(np.mean(losses))
    assert loss.low <= loss.value <= loss.high


def test_a_scan_that_is_refused_with_half_of_its_counts_has_lost_its_gland() -> None:
    case = ellipse_case(1)
    nothing = replace(case, counts=np.zeros_like(case.counts))
    assert half_counts_dice(nothing, NETWORK) == 0


def test_every_scan_is_shown_to_the_watcher() -> None:
    shown = []
    evaluate(
        [ellipse_case(number) for number in range(4)],
        NETWORK,
        Seen(),
        lambda case, mask, result: shown.append((case.case_id, mask.shape, result.case_id)),
    )
    assert shown == [(f"case{number}", (32, 32), f"case{number}") for number in range(4)]


def test_a_scan_that_training_saw_ends_the_evaluation() -> None:
    with pytest.raises(SeenError, match="case2 is of a patient of the training data"):
        measured([ellipse_case(0), ellipse_case(2)], Seen((), frozenset({"patient1"})))


def test_never_seen_is_said_only_where_it_was_checked() -> None:
    tables = markdown(measured([ellipse_case(number) for number in range(6)]))
    assert "Not checked: whether training saw them" in tables
    assert "never saw" not in tables
    simulated = [
        replace(ellipse_case(number), patient_id=f"s8-p00000{number}") for number in range(6)
    ]
    by_seed = measured(simulated)
    assert separation(by_seed.totals) == (
        "Training never saw any of them (checked by seed: simulator seed 8, training seed 7)."
    )
    by_patient = measured(simulated, Seen((7,), frozenset({"s7-p000001"})))
    assert "(checked patient by patient: simulator seed 8" in markdown(by_patient)


def test_scans_without_any_gland_measure_nothing() -> None:
    with pytest.raises(ValueError, match="none of the 3 scans shows a gland"):
        measured([ellipse_case(number, visible=False) for number in range(3)])


def test_counts_fall_into_named_ranges() -> None:
    assert [count_level(n) for n in (0, 50_000, 10**7)] == ["0-50k", "50-100k", "from 400k"]


def test_where_readers_differ_the_nearest_reading_counts_beside_the_rule() -> None:
    case = ellipse_case(1)
    lower = case.gland & (np.arange(32)[:, None] > 15)
    several = replace(case, readings=(lower,))
    assert with_nearest_reading(several, lower) == 1
    assert score(several, lower).dice == dice(lower, case.gland) < 1
    assert with_nearest_reading(case, lower) == score(case, lower).dice
    evaluation = measured([several, ellipse_case(2)])
    assert (evaluation.several_readings.part, evaluation.several_readings.whole) == (1, 2)
    assert evaluation.nearest_dice["mean"].value >= evaluation.dice["mean"].value
    assert "gland Dice with the nearest reading, mean" in markdown(evaluation)
    assert [one.groups["readers"] for one in evaluation.scores] == ["differ", "agree"]
    real = replace(case, properties={**case.properties, "simulated": False})
    assert readers(real) == "not told"
    assert "nearest reading" not in markdown(measured([case]))


def test_nothing_found_where_one_reader_sees_nothing_is_no_outline_to_measure() -> None:
    case = ellipse_case(1)
    nothing = np.zeros_like(case.gland)
    assert with_nearest_reading(replace(case, readings=(nothing,)), nothing) is None
    assert with_nearest_reading(replace(case, readings=(nothing,)), case.gland) == 1
    assert with_nearest_reading(case, nothing) == 0
    assert with_nearest_reading(replace(case, gland=nothing), nothing) is None
