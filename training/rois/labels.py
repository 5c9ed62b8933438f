"""What a person called a drawing -> gland, nodule or hot nodule, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adjuvant.header import fold
from adjuvant.results.marks import WORDS, is_part, meaning_of
from adjuvant.results.marks import Meaning as Label

__all__ = ["HOT_NODULE", "Label", "Names", "read_names"]

HOT_NODULE: Label = "hot nodule"


@dataclass(frozen=True)
class Names:
    """How names are understood: `own` first (a name as it is -> a label), then the usual words.

    With `anything_is` every other name is this label: for sites that left the names as the
    program gave them ("ROI 1").
    """

    own: Mapping[str, Label] = field(default_factory=dict)
    anything_is: Label | None = None

    @property
    def written(self) -> str:
        """All that decides about a name, the usual words too."""
        return repr((sorted(self.own.items()), self.anything_is, WORDS))

    def label_of(self, name: str) -> Label | None:
        """The label that `name` stands for, whatever its case and accents; None if unknown."""
        words = " ".join(fold(name).split())
        if words in self.own:
            return self.own[words]
        return meaning_of(name) or self.anything_is

    def word_for(self, name: str) -> str:
        """What `name` means and nothing else: gland, lobe, nodule, hot nodule or other."""
        label = self.label_of(name)
        return "lobe" if label == "gland" and is_part(name) else label or "other"


def read_names(pairs: list[str]) -> dict[str, Label]:
    """`name=gland` and `name=nodule`, as typed. Raises ValueError."""
    own: dict[str, Label] = {}
    for pair in pairs:
        name, _, label = pair.rpartition("=")
        if label not in ("gland", "nodule") or not name.strip():
            raise ValueError(f"a name is given as NAME=gland or NAME=nodule, got {pair!r}")
        own[" ".join(fold(name).split())] = "gland" if label == "gland" else "nodule"
    return own
