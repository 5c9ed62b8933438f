"""A view of limited quality is told, and why; a good one is not."""

from __future__ import annotations

import numpy as np
import pytest

from adjuvant.image import Limits, read_scan
from adjuvant.measure import measure_frame
from adjuvant.quality import FAINT, HOTTER, quality_remarks
from tests.builder import nm_dataset, to_bytes

SIDE = 128
ROW, COLUMN = np.indices((SIDE, SIDE))
GLAND = np.hypot((ROW - 64) / 20, (COLUMN - 64) / 12) <= 1
NODULE = np.hypot(ROW - 55, COLUMN - 64) <= 5


def said(
    counts: np.ndarray, gland: np.ndarray = GLAND, probability: np.ndarray | None = None
) -> tuple[str, ...]:
    """The remarks on one view with these counts and this outline, of which the network is sure
    unless its probabilities are given."""
    scan = read_scan(to_bytes(nm_dataset(counts.astype(np.uint16))), Limits())
    (frame,) = scan.frames
    sure = gland.astype(np.float32)
    map_ = sure if probability is None else probability.astype(np.float32)
    return quality_remarks(scan, frame, gland, measure_frame(frame, gland, None), map_)


def test_nothing_is_said_of_a_good_view() -> None:
    assert said(10 + 90 * GLAND) == ()


@pytest.mark.parametrize(("ratio", "told"), [(FAINT - 0.1, True), (FAINT + 0.1, False)])
def test_a_gland_that_hardly_stands_out_is_told(ratio: float, *, told: bool) -> None:
    remarks = said(np.where(GLAND, 100 * ratio, 100))
    wanted = f"Frame 1: limited quality: the gland is {ratio:.1f} times its background: the outline"
    assert [one.startswith(wanted) for one in remarks] == ([True] if told else [])


@pytest.mark.parametrize(("times", "told"), [(HOTTER + 3, True), (HOTTER - 1, False)])
def test_a_part_that_is_much_hotter_than_the_rest_is_told(times: float, *, told: bool) -> None:
    net = np.where(NODULE, 50 * times, 50) * GLAND
    remarks = said(10 + net)
    assert ["as bright as the rest" in one for one in remarks] == ([True] if told else [])


@pytest.mark.parametrize(("p", "told"), [(0.4, True), (0.9, False)])
def test_an_outline_that_the_network_itself_doubts_is_told(p: float, *, told: bool) -> None:
    """With half of the gland in doubt the network expects 2 (1 + p) / (3 + p): 0.82 or 0.97."""
    probability = GLAND * np.where(ROW < 64, p, 1.0)
    remarks = said(10 + 90 * GLAND, probability=probability)
    assert ["the network itself expects a Dice of only" in one for one in remarks] == (
        [True] if told else []
    )


@pytest.mark.parametrize(("times", "told"), [(3.0, True), (0.8, False)])
def test_something_brighter_than_the_gland_is_told(times: float, *, told: bool) -> None:
    spot = np.hypot(ROW - 20, COLUMN - 100) <= 5
    remarks = said(10 + 90 * GLAND + 90 * times * spot)
    told_of = [one for one in remarks if "outside of the gland" in one]
    assert len(remarks) == len(told_of) == int(told)


@pytest.mark.parametrize(
    ("highest", "tags", "told"),
    [
        (65535, {}, True),
        (255, {}, True),  # cut off at 8 bits by a camera that writes 16
        (32767, {"RescaleSlope": "0.1", "RescaleIntercept": "0"}, True),
        (1000, {"BitsStored": 12, "HighBit": 11}, False),
        (4095, {"BitsStored": 12, "HighBit": 11}, True),
        (300, {}, False),
    ],
)
def test_counts_that_were_cut_off_are_told(highest: int, tags: dict, *, told: bool) -> None:
    """A plateau of the gland's brightest pixels."""
    counts = np.where(NODULE, highest, 10 + (highest * 0.5) * GLAND).astype(np.uint16)
    scan = read_scan(to_bytes(nm_dataset(counts, **tags)), Limits())
    (frame,) = scan.frames
    measured = measure_frame(frame, GLAND, None)
    remarks = quality_remarks(scan, frame, GLAND, measured, GLAND.astype(np.float32))
    assert any("at the largest value that can be stored" in one for one in remarks) == told


def test_a_maximum_of_few_pixels_is_none_that_was_cut_off() -> None:
    counts = np.where(GLAND, 100, 10)
    counts[64, 60:64] = 255
    assert not any("stored" in one for one in said(counts))


@pytest.mark.parametrize(
    ("orientation", "told"),
    [(["F", "L"], True), (["R", "H"], True), (["L", "F"], False), (["R", "F"], False)],
)
@pytest.mark.parametrize("seen", [True, False])
def test_an_image_that_is_turned_by_its_header_is_told_also_where_nothing_is_seen(
    orientation: list[str], *, told: bool, seen: bool
) -> None:
    counts = (10 + 90 * GLAND).astype(np.uint16)
    scan = read_scan(to_bytes(nm_dataset(counts, PatientOrientation=orientation)), Limits())
    (frame,), gland = scan.frames, GLAND & seen
    measured = measure_frame(frame, gland, None)
    remarks = quality_remarks(scan, frame, gland, measured, gland.astype(np.float32))
    assert ["by its header the image is turned" in one for one in remarks] == [True] * told


def test_where_no_gland_is_drawn_nothing_is_said_of_it() -> None:
    assert said(10 + 90 * GLAND, np.zeros_like(GLAND)) == ()


def test_every_reason_is_told() -> None:
    gland = np.roll(GLAND, -50, axis=0)
    remarks = said(np.where(gland, 2, 1), gland)
    assert len(remarks) == 2
    assert all(one.startswith("Frame 1: limited quality: ") for one in remarks)
    assert "reaches the border" in remarks[0]
    assert "few counts" in remarks[1]
