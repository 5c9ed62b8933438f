"""Work that may hang, in a thread that can be given up.

A thread that hangs in TensorFlow or in a decoder cannot be ended from outside, and it may come
back much later. So it is given nothing to do harm with: it computes, and hands over what it
computed only to somebody who still waits. Nobody waits any more: what it has comes to nothing.
What hangs keeps its memory, so that only a few are left hanging before we stop and say so. (A
thread that hangs and holds the interpreter stops us altogether; no thread of ours can help then.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from adjuvant.errors import AdjuvantError, Fault

MOST_ABANDONED = 3
STOP_PATIENCE_S = 5.0  # Orthanc waits for us a little longer when it stops (main.JOIN_S)
LOOK_S = 0.1

Answer = TypeVar("Answer")


class Hung(Fault):
    """The work did not end within its limit, and was given up."""


class Stopping(AdjuvantError):
    """The work did not end soon enough after we were told to stop."""


class Watchdog:
    """Has work done in a thread of its own, a new one after each that was given up.

    To be used by one thread; `abandoned` may be asked by any.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._hand: _Hand | None = None
        self._given_up: list[_Hand] = []

    @property
    def abandoned(self) -> int:
        """How many threads were given up and still hang."""
        self._given_up = [hand for hand in self._given_up if hand.is_alive()]
        return len(self._given_up)

    @property
    def stopping(self) -> bool:
        """True where we were told to stop."""
        return self._stop.is_set()

    @property
    def exhausted(self) -> bool:
        """True where so many threads hang that no further one may be risked."""
        return self.abandoned >= MOST_ABANDONED

    def call(self, work: Callable[[], Answer], limit_s: float) -> Answer:
        """What `work` returns or raises.

        Raises Hung after `limit_s`, Stopping where it lasts too long after a stop.
        """
        if self._hand is None:
            self._hand = _Hand()
            self._hand.start()
        call = _Call(work)
        self._hand.calls.put(call)
        try:
            self._wait(call, limit_s)
        except (Hung, Stopping):
            self._given_up.append(self._hand)
            self._hand.calls.put(None)
            self._hand = None
            raise
        return call.answer()

    def close(self) -> None:
        """Let the thread end."""
        if self._hand is not None:
            self._hand.calls.put(None)
            self._hand = None

    def _wait(self, call: _Call[Any], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        stop_end: float | None = None
        while not call.done.wait(LOOK_S):
            now = time.monotonic()
            if stop_end is None and self._stop.is_set():
                stop_end = now + STOP_PATIENCE_S
            if stop_end is not None and now >= stop_end:
                raise Stopping
            if now >= end:
                raise Hung(f"nothing came of it within {limit_s:g} s: it was given up")


class _Call(Generic[Answer]):
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._answers: list[Answer] = []
        self._fault: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._answers.append(self._work())
        except BaseException as fault:  # raised where the answer is wanted
            self._fault = fault
        self.done.set()

    def answer(self) -> Answer:
        if self._fault is not None:
            raise self._fault
        return self._answers[0]


class _Hand(threading.Thread):
    """Does one call after the other, until it finds None."""

    def __init__(self) -> None:
        super().__init__(name="adjuvant-hand", daemon=True)
        self.calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()

    def run(self) -> None:
        while (call := self.calls.get()) is not None:
            call.run()
            del call  # with its answer, which may be large
