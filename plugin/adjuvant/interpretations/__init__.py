"""The interpretations, as a visible dict: to add one, write its module and add its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adjuvant.findings import Findings
from adjuvant.interpretations import thyroid
from adjuvant.model import Model
from adjuvant.preprocess import Image
from adjuvant.scan import Scan


@dataclass(frozen=True)
class Interpretation:
    """The model that reads images, and what to make of its answer. Which images: the rules.

    `interpret` takes probabilities as float32 (frames, rows, columns, labels) on the source's own
    matrix, and is a pure function. `nodules` is the model that looks for cold nodules in what was
    found (`adjuvant.nodules`), where it is in service.
    """

    name: str
    model: str
    interpret: Callable[[Scan, Image, Model], Findings]
    nodules: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The whole chain, in its order; all but the first may be missing."""
        return (self.model,) if self.nodules is None else (self.model, self.nodules)


INTERPRETATIONS: dict[str, Interpretation] = {
    thyroid.NAME: Interpretation(
        name=thyroid.NAME,
        model="thyroid",
        interpret=thyroid.interpret,
        nodules="cold-nodules",
    ),
}
