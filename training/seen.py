"""Which patients a training saw, and whether a scan to measure on is of one of them.

Two ways to know. A run keeps the id of every patient it trained or validated on: exact. A released
model keeps only the seeds of the simulator: two data sets of different seeds share no patient,
as the seed is a part of every patient's id and of every random number behind the patient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from adjuvant.model import Model, Training
from training.errors import ReleaseError, SeenError
from training.run_folder import read_run

Separation = Literal["patient", "seed", "unchecked"]

# As `training.phantom.simulator.simulate_case` writes it.
SIMULATED_PATIENT = re.compile(r"s(\d+)-p\d+")


class Scan(Protocol):
    """A case, or its line in the index."""

    @property
    def case_id(self) -> str:
        """Its name."""
        ...

    @property
    def patient_id(self) -> str:
        """Whose it is."""
        ...


@dataclass(frozen=True)
class Seen:
    """What is known of a training's patients: `patients` is None where only `seeds` are.

    Of the model that it began with only `foundation_seeds` are known: it is `unnamed` where that
    model learnt from patients under pseudonyms, whom nobody can name.
    """

    seeds: tuple[int, ...] = ()
    patients: frozenset[str] | None = None
    foundation_seeds: tuple[int, ...] = ()
    unnamed: bool = False

    def refuse(self, case: Scan) -> None:
        """Raise SeenError where training saw the patient of this case, or may have."""
        if self.patients is not None and case.patient_id in self.patients:
            raise SeenError(
                f"case {case.case_id} is of a patient of the training data (who was only validated "
                "on counts as seen, too): measure on patients that the run never saw"
            )
        seeds = self.seeds if self.patients is None else self.foundation_seeds
        if (seed := seed_of(case.patient_id)) in seeds:
            raise SeenError(
                f"case {case.case_id} is simulated with seed {seed}, as the training data is: "
                "simulate with another seed, or name the run to compare patient by patient"
            )

    def separation(self, seeds: tuple[int, ...]) -> Separation:
        """How it was made sure that training never saw the scans of these seeds."""
        if self.patients is not None:
            # Scans that all have a seed are of none of those whom nobody can name.
            return "unchecked" if self.unnamed and not seeds else "patient"
        return "seed" if self.seeds and seeds else "unchecked"


def unchecked(separations: Iterable[Separation]) -> str:
    """What has to stand beside figures of runs that began with a model of patients whom nobody can
    name, with a space behind; empty of all others."""
    if "unchecked" not in separations:
        return ""
    return "**Not checked: whether the model that they began with learnt from these patients.** "


def seed_of(patient_id: str) -> int | None:
    """The simulator's seed that made this patient; None for any other patient."""
    match = SIMULATED_PATIENT.fullmatch(patient_id)
    return int(match[1]) if match else None


def seeds_of(patient_ids: Iterable[str]) -> tuple[int, ...]:
    """The seeds behind these patients, sorted; empty where one of them is not simulated."""
    seeds = {seed_of(one) for one in patient_ids}
    return () if None in seeds else tuple(sorted(seed for seed in seeds if seed is not None))


def seen_by_run(about: dict[str, Any]) -> Seen:
    """What the run saw whose `run.json` holds `about`."""
    patients = frozenset(about["patient_ids"])
    before = _foundation_seeds(about)
    data = _foundation(about).get("data")
    # Simulated scans that came out of an archive are of patients without a seed, too.
    unnamed = data is not None and (data != "simulated" or not before)
    return Seen(tuple(sorted({*seeds_of(patients), *before})), patients, before, unnamed)


def _foundation(about: dict[str, Any]) -> dict[str, Any]:
    return about.get("foundation") or {}


def _foundation_seeds(about: dict[str, Any]) -> tuple[int, ...]:
    return tuple(_foundation(about).get("seeds", ()))


def seen_by_model(model: Model, run: Path | None = None) -> Seen:
    """What the model's training saw: from `run`, where it is at hand, else from the contract.

    Raises ReleaseError where the folder is not the run that the model was released from.
    """
    if run is None:
        return Seen(model.training.seeds)
    about = read_run(run)
    if origin(about, model.training.foundation_share) != model.training:
        raise ReleaseError(f"{run} is not the run that {model.name} {model.version} comes from")
    return seen_by_run(about)


def origin(about: dict[str, Any], foundation_share: float | None = None) -> Training:
    """What the contract says of the run that a model comes from, and how far back it went."""
    foundation = about.get("foundation") or {"data": about["data"]}
    same = foundation["data"] == about["data"]
    return Training(
        data=about["data"] if same else "mixed",
        images=about["images"],
        patients=about["patients"],
        seeds=tuple(sorted({*seeds_of(about["patient_ids"]), *_foundation_seeds(about)})),
        foundation=foundation.get("model"),
        foundation_share=foundation_share,
        glands=about.get("glands"),
        recipe=about["recipe"]["name"],
        commit=about["commit"],
        date=about["date"],
    )
