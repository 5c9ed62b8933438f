"""What people ask about rules and do to them, over REST: explain, try, activate, reload."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from adjuvant.archive import Archive
from adjuvant.dry_run import DryRun
from adjuvant.errors import ArchiveFault
from adjuvant.health import Health, Log, utc
from adjuvant.image import read_header
from adjuvant.rulebook import Active, Rulebook
from adjuvant.rules.ruleset import Judgement

AT_ONCE = 4  # of Orthanc's 50 HTTP threads
PATIENCE_S = 10.0
TIMEOUT_S = (1.0, 10.0)
ALARM = "rules"


class RuleDesk:
    """Safe to use from any thread. Raises RuleFault, ArchiveFault, Fault as said."""

    def __init__(self, rulebook: Rulebook, archive: Archive, health: Health, log: Log) -> None:
        self._rulebook = rulebook
        self._archive = archive
        self._health = health
        self._log = log
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._dry_run: DryRun | None = None

    def close(self) -> None:
        """End a dry run, soon."""
        with self._lock:
            if self._dry_run is not None:
                self._dry_run.stop()

    def active(self) -> dict[str, Any]:
        """The set in force."""
        return _shown(self._rulebook.active)

    def activate(self, document: object, user: str = "") -> dict[str, Any]:
        """Put another set in force; raises RuleFault, Fault."""
        return self._changed(self._rulebook.activate(document), user)

    def reload(self, user: str = "") -> dict[str, Any]:
        """Put in force what orthanc.json says now; raises RuleFault, Fault."""
        return self._changed(self._rulebook.reload(), user)

    def explain(self, instance: str) -> list[dict[str, Any]]:
        """What every rule says of an instance.

        Raises ArchiveFault, Refusal where there is no such instance, or it is no DICOM.
        """
        with self._turn() as archive:
            header = read_header(archive.read(instance))
        return [explained(one) for one in self._rulebook.active.rules.judge(header)]

    def try_out(self, document: object) -> dict[str, Any]:
        """Begin a dry run, and end the one before; raises RuleFault, Fault."""
        proposed = self._rulebook.read(document)
        archive = self._archive.another(TIMEOUT_S)
        run = DryRun(archive, self._rulebook.active.rules, proposed)
        with self._lock:
            if self._dry_run is not None:
                self._dry_run.stop()
            self._dry_run = run
        threading.Thread(target=run.run, name="adjuvant-dry-run", daemon=True).start()
        return run.report()

    def tried(self) -> dict[str, Any] | None:
        """How far the last dry run is; None before the first."""
        with self._lock:
            return None if self._dry_run is None else self._dry_run.report()

    def _changed(self, active: Active, user: str) -> dict[str, Any]:
        self._health.settle(ALARM)
        by = f" by {user}" if user else ""
        rules = active.rules
        self._log.warning(
            f"rules changed{by}: {len(rules.rules)} of {active.source}, {rules.digest}"
        )
        return _shown(active)

    @contextmanager
    def _turn(self) -> Iterator[Archive]:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise ArchiveFault("too much is asked at once: try again")
        try:
            with closing(self._archive.another(TIMEOUT_S)) as archive:
                yield archive
        finally:
            self._turns.release()


def _shown(active: Active) -> dict[str, Any]:
    rules = active.rules
    return {
        "source": active.source,
        "since": utc(active.since),
        "digest": rules.digest,
        "rules": rules.document,
    }


def explained(judgement: Judgement) -> dict[str, Any]:
    """What a rule says, as REST shows it: never a value of the header."""
    rule, verdict = judgement.rule, judgement.verdict
    return {
        "rule": rule.name,
        "interpretation": rule.interpretation,
        "level": rule.level,
        "applies": verdict.applies,
        "decides": judgement.decides,
        "condition": verdict.condition or None,
        "reason": verdict.reason,
    }
