"""What the parts of the worker share: whom they talk to, and how they are to work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjuvant.archive import Archive
from adjuvant.health import Health, Log, ModelInUse
from adjuvant.image import Limits
from adjuvant.inbox import Inbox
from adjuvant.job import Task
from adjuvant.ledger import Ledger
from adjuvant.reader import Reader
from adjuvant.results.presentation import Presentation
from adjuvant.rulebook import Rulebook
from adjuvant.uptake import UNCALIBRATED, Calibration

if TYPE_CHECKING:
    from adjuvant.network import Network
    from adjuvant.pipeline import Outcome


# Results of a task, and the names of the routes that its rule asks for.
Forward = Callable[[Task, Sequence[Mapping[str, str]], Collection[str]], None]


def forward_nothing(
    task: Task, results: Sequence[Mapping[str, str]], named: Collection[str]
) -> None:
    """Results stay here."""


@dataclass(frozen=True)
class Surroundings:
    """What the worker works with; every part is made and closed by `service`."""

    archive: Archive
    ledger: Ledger
    inbox: Inbox
    health: Health
    log: Log
    forward: Forward = forward_nothing

    def raise_alarm(self, key: str, what: str) -> None:
        """Raise an alarm, or renew its text; one line in the log when it begins."""
        if self.health.alarm(key, what):
            self.log.error(f"alarm: {what}")


@dataclass(frozen=True)
class Hooks:
    """What the choice of model versions has to do with the worker; by default nothing.

    `refused` says of a model that cannot be used whether another version is to be tried at once,
    `loaded` that scans are read from now on (it raises ModelFault where that must not be),
    `in_use` how the status shows the models of a reader. `compare` is given what was delivered; it
    never raises.
    """

    refused: Callable[[str, str], bool] = lambda name, reason: False
    loaded: Callable[[Sequence[Reader]], None] = lambda readers: None
    in_use: Callable[[Reader], tuple[ModelInUse, ...]] = lambda reader: reader.in_use
    compare: Callable[[Task, Outcome], None] = lambda task, outcome: None


@dataclass(frozen=True)
class Plan:
    """How it works. `readers` and `load` raise ModelFault as long as a model cannot be used.

    A job may take `job_s`; what ended is kept for `keep_s`, of at most `maximum_jobs` in all.
    """

    readers: Callable[[], tuple[Reader, ...]]
    load: Callable[[Path], Network]
    limits: Limits
    presentation: Presentation
    replace_earlier: bool
    maximum_attempts: int
    retry_s: float
    job_s: float
    sweep_s: float
    keep_s: float
    maximum_jobs: int
    calibration: Calibration = UNCALIBRATED
    rulebook: Rulebook = field(default_factory=Rulebook)
    hooks: Hooks = Hooks()
