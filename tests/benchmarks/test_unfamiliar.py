"""The model in service knows a simulated scan from other images, by what it learnt from."""

from __future__ import annotations

import numpy as np

from adjuvant.model import read_model
from benchmarks.unfamiliar import CHANGES, called_unlike
from deploy.serve import ROOT
from tests.integration.tiny import IN_SERVICE
from training.phantom.simulator import simulate_case

SEED = 77


def test_changed_images_are_called_unlike_and_scans_are_not() -> None:
    familiar = read_model(ROOT / "models" / "thyroid" / IN_SERVICE).familiar
    assert familiar is not None
    counts = [simulate_case(SEED, number).counts for number in range(30)]
    images = [one.astype(np.float32) for one in counts if one.min() < one.max()]
    found = called_unlike(images, familiar)
    assert set(found) == set(CHANGES)
    assert found["as it is"].part <= 2
    assert found["inverted"].part > 0.7 * len(images)
    assert found["background cut off at 30 % of the maximum"].part > 0.7 * len(images)
    assert found["another modality"].part == len(images)


def test_a_turned_image_is_not_mirrored() -> None:
    image = np.array([[1, 2], [3, 4]], np.float32)
    assert CHANGES["turned by 90 degrees"](image).tolist() == [[2, 4], [1, 3]]
