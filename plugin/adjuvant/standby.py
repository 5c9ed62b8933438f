"""Two Orthancs on one index: one of them reads, the other takes over when that one ends.

Both see every scan in the one change log, and would both read it. With one DataDirectory they have
one ledger, and its lock says whose turn it is: the kernel takes it back from a process that ends,
however it ends, and the next holder goes on where the ledger and the change log stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from adjuvant.api import Desk
    from adjuvant.health import Log

STATE: Final = "standby"
INDEXES = ("PostgreSQL", "MySQL")  # sections of the plugins that keep Orthanc's index in a server


def shares_index(configuration: Mapping[str, Any]) -> bool:
    """Whether other Orthancs may have the same index; else a second one on our ledger is a mistake,
    whose scans nobody would read."""
    sections = (configuration.get(name) for name in INDEXES)
    return any(
        isinstance(one, Mapping) and one.get("EnableIndex") is True and one.get("Lock") is False
        for one in sections
    )


def stand_by(desk: Desk, log: Log, holder: str) -> None:
    """Say who reads; what arrived here is in the change log, where that one finds it."""
    desk.inbox.clear()
    reason = f"another Orthanc on the same index reads ({holder}); this one does when it ends"
    if desk.health.snapshot()["state"] != STATE:
        log.warning(f"stands by: {reason}")
    desk.health.become(STATE, reason)


def take_over(desk: Desk, log: Log) -> None:
    """The ledger is ours now; nothing is said where it was from the beginning."""
    if desk.health.snapshot()["state"] == STATE:
        log.warning("takes over: the other Orthanc has ended")
        desk.health.become("starting", "loading the models")
