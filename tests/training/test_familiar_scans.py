"""What a training saw goes with its run into the released model, which then knows the unusual."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ellipses import QUIET, RECIPE, ellipse_case, ellipse_data

from adjuvant.familiar import MEASURES, describe
from adjuvant.model import read_model
from training.errors import TrainingError
from training.familiar_scans import FAMILIAR, LEAST_SCANS, familiar_of, read_familiar
from training.release import Request, release
from training.train import train

ENOUGH = LEAST_SCANS * len(MEASURES)
DESCRIBED = [describe(ellipse_case(number).counts) for number in range(ENOUGH)]


def test_too_few_scans_say_nothing() -> None:
    assert familiar_of(DESCRIBED[1:]) is None
    familiar = familiar_of(DESCRIBED)
    assert familiar is not None
    assert familiar.scans == ENOUGH


def test_a_released_version_knows_the_unusual_and_its_card_how_often_it_says_so(
    tmp_path: Path,
) -> None:
    run, folder = tmp_path / "run", tmp_path / "thyroid" / "0.0.1"
    familiar = familiar_of(DESCRIBED)
    train(RECIPE, replace(ellipse_data(), familiar=familiar), run, QUIET)
    assert read_familiar(run) == familiar
    cases = [ellipse_case(number) for number in range(500, 510)]
    odd = ellipse_case(510)
    cases.append(replace(odd, counts=(50 * (odd.counts.max() - odd.counts)).astype(np.uint16)))
    measured = release(Request(run, folder, "0.0.1"), cases, lambda *_: None)
    model = read_model(folder)
    assert model.familiar == familiar
    assert measured.digest == model.digest
    assert measured.unfamiliar is not None
    assert measured.scores[-1].unfamiliar
    told = f"{measured.unfamiliar.part} of 11"
    for file in ("card.md", "report.html"):
        text = (folder / file).read_text("utf-8")
        assert "image called unlike those of the training" in text
        assert told in text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    assert read_familiar(tmp_path) is None
    (tmp_path / FAMILIAR).write_text('{"measures": []}', "utf-8")
    with pytest.raises(TrainingError, match=r"cannot read .*familiar\.json"):
        read_familiar(tmp_path)
