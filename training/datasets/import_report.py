"""What became of every scan and every outline of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from training.dataset import Entry


@dataclass
class Report:
    """What became of everything; `problems` name files of the outlines, for the screen only.

    `undrawn` are the files of the collection that have no outline; `frozen` the cases that were
    drawn anew and stay as they are. `looked_at` are the places, as cases name them
    (`outlines_from`), of which every file of outlines was read; `unread` what the cases of scans
    begin with that could not be read.
    """

    entries: list[Entry] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    undrawn: list[str] = field(default_factory=list)
    frozen: set[str] = field(default_factory=set)
    looked_at: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def problem(self, kind: str, place: str, said: str) -> None:
        """Count one and keep its text."""
        self.counts[kind] += 1
        self.problems.append(f"{place}: {said}")
