"""The version in service, measured on the very scans on which a candidate is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.preprocess import Mask
from adjuvant.versions import VERSION, Versions
from training.errors import ReleaseError, SeenError
from training.evaluate import outline, score
from training.figures import Score
from training.phantom.case import Case
from training.seen import Seen, Separation, seeds_of


@dataclass
class InService:
    """Sees one case after the other; `scores` are in their order."""

    network: Network
    seen: Seen
    scores: list[Score] = field(default_factory=list)

    @property
    def model(self) -> Model:
        """Its contract."""
        return self.network.model

    def see(self, case: Case) -> Mask:
        """Its outline of the case, which is scored. Raises SeenError where it learnt from it."""
        refuse_seen(case, self.model, self.seen)
        found = outline(case, self.network)
        self.scores.append(score(case, found))
        return found

    @property
    def separation(self) -> Separation:
        """How it is known that it never saw these scans."""
        return self.seen.separation(seeds_of(one.patient_id for one in self.scores))


def refuse_seen(case: Case, model: Model, seen: Seen) -> None:
    """Raise SeenError, naming the version in service, where it learnt from this patient."""
    try:
        seen.refuse(case)
    except SeenError as fault:
        raise SeenError(f"{model.name} {model.version}, in service: {fault}") from fault


def require_name(folder: Path, model: str) -> None:
    """Raise ReleaseError where a version of `model` is to be released among those of another: it
    would be compared with nothing, and the plugin would refuse it."""
    folder = folder.resolve()
    if folder.parent.name != model:
        right = folder.parents[1] / model / folder.name
        raise ReleaseError(f"the run's recipe is for the model {model}: release it to {right}")


def newest_beside(folder: Path) -> Path | None:
    """The newest sound version beside a new one's folder; None where there is no other.

    Raises ReleaseError where none of the others can be read.
    """
    models, name = folder.resolve().parents[1], folder.resolve().parent.name
    versions = Versions(models)
    others = [
        versions.look(name, one.name)
        for one in sorted((models / name).glob("*"), key=lambda one: _numbers(one.name))
        if VERSION.fullmatch(one.name)
    ]
    sound = [one for one in others if one.fault is None]
    if others and not sound:
        raise ReleaseError(f"no version in {folder.parent} can be used: {others[-1].fault}")
    return sound[-1].folder if sound else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")) if VERSION.fullmatch(version) else ()
