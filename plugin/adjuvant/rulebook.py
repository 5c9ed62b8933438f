"""The rule set in force, and how it becomes another one while scans are read.

A set that was activated over REST is kept below DataDirectory together with the digest of the set
that orthanc.json had then. It is in force after a restart as long as orthanc.json still has that
set; when orthanc.json was changed since, orthanc.json is: who spoke last is obeyed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from adjuvant.errors import Fault, RuleFault
from adjuvant.rules.ruleset import RuleSet
from adjuvant.rules.syntax import Known, default_rules, read_rules
from adjuvant.whole_file import write_whole

RULES_FILE = "rules.json"
LARGEST_FILE = 1 << 22

Source = Literal["orthanc.json", "REST"]


@dataclass(frozen=True)
class Active:
    """The set in force: where it is from, and since when (seconds since 1970)."""

    rules: RuleSet
    source: Source
    since: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Written:
    """What orthanc.json says of rules: `rules` as it is read at start, `again` reads it anew.

    `known` is what rules may name. `again` raises RuleFault or Fault.
    """

    rules: RuleSet
    known: Known
    again: Callable[[], object]


class Rulebook:
    """The set in force. Safe to use from any thread: who asks for `active` sees one whole set."""

    def __init__(self, rules: RuleSet | None = None) -> None:
        self._active = Active(rules or default_rules(), "orthanc.json")
        self._written: Written | None = None
        self._path: Path | None = None
        self._lock = Lock()

    @property
    def active(self) -> Active:
        """The set in force now."""
        return self._active

    def open(self, folder: Path, written: Written) -> str | None:
        """Find the set that is in force after this start; what is wrong with the kept one, or None.

        Then the set of orthanc.json is in force, and the file stays as it is for a person to see.
        What is open already stays as it is.
        """
        if self._written is not None:
            return None
        self._path, self._written = folder / RULES_FILE, written
        self._active = Active(written.rules, "orthanc.json")
        try:
            kept = self._kept(self._path, written)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, RuleFault) as fault:
            why = str(fault) if isinstance(fault, RuleFault | OSError) else "it is damaged"
            return f"{self._path} cannot be used, so that orthanc.json's rules are in force: {why}"
        if kept is not None:
            self._active = kept
        return None

    def read(self, document: object) -> RuleSet:
        """A proposed set; raises RuleFault where it is not valid."""
        written = self._required()
        return read_rules(document, written.known)

    def activate(self, document: object) -> Active:
        """Keep a set and put it in force, or leave everything as it is.

        Raises RuleFault where it is not valid, Fault where it cannot be kept.
        """
        rules = self.read(document)
        with self._lock:
            active = Active(rules, "REST")
            self._keep(active)
            self._active = active
            return active

    def reload(self) -> Active:
        """Put in force what orthanc.json says now, or leave everything as it is.

        Raises RuleFault where its rules are not valid, Fault where it cannot be read.
        """
        written = self._required()
        rules = read_rules(written.again(), written.known, "Adjuvant.Rules")
        with self._lock:
            self._forget()
            self._written = Written(rules, written.known, written.again)
            self._active = Active(rules, "orthanc.json")
            return self._active

    def _required(self) -> Written:
        if self._written is None:
            raise Fault("the rules are not open yet")
        return self._written

    def _kept(self, path: Path, written: Written) -> Active | None:
        if not path.exists():
            return None
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("too large")
        kept = json.loads(path.read_bytes())
        if kept["Configured"] != written.rules.digest:
            path.replace(path.with_name(f"{RULES_FILE}.old"))
            return None
        rules = read_rules(kept["Rules"], written.known)
        return Active(rules, "REST", float(kept["Since"]))

    def _keep(self, active: Active) -> None:
        """On the disk as a whole, before it is in force."""
        if self._path is None or self._written is None:
            raise Fault("the rules are not open yet")
        document: dict[str, Any] = {
            "Configured": self._written.rules.digest,
            "Since": active.since,
            "Rules": active.rules.document,
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(str(self._path), json.dumps(document, indent=2))
        except OSError as fault:
            raise Fault(f"{self._path} cannot be written: {fault.strerror}") from fault

    def _forget(self) -> None:
        try:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        except OSError as fault:
            raise Fault(f"{self._path} cannot be deleted: {fault.strerror}") from fault
