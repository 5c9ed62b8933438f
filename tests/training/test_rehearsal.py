"""A rehearsal times every stage, however short its epochs are, and keeps nothing."""

from __future__ import annotations

import io
import re

from ellipses import RECIPE, ellipse_data
from rich.console import Console

from training.rehearsal import describe, rehearse


def test_every_stage_is_timed() -> None:
    recipe = RECIPE.model_copy(update={"images_per_epoch": 8})
    text = io.StringIO()
    console = Console(file=text, width=200)
    describe(recipe, ellipse_data(), console)
    rehearse(recipe, ellipse_data(), console)
    said = text.getvalue()
    assert "16 scans of 8 patients to learn from, 16 of others to validate on" in said
    assert "stage 2: 2 epochs of 8 images at 32 x 32, batches of 8" in said
    speeds = [float(speed) for speed in re.findall(r"stage \d: ([\d.]+) images/s", said)]
    assert len(speeds) == 2
    assert all(0 < speed < 1e5 for speed in speeds)
    assert re.search(r"[\d,]+ parameters; about \d+ minutes", said)
