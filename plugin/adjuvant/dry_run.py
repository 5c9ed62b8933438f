"""What another rule set would change, over everything that is stored, before it is in force.

Runs in a thread of its own, page by page, and rests as long as it works: reception and reading go
first. What arrives meanwhile may be missing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from adjuvant.archive import Archive
from adjuvant.errors import ArchiveFault, Refusal, explain
from adjuvant.health import utc
from adjuvant.image import read_header
from adjuvant.rules.ruleset import RuleSet

PAGE = 100  # series
EXAMPLES = 10
LONGEST_REST_S = 1.0
ATTEMPTS = 5
RETRY_S = 0.5
MODALITY = "NM"  # no rule applies to another (rules/planar.py)

Answer = TypeVar("Answer")
State = Literal["running", "done", "failed", "stopped"]


@dataclass
class Change:
    """Of how many scans a rule decides now and would decide; `examples` are Orthanc's ids."""

    now: int = 0
    then: int = 0
    newly: int = 0
    no_longer: int = 0
    examples: dict[str, list[str]] = field(
        default_factory=lambda: {"newly_applies": [], "no_longer_applies": []}
    )

    def count(self, instance: str, now: bool, then: bool) -> None:
        """One more scan."""
        self.now += now
        self.then += then
        if now != then:
            self.newly += then
            self.no_longer += now
            examples = self.examples["newly_applies" if then else "no_longer_applies"]
            if len(examples) < EXAMPLES:
                examples.append(instance)


class DryRun:
    """One replay. `report` may be asked from any thread while `run` works in its own."""

    def __init__(self, archive: Archive, active: RuleSet, proposed: RuleSet) -> None:
        self._archive = archive
        self._active, self._proposed = active, proposed
        names = [rule.name for rule in (*active.rules, *proposed.rules)]
        self._changes = {name: Change() for name in names}
        self._totals: Counter[str] = Counter()
        self._state: State = "running"
        self._reason: str | None = None
        self._started = time.time()
        self._finished: float | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self) -> None:
        """Look at everything; ends by itself, or soon after `stop`. Closes the archive."""
        state: State = "done"
        reason = None
        try:
            with closing(self._archive):
                for instance in self._instances():
                    if self._stop.is_set():
                        break
                    self._look(instance)
        except Exception as fault:
            state, reason = "failed", explain(fault)
        with self._lock:
            self._state = "stopped" if self._stop.is_set() else state
            self._reason = None if self._stop.is_set() else reason
            self._finished = time.time()

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self._stop.set()

    def report(self) -> dict[str, Any]:
        """How far it is, and what would change so far."""
        with self._lock:
            totals = ("instances", "unreadable", "read_now", "would_be_read", "changed")
            return {
                "state": self._state,
                "reason": self._reason,
                "started": utc(self._started),
                "finished": utc(self._finished),
                "active": self._active.digest,
                "proposed": self._proposed.digest,
                **{name: self._totals[name] for name in totals},
                "rules": [_row(name, change) for name, change in self._changes.items()],
            }

    def _instances(self) -> Iterator[str]:
        """Every instance of a series that could hold a scan."""
        since = 0
        while not self._stop.is_set():
            page = self._patiently(partial(self._archive.series_page, since, PAGE))
            for modality, instances in page:
                yield from instances if modality == MODALITY else ()
            if len(page) < PAGE:
                return
            since += PAGE

    def _look(self, instance: str) -> None:
        begin = time.monotonic()
        try:
            header = read_header(self._patiently(partial(self._archive.read, instance)))
        except Refusal:
            with self._lock:
                self._totals.update(instances=1, unreadable=1)
            return
        now, then = (
            {one.rule.name for one in rules.judge(header) if one.decides}
            for rules in (self._active, self._proposed)
        )
        with self._lock:
            self._totals.update(instances=1, read_now=bool(now), would_be_read=bool(then))
            self._totals.update(changed=now != then)
            for name, change in self._changes.items():
                change.count(instance, name in now, name in then)
        self._stop.wait(min(time.monotonic() - begin, LONGEST_REST_S))

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again where Orthanc is busy, for some time."""
        for attempt in range(ATTEMPTS - 1):
            try:
                return ask()
            except ArchiveFault:
                self._stop.wait(RETRY_S * 2.0**attempt)
        return ask()


def _row(name: str, change: Change) -> dict[str, Any]:
    return {
        "rule": name,
        "applies_now": change.now,
        "would_apply": change.then,
        "newly_applies": change.newly,
        "no_longer_applies": change.no_longer,
        "examples": {kind: list(found) for kind, found in change.examples.items()},
    }
