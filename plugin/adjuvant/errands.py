"""What is asked for by somebody who cannot wait for Orthanc to answer us: done a moment later.

While a Lua script of Orthanc runs, Orthanc answers no HTTP request at all: each of them first asks
Lua whether it is let in. A script that asks us for something would wait for us, and we for Orthanc.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from adjuvant.database import LedgerFault
from adjuvant.errors import Fault, ModelFault, explain

if TYPE_CHECKING:
    from adjuvant.surroundings import Surroundings

ALARM = "errands"
CAPACITY = 1000
ATTEMPTS = 5
RETRY_S = 2.0
LONGEST_RETRY_S = 60.0
JOIN_S = 2.0
ENDED = "Adjuvant ended before"
OURS = (LedgerFault, ModelFault)  # no errand at all can be done: then the first is tried on

Errand = Callable[[], object]


class Errands:
    """Does one after the other, in a thread that begins with the first.

    Who asked was told that it will be done: what is given up is an alarm with its name, until it is
    asked for again and done.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._queue: queue.Queue[tuple[str, Errand]] = queue.Queue(CAPACITY)
        self._given_up: dict[str, str] = {}  # why, by name
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, name: str, errand: Errand) -> None:
        """Have it done soon. Raises Fault where too many wait already, and after the end."""
        if self._stop.is_set():
            raise Fault("nothing can be asked for now: try again")
        try:
            self._queue.put_nowait((name, errand))
        except queue.Full:
            raise Fault("too much is asked at once: try again") from None
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="adjuvant-errands", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Begin no other errand."""
        self._stop.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                name, errand = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            self._do(name, errand)
        self._tell_of_the_rest()

    def _do(self, name: str, errand: Errand) -> None:
        """One errand, until it is done, given up, or we are told to stop."""
        wait_s, attempts = RETRY_S, 0
        while (fault := _fault_of(errand)) is not None:
            attempts += 1
            if _is_final(fault, attempts):
                self._give_up(name, explain(fault))
                return
            if self._stop.wait(wait_s):
                self._give_up(name, f"{ENDED}: {explain(fault)}")
                return
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)
        if self._given_up.pop(name, None):
            self._tell()

    def _give_up(self, name: str, reason: str) -> None:
        self._given_up.pop(name, None)
        self._given_up[name] = reason
        self._around.log.error(f"what was asked for cannot be done: {name}: {reason}")
        self._tell()

    def _tell(self) -> None:
        """The alarm says how much is given up now."""
        if not self._given_up:
            self._around.health.settle(ALARM)
            return
        number, (name, reason) = len(self._given_up), list(self._given_up.items())[-1]
        what = f"{number} analyses that were asked for could not be begun, ask for them again"
        self._around.health.alarm(ALARM, f"{what}: the last is {name}: {reason}")

    def _tell_of_the_rest(self) -> None:
        """Nothing is left behind silently."""
        with suppress(queue.Empty):
            while True:
                self._give_up(self._queue.get_nowait()[0], ENDED)


def _fault_of(errand: Errand) -> Exception | None:
    try:
        errand()
    except Exception as fault:
        return fault
    return None


def _is_final(fault: Exception, attempts: int) -> bool:
    if isinstance(fault, OURS):
        return False
    return not isinstance(fault, Fault) or attempts >= ATTEMPTS
