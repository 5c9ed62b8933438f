"""How distributions are drawn from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Random = np.random.Generator


def choose(rng: Random, weights: Mapping[str, float]) -> str:
    """One key, with the probability given (weights need not sum to 1)."""
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def around(rng: Random, median: float, sigma: float) -> float:
    """A log-normal draw, cut at 2.5 sigma."""
    return float(median * np.exp(sigma * np.clip(rng.standard_normal(), -2.5, 2.5)))


def seed(rng: Random) -> int:
    """A seed for a random field that every view of the patient shares."""
    return int(rng.integers(2**31))
