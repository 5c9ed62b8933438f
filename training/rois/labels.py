"""What a person called a drawing -> gland or nodule, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adjuvant.header import fold

Label = Literal["gland", "nodule"]

# Words as they are after `fold`; a nodule is asked for first: "thyroid nodule" is a nodule.
NODULE = r"nodul|nodo|knoten|knobbel|\bcold\b|\bfroid|\bkalt|\bnod\b"
GLAND = (
    r"thyr|tiroid|tireo|schilddr|schildklier|gland|druse|struma|goit|lobe|lobo\b|lappen|kwab"
    r"|isthm|istmo|\bsd\b|contour"
)


@dataclass(frozen=True)
class Names:
    """How names are understood: `own` first (a name as it is -> a label), then the usual words.

    With `anything_is` every other name is this label: for sites that left the names as the
    program gave them ("ROI 1").
    """

    own: Mapping[str, Label] = field(default_factory=dict)
    anything_is: Label | None = None

    def label_of(self, name: str) -> Label | None:
        """The label that `name` stands for, whatever its case and accents; None if unknown."""
        words = " ".join(fold(name).split())
        if words in self.own:
            return self.own[words]
        if re.search(NODULE, words):
            return "nodule"
        if re.search(GLAND, words):
            return "gland"
        return self.anything_is


def read_names(pairs: list[str]) -> dict[str, Label]:
    """`name=gland` and `name=nodule`, as typed. Raises ValueError."""
    own: dict[str, Label] = {}
    for pair in pairs:
        name, _, label = pair.rpartition("=")
        if label not in ("gland", "nodule") or not name.strip():
            raise ValueError(f"a name is given as NAME=gland or NAME=nodule, got {pair!r}")
        own[" ".join(fold(name).split())] = "gland" if label == "gland" else "nodule"
    return own
