"""A candidate reads what the active version has read and delivered, when nothing else is to be
done. Nothing of it is stored, and nobody waits for it: only the comparison is kept.

In a thread of its own: whatever the candidate does wrong is counted, and disturbs no job. It shares
the process, though; what would end the process (a crash in TensorFlow) ends it here as well.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjuvant.archive import Archive
from adjuvant.comparison import compare
from adjuvant.errors import explain
from adjuvant.findings import Findings
from adjuvant.health import utc
from adjuvant.image import Limits
from adjuvant.interpretations import Interpretation
from adjuvant.pipeline import analyse
from adjuvant.reader import Link, Reader
from adjuvant.registry import Registry
from adjuvant.shadow_tally import Seen, Tally, TallyFile
from adjuvant.trial import Company, Load, try_out

if TYPE_CHECKING:
    from adjuvant.job import Task
    from adjuvant.network import Network
    from adjuvant.pipeline import Outcome

WAITING = 100
LARGEST = 64 << 20  # bytes of masks that wait
LOOK_S = 0.2
LOWEST_PRIORITY = 19
COMPUTED = ("preprocess", "network", "interpret", "nodules")


@dataclass(frozen=True)
class Case:
    """A scan that the active versions have read: what they found, and what that took. It waits for
    the candidate of one model."""

    instance: str
    interpretation: Interpretation
    model: str
    active_digest: str
    findings: Findings
    active_ms: float

    @property
    def size(self) -> int:
        """Bytes of its masks."""
        return sum(segment.masks.nbytes for segment in self.findings.segments)


@dataclass(frozen=True)
class Means:
    """What it reads with. `busy` is true as long as anybody waits for a scan; `networks` are those
    that read scans, by interpretation: a candidate works with the rest of its chain."""

    archive: Archive
    limits: Limits
    busy: Callable[[], bool]
    networks: Callable[[], Mapping[str, Network]] = dict


class Shadow:
    """`offer` and `report` may be called from any thread and never wait for the candidate."""

    def __init__(
        self,
        registry: Registry,
        interpretations: tuple[Interpretation, ...],
        load: Load,
        folder: Path,
    ) -> None:
        self._registry = registry
        self._interpretations = interpretations
        self._load = load
        self._folder = folder
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._cases: deque[Case] = deque()
        self._skipped: dict[str, int] = {}
        self._files: dict[str, TallyFile] = {}
        self._networks: dict[str, tuple[str, Network]] = {}
        self._broken: dict[str, str] = {}

    def start(self, means: Means) -> None:
        """Begin to wait for cases."""
        threading.Thread(
            target=self._run, args=(means,), name="adjuvant-shadow", daemon=True
        ).start()

    def close(self) -> None:
        """Begin nothing any more."""
        self._stop.set()

    def offer(self, task: Task, outcome: Outcome) -> None:
        """The active version has read a scan. Cheap where no candidate runs; never raises."""
        ms = sum(outcome.steps_ms.get(step, 0.0) for step in COMPUTED)
        for one in self._interpretations:
            for name in self._registry.chain(one) if one.name == task.interpretation else ():
                choice = self._registry.choice(name)
                if choice is not None and choice.shadow is not None:
                    found = outcome.findings
                    self._wait(Case(task.instance, one, name, task.model_digest, found, ms))

    def _wait(self, case: Case) -> None:
        with self._lock:
            self._cases.append(case)
            while len(self._cases) > WAITING or sum(one.size for one in self._cases) > LARGEST:
                name = self._cases.popleft().model
                self._skipped[name] = self._skipped.get(name, 0) + 1

    def running(self) -> dict[str, tuple[str, Tally | None]]:
        """Model -> the candidate that runs, and what it came to; None before the first scan."""
        found: dict[str, tuple[str, Tally | None]] = {}
        for name in self._registry.configured:
            choice = self._registry.choice(name)
            if choice is not None and choice.shadow is not None:
                with self._lock:
                    last = self._file(name).tallies[-1:]
                    of_this = last and last[0].candidate == choice.shadow
                    skipped = self._skipped.get(name, 0)
                tally = replace(last[0], skipped=last[0].skipped + skipped) if of_this else None
                found[name] = (choice.shadow, tally)
        return found

    def report(self, name: str) -> dict[str, Any]:
        """How the candidate of a model compares, and how those before it did."""
        choice = self._registry.choice(name)
        version = choice.shadow if choice else None
        with self._lock:
            tallies = list(self._file(name).tallies)
            waiting = sum(one.model == name for one in self._cases)
            skipped = self._skipped.get(name, 0)
            fault = self._broken.get(f"{name} {version}")
        reports = [tally.report for tally in tallies[::-1]]
        runs = version is not None and reports and reports[0]["candidate"] == version
        current = reports[0] if runs else None
        if current is not None:
            current["skipped"] += skipped
        return {
            "name": name,
            "shadow": version,
            "state": "off" if version is None else "faulty" if fault else "running",
            "fault": fault,
            "waiting": waiting,
            "comparison": current,
            "earlier": reports[1:] if runs else reports,
        }

    def _run(self, means: Means) -> None:
        """Until told to stop. Linux gives threads a priority of their own: ours is the lowest."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        while not self._stop.wait(LOOK_S):
            with self._lock:
                case = None if not self._cases or means.busy() else self._cases.popleft()
            if case is not None:
                self._look_at(case, means)

    def _look_at(self, case: Case, means: Means) -> None:
        name = case.model
        choice = self._registry.choice(name)
        if choice is None or choice.shadow is None:
            return
        try:
            (active,) = self._registry.readers((case.interpretation,))
            versions = self._registry.versions
            model, folder = versions.read(name, choice.shadow), versions.folder(name, choice.shadow)
            candidate = active.with_link(Link(model, folder))
            if active.algorithm.digest != case.active_digest:  # read before the last switch
                return
            tally = self._current(
                name,
                Tally(
                    choice.version,
                    active.algorithm.digest,
                    choice.shadow,
                    candidate.algorithm.digest,
                    utc(time.time()),
                ),
            )
        except Exception as fault:  # a thread of its own: nobody else would tell
            self._blame(f"{name} {choice.shadow}", explain(fault))
            return
        try:
            seen = self._compare(case, candidate, means)
            tally = tally.add(seen)
            self._blame(f"{name} {choice.shadow}", None)
        except Exception as fault:
            tally = replace(tally, failed=tally.failed + 1, last_fault=explain(fault))
            self._blame(f"{name} {choice.shadow}", explain(fault))
        self._keep(name, tally)

    def _compare(self, case: Case, candidate: Reader, means: Means) -> Seen:
        network = self._candidate(case, candidate, means)
        data = means.archive.read(case.instance)
        while means.busy() and not self._stop.is_set():
            time.sleep(LOOK_S)
        outcome = analyse(data, case.interpretation, network, means.limits)
        ms = sum(outcome.steps_ms.get(step, 0.0) for step in COMPUTED)
        found = compare(case.findings, outcome.findings)
        return Seen(case.instance, utc(time.time()), found, case.active_ms, ms)

    def _candidate(self, case: Case, candidate: Reader, means: Means) -> Network:
        digest = candidate.algorithm.digest
        known = self._networks.get(case.model)
        if known is None or known[0] != digest:
            self._networks.pop(case.model, None)  # the one before it may go first
            company = Company(
                self._registry, self._load, lambda one: means.networks().get(one.name)
            )
            (link,) = (one for one in candidate.links if one.model.name == case.model)
            tried = try_out(link.folder, self._load, (case.interpretation,), company)
            chain = company.around(tried.network, case.interpretation)
            known = self._networks[case.model] = (digest, chain)
        return known[1]

    def _current(self, name: str, begin: Tally) -> Tally:
        with self._lock:
            tally = self._file(name).current(begin)
            return replace(tally, skipped=tally.skipped + self._skipped.pop(name, 0))

    def _keep(self, name: str, tally: Tally) -> None:
        try:
            with self._lock:
                self._file(name).keep(tally)
        except Exception as fault:
            self._blame(f"{name} {tally.candidate}", explain(fault))

    def _blame(self, which: str, fault: str | None) -> None:
        with self._lock:
            self._broken.pop(which, None)
            if fault is not None:
                self._broken[which] = fault

    def _file(self, name: str) -> TallyFile:
        if name not in self._files:
            self._files[name] = TallyFile(self._folder / f"{name}.json")
        return self._files[name]
