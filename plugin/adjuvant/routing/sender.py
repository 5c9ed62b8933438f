"""One thread for each destination: one that is down delays neither the others nor the analysis.

A destination that does not answer rests, ever longer, and nothing is held against what waits for
it. What a destination does not accept although it answers is about that object, whose attempts
are counted and limited; the others go on.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from adjuvant.backoff import doubled
from adjuvant.errors import ArchiveFault, explain
from adjuvant.health import Health, Log, utc
from adjuvant.routing.destination import Destination, Gone
from adjuvant.routing.outbox import LONGEST_DELAY_S, Outbox, OutboxCorrupt, Sending

CHECK_S = 60.0
SHORTEST_POLL_S = 0.02
LONGEST_POLL_S = 1.0
COMMITMENT_POLL_S = 2.0
COMMITMENT_LIMIT_S = 3600.0
ALARM_AFTER = 3
FORGOTTEN = "Orthanc forgot its job, so that nobody knows what became of it"
UNCOMMITTED = "sent, but the peer offers no storage commitment"
DELETED = "it was deleted from Orthanc before it was sent"
MOST_SHOWN = 100


class Sender:
    """Sends what the outbox holds for one destination, one instance at a time."""

    def __init__(
        self, destination: Destination, outbox: Outbox, health: Health, log: Log, retry_s: float
    ) -> None:
        self.name = destination.name
        self._destination = destination
        self._settings = destination.settings
        self._outbox = outbox
        self._health = health
        self._log = log
        self._retry_s = retry_s
        self._bell = threading.Event()
        self._failures = 0  # in a row, without an answer of the destination
        self._unconfirmed = 0  # in a row, questions for commitment that were not understood
        self._paused_until = 0.0
        self._checked_at: float | None = None
        self._trouble: str | None = None
        self._last_failure: tuple[float, str] | None = None
        self._since: dict[int, float] = {}  # what is under way since when, by row
        self._poll_s = SHORTEST_POLL_S

    def recall(self) -> None:
        """Raise the alarm once more that stood when the process ended. Raises OutboxFault."""
        failed = self._outbox.counts(self.name)["failed"]
        if failed:
            retry = f"mend the cause, then POST /adjuvant/routing/{self.name}/retry"
            self._alarm("refused", f"{failed} objects were given up: {retry}")

    def wake(self) -> None:
        """Something was offered, or it is time to stop."""
        self._bell.set()

    def retry(self) -> int:
        """Somebody wants it now: no pause, and a new beginning for what had failed; how many."""
        renewed = self._outbox.retry(self.name)
        self._paused_until = 0.0
        self._checked_at = None
        self.wake()
        return renewed

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; may be cut short at any moment. Raises OutboxCorrupt."""
        while not stop.is_set():
            self._bell.clear()
            try:
                rest_s = self._step()
            except OutboxCorrupt:
                raise
            except Exception as fault:
                self._pause(explain(fault))
                rest_s = self._pause_s()
            self._bell.wait(rest_s)

    def _step(self) -> float:
        """Do one thing; the seconds for which there is nothing to do."""
        under_way = self._outbox.under_way(self.name)
        if under_way is not None:
            return self._follow(under_way)
        if self._pause_s() > 0:
            return self._pause_s()
        if not self._is_usable():
            return CHECK_S
        sending = self._outbox.due(self.name)
        if sending is None:
            if self._failures and self._destination.answers():
                self._is_up()
            wait_s = self._outbox.wait_s(self.name)
            return CHECK_S if wait_s is None else min(wait_s, CHECK_S)
        try:
            return self._confirm(sending) if sending.state == "committing" else self._send(sending)
        except Gone:
            self._outbox.become(sending, "gone", DELETED)
            self._settle_refused()
            return 0.0

    def _is_usable(self) -> bool:
        """Orthanc's configuration may change while it runs: asked again now and then."""
        now = time.monotonic()
        if self._checked_at is None or now - self._checked_at >= CHECK_S:
            self._trouble = self._destination.fault()
            self._checked_at = now
            if self._trouble is not None:
                self._alarm("", self._trouble)
            elif not self._failures:
                self._settle("")
        return self._trouble is None

    # One instance

    def _send(self, sending: Sending) -> float:
        try:
            job = self._destination.submit(sending.instance)
        except ArchiveFault:
            self._checked_at = None  # perhaps it was taken out of Orthanc's configuration
            raise
        self._since.pop(sending.id, None)  # of an earlier content
        self._outbox.become(sending, "sending", sending.reason, job)
        self._poll_s = SHORTEST_POLL_S
        return self._poll_s

    def _follow(self, sending: Sending) -> float:
        """Look after Orthanc's job, which may be one of before a restart."""
        progress = self._destination.progress(str(sending.ticket))
        if progress.stage == "running":
            return self._wait_for(sending)
        self._since.pop(sending.id, None)
        if progress.stage == "failed":
            self._failed(sending, progress.reason)
        elif progress.stage == "unknown":
            self._refused(sending, FORGOTTEN)
        elif self._settings.storage_commitment:
            self._outbox.become(sending, "committing")
        else:
            self._sent(sending)
        return 0.0

    def _wait_for(self, sending: Sending) -> float:
        if self._has_taken(sending) > self._settings.timeout_seconds:
            self._destination.cancel(str(sending.ticket))
            self._since.pop(sending.id, None)
            self._alarm("", f"sending takes more than {self._settings.timeout_seconds} s")
        self._poll_s = min(self._poll_s * 1.5, LONGEST_POLL_S)
        return self._poll_s

    def _has_taken(self, sending: Sending) -> float:
        now = time.monotonic()
        return now - self._since.setdefault(sending.id, now)

    def _sent(self, sending: Sending, reason: str | None = None) -> None:
        self._outbox.become(sending, "sent", reason)
        self._failures = 0
        self._settle("")
        self._settle_refused()

    def _settle_refused(self) -> None:
        if not self._outbox.troubled(self.name, 1, ALARM_AFTER):
            self._settle("refused")

    def _failed(self, sending: Sending, reason: str) -> None:
        """Is the destination down, or does it not want this object?"""
        if self._destination.answers():
            self._is_up()
            self._refused(sending, reason)
        else:
            self._outbox.become(sending, "waiting", reason)
            self._pause(reason)

    def _is_up(self) -> None:
        """The destination answers, whatever it says of an object."""
        if self._failures:
            self._failures = 0
            self._settle("")

    def _refused(self, sending: Sending, reason: str) -> None:
        attempts = sending.attempts + 1
        self._last_failure = (time.time(), reason)
        told = f"{sending.kind} {sending.instance} failed {attempts} times: {reason}"
        if attempts >= self._settings.maximum_attempts:
            self._outbox.become(sending, "failed", reason)
            self._alarm("refused", f"{told}; it was given up")
            return
        self._outbox.postpone(sending, reason, self._delay_s(sending.attempts))
        if attempts >= ALARM_AFTER:
            self._alarm("refused", told)

    # Storage commitment

    def _confirm(self, sending: Sending) -> float:
        if sending.ticket is None:
            return self._ask_commitment(sending)
        progress = self._destination.commitment(sending.ticket)
        if progress.stage == "running" and self._has_taken(sending) < COMMITMENT_LIMIT_S:
            self._outbox.look_again(sending, COMMITMENT_POLL_S)
            return 0.0
        self._since.pop(sending.id, None)
        if progress.stage == "done":
            self._sent(sending)
            self._settle("commitment")
        elif progress.stage == "failed":
            self._refused(sending, progress.reason)
        else:  # forgotten by Orthanc or by the peer: asked again
            if progress.stage == "running":
                self._alarm("commitment", "the peer has not confirmed within an hour")
            self._outbox.become(sending, "committing")
        return 0.0

    def _ask_commitment(self, sending: Sending) -> float:
        transaction = self._destination.ask_commitment(sending.instance)
        if transaction is not None:
            self._unconfirmed = 0
            self._outbox.become(sending, "committing", ticket=transaction)
            return SHORTEST_POLL_S
        self._unconfirmed += 1
        if self._unconfirmed < ALARM_AFTER:
            self._outbox.look_again(sending, self._retry_s)
        else:
            self._sent(sending, UNCOMMITTED)
            self._alarm("commitment", UNCOMMITTED)
        return 0.0

    # Failures

    def _delay_s(self, failures: int) -> float:
        return doubled(self._retry_s, failures, LONGEST_DELAY_S)

    def _pause_s(self) -> float:
        return max(self._paused_until - time.monotonic(), 0.0)

    def _pause(self, reason: str) -> None:
        self._paused_until = time.monotonic() + self._delay_s(self._failures)
        self._failures += 1
        self._last_failure = (time.time(), reason)
        if self._failures >= ALARM_AFTER:
            self._alarm("", f"{self._failures} attempts in a row failed: {reason}")

    def _alarm(self, about: str, what: str) -> None:
        text = f"route {self.name}: {what}"
        if self._health.alarm(f"route {self.name} {about}", text):
            self._log.error(f"alarm: {text}")

    def _settle(self, about: str) -> None:
        if self._health.settle(f"route {self.name} {about}"):
            self._log.warning(f"route {self.name} works again")

    # Looking

    def status(self) -> dict[str, Any]:
        """The destination as REST shows it."""
        failure = self._last_failure
        return {
            "name": self.name,
            "kind": self._settings.kind,
            "target": self._settings.target,
            **self._state(),
            **self._outbox.counts(self.name),
            "oldest_waiting": utc(self._outbox.oldest(self.name)),
            "last_success": utc(self._outbox.last_success(self.name)),
            "last_failure": {"at": utc(failure[0]), "reason": failure[1]} if failure else None,
            "troubled": [_public(one) for one in self._outbox.troubled(self.name, MOST_SHOWN)],
        }

    def _state(self) -> dict[str, str | None]:
        if self._trouble is not None:
            return {"state": "unusable", "reason": self._trouble}
        if self._failures and self._last_failure is not None:
            return {"state": "down", "reason": self._last_failure[1]}
        return {"state": "ok", "reason": None}


def _public(sending: Sending) -> dict[str, Any]:
    names = ("instance", "kind", "state", "attempts", "reason")
    shown = {name: getattr(sending, name) for name in names}
    return {**shown, "since": utc(sending.created)}
