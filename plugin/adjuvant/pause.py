"""Pausing: scans are received and queued, but none is read until a person resumes.

Kept as a file beside the ledger, so that neither a restart nor a new ledger ends it.
"""

from __future__ import annotations

import time
from pathlib import Path

from adjuvant.errors import Fault
from adjuvant.health import Health

PAUSED_FILE = "paused"


def pause(folder: Path, health: Health) -> None:
    """Pause, as of now. Raises Fault where that cannot be kept; then nothing is paused."""
    path = folder / PAUSED_FILE
    try:
        if not path.exists():
            path.touch()
    except OSError as fault:
        raise Fault(f"{path} cannot be written: {fault.strerror}") from fault
    recall(folder, health)


def resume(folder: Path, health: Health) -> None:
    """Read again. Raises Fault where a restart would pause again; then it stays paused."""
    path = folder / PAUSED_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise Fault(f"{path} cannot be deleted: {fault.strerror}") from fault
    health.pause(None)


def recall(folder: Path, health: Health) -> None:
    """At start: what was decided before. A file that cannot be looked at is one."""
    try:
        health.pause((folder / PAUSED_FILE).stat().st_mtime)
    except FileNotFoundError:
        health.pause(None)
    except OSError:
        health.pause(time.time())
