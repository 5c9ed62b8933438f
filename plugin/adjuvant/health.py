"""What `GET /adjuvant/status` shows: one small board that several threads write on and read.

Standard library only: it has to work when nothing else can be imported.
"""

from __future__ import annotations

import json
import platform
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

PLAIN = re.compile(r"[\w.:/+-]+", re.ASCII)
State = Literal["starting", "ready", "standby", "degraded", "off"]


@dataclass(frozen=True)
class ModelInUse:
    """One model version that reads scans now.

    `configured` is the version that orthanc.json names; `chosen_by` the user who chose this one
    `chosen_at`, or "configuration".
    """

    name: str
    version: str
    digest: str
    simulated: bool
    configured: str | None = None
    chosen_by: str | None = None
    chosen_at: str | None = None


@dataclass(frozen=True)
class Log:
    """Where lines go; texts hold no patient data."""

    info: Callable[[str], None]
    warning: Callable[[str], None]
    error: Callable[[str], None]

    @classmethod
    def silent(cls) -> Log:
        """One that drops every line."""
        return cls(*3 * [lambda text: None])


def event(kind: str, **fields: object) -> str:
    """One line for people and machines (logfmt): `job-refused job=7 reason="two words"`."""
    texts = {name: str(value) for name, value in fields.items()}
    quoted = (
        f"{name}={text if PLAIN.fullmatch(text) else json.dumps(text)}"
        for name, text in texts.items()
    )
    return " ".join([kind, *quoted])


def utc(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC, to the millisecond: `2026-01-31T10:00:00.125Z`."""
    if seconds is None:
        return None
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


class Health:
    """State, reason, device, models and alarms. Safe to use from any thread."""

    def __init__(self, version: str) -> None:
        self._lock = threading.Lock()
        self._alarms: dict[str, dict[str, str | None]] = {}
        self._board: dict[str, Any] = {
            "state": "starting",
            "reason": "Orthanc is starting",
            "version": version,
            "device": None,
            "models": [],
            "last_success": None,
            "paused": None,
            "versions": {"adjuvant": version, "python": platform.python_version()},
        }

    def become(self, state: State, reason: str) -> None:
        """Change state; `reason` is one sentence for the administrator."""
        with self._lock:
            self._board.update(state=state, reason=reason)

    def use(self, device: str, models: tuple[ModelInUse, ...]) -> None:
        """Say what reads the scans: `device` as the network names it, and the models."""
        with self._lock:
            self._board.update(device=device, models=[asdict(model) for model in models])

    def know(self, **versions: str) -> None:
        """Add to the versions of what we work with."""
        with self._lock:
            self._board["versions"] = {**self._board["versions"], **versions}

    def pause(self, since: float | None) -> None:
        """Say since when nothing is read because a person wants it so; None: it is read."""
        with self._lock:
            self._board["paused"] = utc(since)

    @property
    def paused(self) -> bool:
        """Whether a person wants nothing to be read."""
        with self._lock:
            return self._board["paused"] is not None

    def succeed(self, at: float) -> None:
        """Remember when the last job was done (seconds since 1970)."""
        with self._lock:
            self._board["last_success"] = utc(at)

    def alarm(self, key: str, what: str) -> bool:
        """Raise the alarm `key`, or renew its text; True where it was not standing before."""
        with self._lock:
            standing = self._alarms.get(key)
            since = standing["since"] if standing else utc(time.time())
            self._alarms[key] = {"since": since, "what": what}
            return standing is None

    def settle(self, key: str) -> bool:
        """Take the alarm `key` back; True where it was standing."""
        with self._lock:
            return self._alarms.pop(key, None) is not None

    def snapshot(self) -> dict[str, Any]:
        """A copy of everything, ready for JSON, alarms with the oldest first."""
        with self._lock:
            return {**self._board, "alarms": [dict(alarm) for alarm in self._alarms.values()]}
