"""The models that make one set of results, in the order in which they are applied.

Most results are made by one model, which is a chain by itself. Where another one looks closer at
what the first has found, everything that follows from a model follows from both: the UIDs of the
results, the Device UID, what the ledger keeps, the warning on simulated training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from adjuvant.model import Model


@dataclass(frozen=True)
class Chain:
    """Two models or more; it answers what a single `Model` answers of itself."""

    models: tuple[Model, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the digests of all models, in their order."""
        return hashlib.sha256("|".join(one.digest for one in self.models).encode()).hexdigest()

    @property
    def title(self) -> str:
        """Names and versions."""
        return " + ".join(one.title for one in self.models)

    @property
    def simulated(self) -> bool:
        """True where any of them learnt from simulated scans."""
        return any(one.simulated for one in self.models)


Algorithm = Model | Chain


def chained(models: Sequence[Model]) -> Algorithm:
    """The chain of these models; a single one is itself, with its own digest and name."""
    return models[0] if len(models) == 1 else Chain(tuple(models))
