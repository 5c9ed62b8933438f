"""Are probabilities what they say? Of all pixels that get 0.8, eight in ten should be gland.

The expected calibration error (Naeini, AAAI 2015): pixels are put into bins by their probability;
in each bin, the mean probability is compared with the part of its pixels that are gland. Only
pixels of the square around the gland and its outline are taken, a quarter longer than both: the
rest of the field is easy, plenty, and would make any network look calibrated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adjuvant.close_up import square_around
from adjuvant.preprocess import Image, Mask

BINS = 15
MARGIN = 1.25

Bins = NDArray[np.float64]


def binned(probability: Image, found: Mask, truth: Mask) -> Bins | None:
    """One scan's pixels, its probability and masks (rows, columns) -> float64 (3, BINS): by bin,
    how many, the sum of their probabilities, and how many are gland, each as a part of all pixels,
    so that scans of any matrix weigh alike. None where there is neither gland nor outline."""
    either = truth | found
    if not either.any():
        return None
    square = square_around(either, MARGIN)
    seen = square.cut(np.ones_like(truth))  # the square may reach beyond the image
    answers = square.cut(probability)[seen].astype(np.float64)
    right = square.cut(truth)[seen].astype(np.float64)
    place = np.minimum((answers * BINS).astype(np.int64), BINS - 1)
    each = np.ones_like(answers)
    sums = [np.bincount(place, weights, BINS) for weights in (each, answers, right)]
    return np.stack(sums) / len(answers)


def calibration_error(bins: Bins) -> float:
    """The expected calibration error, 0 to 1, of all scans (scans, 3, BINS) together."""
    number, promised, kept = bins.sum(axis=0)
    return float(np.abs(promised - kept).sum() / number.sum())
