"""Scans that nobody has drawn -> the order in which drawing them teaches most. Arithmetic only.

Two steps, as in suggestive annotation (Yang et al., MICCAI 2017): of the half of the scans about
which the network is less certain, those are taken that together stand best for all the scans that
are not drawn yet, besides those that are. Uncertainty alone takes the same oddity again and again.

- Uncertainty is the error that the network itself expects: one minus the Dice between its outline
  and a gland drawn at random from its probabilities. One pass of the network, no second model.
- To stand for others is to be like them: two scans are as alike as their coarse pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adjuvant.preprocess import Image
from adjuvant.quality import expected_dice

# Of the scans, the less certain part among which is chosen.
UNCERTAIN = 0.5
# Pixels (of the network's square) that count for nothing: an image without gland is then certain.
SLACK = 30.0
# Side of the coarse picture by which scans are told apart.
COARSE = 16

Values = NDArray[np.float64]


def expected_error(probabilities: Image, threshold: float) -> float:
    """What the network expects its own outline to be wrong by, from 0 (certain) to 1.

    `probabilities` is float32 (rows, columns) of one label. Its outline holds the pixels from
    `threshold` on.
    """
    return 1.0 - expected_dice(probabilities, probabilities >= threshold, SLACK)


def descriptor(inputs: Image) -> Values:
    """A coarse picture of a scan, (COARSE * COARSE * channels,), from the network's own input
    (size, size, channels): where the counts are, whatever their number."""
    size = len(inputs)
    edges = np.linspace(0, size, COARSE + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(inputs, edges, axis=0), edges, axis=1)
    coarse: Values = (sums * (COARSE / size) ** 2).astype(np.float64).reshape(-1)
    return coarse


def choose(errors: Sequence[float], pictures: Values, drawn: Values, number: int) -> list[int]:
    """Places (in `errors`) of the `number` scans to draw, the most useful one first.

    `pictures` is (scans, features), `drawn` (scans, features) of what was drawn already and may
    be empty. Fewer than `number` where there are not so many.
    """
    wanted = min(number, len(errors))
    candidates = np.argsort(-np.asarray(errors), kind="stable")[
        : max(wanted, round(UNCERTAIN * len(errors)))
    ]
    likeness = _likeness(pictures[candidates], pictures)
    covered = _likeness(drawn, pictures).max(axis=0, initial=0.0)
    chosen: list[int] = []
    for _ in range(wanted):
        # What each candidate would add to how well every scan is stood for.
        gains = np.maximum(likeness - covered, 0.0).sum(axis=1)
        gains[chosen] = -1.0
        place = int(np.argmax(gains))
        chosen.append(place)
        covered = np.maximum(covered, likeness[place])
    return [int(candidates[place]) for place in chosen]


def _likeness(some: Values, all_: Values) -> Values:
    """(some, all), 1 for the same picture, falling with the distance on the scale of the typical
    distance between two pictures."""
    if len(some) == 0:
        return np.zeros((0, len(all_)))
    squares = (some**2).sum(axis=1)[:, None] + (all_**2).sum(axis=1) - 2 * some @ all_.T
    spread = 2 * float(all_.var(axis=0).sum())
    likeness: Values = np.exp(-np.maximum(squares, 0.0) / max(spread, 1e-12))
    return likeness
