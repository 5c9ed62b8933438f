"""Figures for monitoring, handed to Orthanc's own `/tools/metrics-prometheus`.

A thread of its own looks every few seconds. It reads the ledger over a connection of its own and
calls Orthanc while it holds no lock of ours, so that nothing ever waits for a figure. Orthanc knows
metrics by their name only: labels are written as a part of it, as Prometheus shows them.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjuvant.errors import Fault, explain
from adjuvant.figures import (
    Figures,
    facts,
    labelled,
    of_board,
    of_queue,
    of_routes,
    of_shadows,
    of_window,
)
from adjuvant.sqlite_file import keep_inside

if TYPE_CHECKING:
    from adjuvant.api import Desk

INTERVAL_S = 10.0
JOIN_S = 2.0
WINDOW = 500  # jobs that quantiles are taken over: the last ones

# Name -> what it is, as docs/operations.md has it.
NAMES = {
    "adjuvant_state": "1 for the state that the status shows, 0 for the others",
    "adjuvant_info": "1; the labels are the versions",
    "adjuvant_model_info": "1 for each model in service; the labels say which",
    "adjuvant_paused": "1 while a person wants nothing to be read",
    "adjuvant_alarms": "alarms that stand, as the status shows them",
    "adjuvant_jobs": "jobs in the ledger, by state",
    "adjuvant_oldest_queued_seconds": "age of the oldest job that waits; 0 where none waits",
    "adjuvant_last_success_seconds": "time since a scan was last read; absent before the first",
    "adjuvant_scans_total": "jobs that ended since the start, by state",
    "adjuvant_results_total": "results stored since the start, by kind",
    "adjuvant_refusals_total": "scans refused since the start, by code",
    "adjuvant_step_seconds": f"time per step over the last {WINDOW} scans read, as quantiles",
    "adjuvant_gland_seen_ratio": f"share of the last {WINDOW} scans read that show a gland",
    "adjuvant_gland_area_cm2": f"area of the gland in the last {WINDOW} scans read, as quantiles",
    "adjuvant_route_ok": "1 for a route whose destination answers; 0: it is down or unusable",
    "adjuvant_route_objects": "objects on the list of each route, by state",
    "adjuvant_route_oldest_seconds": "age of the oldest object that a route has not sent, or 0",
    "adjuvant_shadow_info": "1 for each candidate that runs as a shadow; the labels say which",
    "adjuvant_shadow_scans_total": "scans of the shadow: compared, failed, skipped",
    "adjuvant_shadow_dice_sum": "sum of the Dice coefficients of shadow and active version",
    "adjuvant_shadow_dice_count": "number of these coefficients",
    "adjuvant_shadow_nodules_total": "nodules that the shadow gained or lost",
    "adjuvant_shadow_seconds_total": "time that active and candidate took for what was compared",
}

Publish = Callable[[str, float], None]
ENDS = re.compile("adjuvant_(info|model_info|shadow_)")


@dataclass
class Metrics:
    """Counts what ends, and publishes. `run` returns when `stop` is set."""

    desk: Desk
    publish: Publish
    stop: threading.Event
    _since: float = field(default_factory=time.time)
    _totals: Counter[str] = field(default_factory=Counter)
    _window: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _published: set[str] = field(default_factory=set)
    _ahead: frozenset[tuple[int, float]] = frozenset()

    def run(self) -> None:
        """Publish every few seconds; a fault is a line in the log, and the next look goes on."""
        said = ""
        while not self.stop.wait(INTERVAL_S if self._published or said else 0):
            try:
                self.refresh()
                said = ""
            except Exception as fault:
                text = f"metrics are not refreshed: {explain(fault)}"
                if text != said:
                    self.desk.log.warning(text)
                said = text

    def refresh(self) -> None:
        """Look, and publish. What is not in service any more becomes 0: Orthanc forgets nothing."""
        figures = self.figures()
        gone = {name for name in self._published if name not in figures and ENDS.match(name)}
        for name, value in {**figures, **dict.fromkeys(gone, 0.0)}.items():
            self.publish(name, value)
        self._published |= set(figures)

    def figures(self) -> Figures:
        """Every metric with its labels, and its value now."""
        board = self.desk.health.snapshot()
        ledger = self.desk.ledger
        figures = dict(of_board(board))
        if ledger is not None:
            with closing(sqlite3.connect(f"{ledger.path.as_uri()}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                keep_inside(database)
                self._read_ended(database)
                figures |= of_queue(database, len(self.desk.inbox))
            # As the status has it: what failed for good is one alarm.
            figures["adjuvant_alarms"] += figures[labelled("adjuvant_jobs", state="failed")] > 0
        figures |= {**self._of_routes(), **self._of_shadows()}
        figures |= {name: float(value) for name, value in self._totals.items()}
        return figures | dict(of_window(self._window))

    def _of_routes(self) -> Figures:
        """Nothing as long as the list of what is to be sent cannot be used: that is an alarm."""
        routing = self.desk.routing
        try:
            return {} if routing is None else dict(of_routes(routing.status()))
        except Fault:
            return {}

    def _of_shadows(self) -> Figures:
        models = self.desk.models
        return {} if models is None else dict(of_shadows(models.shadows()))

    def _read_ended(self, database: sqlite3.Connection) -> None:
        """Count the jobs that ended since the last look; the first fills the window."""
        if not self._window:
            last = database.execute(
                "SELECT * FROM jobs WHERE state='done' AND finished<=? "
                "ORDER BY finished DESC LIMIT ?",
                (self._since, WINDOW),
            )
            self._window.extend(facts(row) for row in reversed(last.fetchall()))
        ended = database.execute(
            "SELECT * FROM jobs WHERE state IN ('done', 'refused', 'failed', 'cancelled') "
            "AND finished>? ORDER BY finished",
            (self._since,),
        )
        for row in ended.fetchall():
            self._since = row["finished"]
            if (row["id"], row["finished"]) not in self._ahead:
                self._count(row)
        self._follow_clock(database)

    def _follow_clock(self, database: sqlite3.Connection) -> None:
        """What was counted may lie ahead of a clock that was set back: what ends next does not."""
        now = time.time()
        if self._since > now:
            self._since = now
            ahead = database.execute("SELECT id, finished FROM jobs WHERE finished>?", (now,))
            self._ahead = frozenset((row["id"], row["finished"]) for row in ahead)

    def _count(self, row: sqlite3.Row) -> None:
        self._totals[labelled("adjuvant_scans_total", state=row["state"])] += 1
        for result in json.loads(row["results"]):
            self._totals[labelled("adjuvant_results_total", kind=result["kind"])] += 1
        if row["state"] == "refused":
            code = row["code"] or "unknown"
            self._totals[labelled("adjuvant_refusals_total", code=code)] += 1
        if row["state"] == "done":
            self._window.append(facts(row))


@contextmanager
def publishing(desk: Desk, publish: Publish | None, stop: threading.Event) -> Iterator[None]:
    """Publish until `stop` is set, where there is anybody to publish to."""
    if publish is None:
        yield
        return
    metrics = Metrics(desk, publish, stop)
    thread = threading.Thread(target=metrics.run, name="adjuvant-metrics", daemon=True)
    thread.start()
    yield
    if stop.is_set():  # Orthanc ends: nobody may call it any more
        thread.join(JOIN_S)
