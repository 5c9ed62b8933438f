"""The worst cases are kept, worst first, and drawn with both outlines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ellipses import ellipse_case
from PIL import Image

from training.evaluate import score
from training.pictures import Worst, draw_worst


def seen(number: int, shift: int, *, visible: bool = True) -> tuple:
    """A case whose answer is its truth moved by some pixels."""
    case = ellipse_case(number, visible=visible)
    found = np.roll(case.gland, shift, axis=1) if visible else np.full((32, 32), shift > 0)
    return case, found, score(case, found)


def test_false_alarms_come_first_then_the_lowest_dice() -> None:
    worst = Worst(number=3)
    shown = [seen(0, 0), seen(1, 1), seen(2, 6), seen(3, 3), seen(4, 1, visible=False)]
    for one in [*shown, seen(5, 0, visible=False)]:
        worst.see(*one)
    assert [case.case_id for _, case, _ in worst.kept] == ["case4", "case2", "case3"]
    assert worst.kept[0][0] == -1


def test_the_picture_shows_both_outlines(tmp_path: Path) -> None:
    worst = Worst(number=5)
    for number in range(4):
        worst.see(*seen(number, 4))
    worst.see(*seen(9, 0, visible=False))
    draw_worst(worst, tmp_path / "worst.png")
    with Image.open(tmp_path / "worst.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
        assert image.size == (960, 528)
    for colour in ((0, 208, 255), (255, 208, 0)):
        assert (np.abs(pixels - colour).max(axis=2) < 30).sum() > 50
