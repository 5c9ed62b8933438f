"""The interpretations, as a visible dict: to add one, write its module and add its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydicom import Dataset

from adjuvant.findings import Findings
from adjuvant.interpretations import thyroid
from adjuvant.model import Model
from adjuvant.preprocess import Image
from adjuvant.rules import Verdict, explain_thyroid
from adjuvant.scan import Scan


@dataclass(frozen=True)
class Interpretation:
    """A rule that says which images, the model that reads them, and what to make of its answer.

    `interpret` takes probabilities as float32 (frames, rows, columns, labels) on the source's own
    matrix, and is a pure function.
    """

    name: str
    model: str
    rule: Callable[[Dataset], Verdict]
    interpret: Callable[[Scan, Image, Model], Findings]


INTERPRETATIONS: dict[str, Interpretation] = {
    thyroid.NAME: Interpretation(
        name=thyroid.NAME, model="thyroid", rule=explain_thyroid, interpret=thyroid.interpret
    ),
}
