"""How long to wait before the next attempt. Standard library only."""

from __future__ import annotations

# Of a trouble that lasts for weeks: a float cannot be doubled 1024 times.
MOST_DOUBLINGS = 30


def doubled(first_s: float, times: int, longest_s: float) -> float:
    """`first_s`, doubled so many `times`, at most `longest_s`; seconds."""
    return min(first_s * 2.0 ** min(times, MOST_DOUBLINGS), longest_s)
