"""What is asked for by somebody who cannot wait for Orthanc to answer us: done a moment later.

While a Lua script of Orthanc runs, Orthanc answers no HTTP request at all: each of them first asks
Lua whether it is let in. A script that asks us for something would wait for us, and we for Orthanc.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from adjuvant.errors import Fault, explain
from adjuvant.health import Log

CAPACITY = 1000
ATTEMPTS = 5
RETRY_S = 2.0
JOIN_S = 2.0

Errand = Callable[[], object]


class Errands:
    """Does one after the other, in a thread that begins with the first."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._queue: queue.Queue[Errand] = queue.Queue(CAPACITY)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, errand: Errand) -> None:
        """Have it done soon. Raises Fault where too many wait already."""
        try:
            self._queue.put_nowait(errand)
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
                errand = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            self._do(errand)

    def _do(self, errand: Errand) -> None:
        for attempt in range(ATTEMPTS):
            try:
                errand()
                return
            except Exception as fault:
                said = explain(fault)
                if not isinstance(fault, Fault) or attempt == ATTEMPTS - 1:
                    self._log.error(f"what was asked for cannot be done: {said}")
                    return
            if self._stop.wait(RETRY_S):
                return
