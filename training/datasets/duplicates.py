"""The same scan twice, under two patients: what would let a network be tested on what it learnt.

Exact duplicates have the same counts. Near-duplicates look the same after smoothing, whatever the
scaling, the noise and a few pixels of shift: a rebinned or processed copy, or one acquisition under
two numbers of a patient. Scans of one patient resemble each other and are no finding.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.ndimage import gaussian_filter, shift

from adjuvant.preprocess import Image, resample
from training.dataset import Entry, read_case
from training.progress import tracked

SIDE = 32
BLUR_PIXELS = 0.7
# Of 12,627 pairs of different simulated patients none was above 0.981. Found are all scans rebinned
# by two, 99 % of those with 30 % of the counts taken away, 78 % of those shifted by three pixels.
ALIKE = 0.99
BLOCK = 512

Look = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two cases of different patients that show the same; `likeness` is 1 for the same counts."""

    one: Entry
    other: Entry
    likeness: float


def find_duplicates(
    folder: Path, entries: list[Entry], alike: float = ALIKE, console: Console | None = None
) -> list[Pair]:
    """Pairs of different patients, the most alike first. Reads every case once."""
    looks, hashes = [], defaultdict(list)
    for number, entry in enumerate(tracked(entries, "looking for duplicates", console)):
        counts = read_case(folder, entry).counts
        looks.append(look(counts))
        hashes[hashlib.sha256(f"{counts.shape}".encode() + counts.tobytes()).digest()].append(
            number
        )
    exact = {
        (one, other)
        for same in hashes.values()
        for place, one in enumerate(same)
        for other in same[place + 1 :]
    }
    pairs = [(one, other, 1.0) for one, other in exact]
    pairs += [pair for pair in _near(np.array(looks), alike) if pair[:2] not in exact]
    found = [
        Pair(entries[one], entries[other], likeness)
        for one, other, likeness in pairs
        if entries[one].patient_id != entries[other].patient_id
    ]
    return sorted(found, key=lambda pair: (-pair.likeness, pair.one.case_id, pair.other.case_id))


def look(counts: NDArray[np.uint16]) -> Look:
    """A scan as 32 x 32 smoothed roots of counts around their centre: mean 0, length 1, flat.

    Roots even out the noise (Anscombe, 1948), and a bright nodule does not hide the rest.
    """
    small = gaussian_filter(np.sqrt(_square(counts.astype(np.float32))), BLUR_PIXELS)
    weights = small - np.median(small)
    weights = np.where(weights > 0.2 * max(float(weights.max()), 1e-6), weights, 0)
    if weights.sum() > 0:
        grid = np.arange(SIDE)
        middle = (weights.sum(axis=1) @ grid, weights.sum(axis=0) @ grid) / weights.sum()
        small = shift(small, (SIDE - 1) / 2 - middle, order=1, mode="nearest")
    flat = (small - small.mean()).ravel()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 0 else flat, np.float32)


def _square(image: Image) -> Image:
    """(SIDE, SIDE), aspect kept: where a matrix is no square, its edge goes on."""
    small = resample(image, SIDE)
    beyond = [(0, SIDE - length) for length in small.shape]
    return np.pad(small, beyond, mode="edge")


def _near(looks: NDArray[np.float32], alike: float) -> list[tuple[int, int, float]]:
    """Pairs with a correlation above `alike`, block by block: memory grows with the scans only."""
    found = []
    for start in range(0, len(looks), BLOCK):
        likeness = looks[start : start + BLOCK] @ looks.T
        for row, other in zip(*np.nonzero(likeness > alike), strict=True):
            one = start + int(row)
            if one < other:
                found.append((one, int(other), float(likeness[row, other])))
    return found
