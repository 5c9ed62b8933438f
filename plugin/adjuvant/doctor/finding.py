"""What the doctor found: one sentence for the administrator, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` is empty where nothing is to be done."""

    verdict: Verdict
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """As it should be."""
    return Finding("ok", what)


def warning(what: str, mend: str) -> Finding:
    """Scans are read, but somebody should look at this."""
    return Finding("warning", what, mend)


def wrong(what: str, mend: str) -> Finding:
    """No scan is read as long as this is so."""
    return Finding("wrong", what, mend)
