"""An image that is unlike those of the training is told, and in what; a usual one is not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from adjuvant.familiar import MEASURES, Familiar, describe, noise_and_grain
from adjuvant.image import Limits, read_scan
from adjuvant.quality import unfamiliar_remarks
from tests.builder import nm_dataset, to_bytes
from training.familiar_scans import familiar_of

SIDE = 96
ROW, COLUMN = np.indices((SIDE, SIDE))


def scan_like(number: int) -> np.ndarray:
    """One of many scans of two discs on an even background, all a bit different."""
    generator = np.random.default_rng(number)
    row, column, size = generator.normal((48, 48, 10), (3, 3, 1))
    bright, background = generator.lognormal((3.5, 0.5), 0.2)
    lobes = [
        np.hypot((ROW - row) / 1.5, COLUMN - column - side) <= size
        for side in (-1.5 * size, 1.5 * size)
    ]
    return generator.poisson(background + bright * np.any(lobes, axis=0)).astype(np.float32)


@cache
def known() -> Familiar:
    familiar = familiar_of([describe(scan_like(number)) for number in range(300)])
    assert familiar is not None
    return familiar


def test_all_but_one_of_a_hundred_scans_of_the_training_are_usual() -> None:
    told = [known().unusual(scan_like(number)) for number in range(300)]
    assert sum(one is not None for one in told) == 3


def test_most_others_of_the_same_kind_are_usual() -> None:
    told = [known().unusual(scan_like(number)) for number in range(1000, 1100)]
    assert sum(one is not None for one in told) <= 8


UNLIKE = {
    "inverted": lambda x: x.max() - x,
    "background cut off": lambda x: np.where(x > 0.4 * x.max(), x, 0),
    "four views": lambda x: np.tile(x[::2, ::2], (2, 2)),
    "empty but for a spot": lambda x: np.where((ROW < 20) & (COLUMN < 20), x, 0),
    "counts times 50": lambda x: 50 * x,
    "another modality": lambda x: 1000 + 100 * np.sin(ROW / 9) * np.cos(COLUMN / 7),
    "a single column": lambda x: x[:, 40:41],
}


@pytest.mark.parametrize("what", list(UNLIKE))
def test_an_image_unlike_them_is_told(what: str) -> None:
    image = UNLIKE[what](scan_like(5)).astype(np.float32)
    told = known().unusual(image)
    assert told is not None
    assert told.startswith("unlike those of the training: ")
    assert told.endswith(" times the limit)")


def test_what_is_most_unusual_is_named() -> None:
    told = known().unusual(np.roll(scan_like(5), -40, axis=0))
    assert told is not None
    assert "training: where its counts lie" in told


def test_poisson_noise_is_one_and_smoothing_leaves_less_of_it() -> None:
    even = np.random.default_rng(3).poisson(20, (256, 256)).astype(np.float32)
    assert noise_and_grain(even) == pytest.approx([1, 1], abs=0.03)
    smooth = (even[:, :-1] + even[:, 1:]) / 2
    assert noise_and_grain(smooth) == pytest.approx([0.25, 2], rel=0.05)
    assert noise_and_grain(3 * even)[0] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 3), (1024, 700)])
def test_every_matrix_has_measures(shape: tuple[int, int]) -> None:
    measured = describe(np.full(shape, 7, np.uint16))
    assert measured.shape == (len(MEASURES),)
    assert np.isfinite(measured).all()


def test_counts_whose_squares_are_too_large_have_measures() -> None:
    measured = describe(scan_like(5).astype(np.float32) * 1e30)
    assert np.isfinite(measured).all()
    told = known().unusual(scan_like(5).astype(np.float32) * 1e30)
    assert told is not None
    assert "nan" not in told


def test_the_view_that_is_unusual_is_named() -> None:
    frames = np.stack([scan_like(1), UNLIKE["inverted"](scan_like(1))]).astype(np.uint16)
    scan = read_scan(to_bytes(nm_dataset(frames)), Limits())
    (told,) = unfamiliar_remarks(scan, known())
    assert told.startswith("Frame 2: limited quality: the image is unlike those of the training")
    assert unfamiliar_remarks(scan, None) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"measures": ("total",)}, "measures must be total, mean, empty"),
        ({"mean": (1.0,)}, "must have 17 numbers each"),
        ({"limit": 0.0}, "deviation and limit must be positive"),
        ({"limit": float("nan")}, "finite number"),
    ],
)
def test_what_does_not_fit_this_program_is_refused(changes: dict[str, object], said: str) -> None:
    whole = {name: getattr(known(), name) for name in Familiar.__dataclass_fields__}
    with pytest.raises(ValidationError, match=said):
        Familiar(**{**whole, **changes})
