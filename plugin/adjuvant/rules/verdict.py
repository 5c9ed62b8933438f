"""What a condition answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether something applies to an image, and the reason, in one sentence.

    `condition` is the place in the rule that decided, such as `When.All[2].Equals`. Neither it nor
    the reason repeats a value of the header.
    """

    applies: bool
    reason: str
    condition: str = ""
