"""Figures for monitoring, handed to Orthanc's own `/tools/metrics-prometheus`.

A thread of its own looks every few seconds. It reads the ledger over a connection of its own and
calls Orthanc while it holds no lock of ours, so that nothing ever waits for a figure. Orthanc knows
metrics by their name only: labels are written as a part of it, as Prometheus shows them.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adjuvant.errors import explain
from adjuvant.job import STATES

if TYPE_CHECKING:
    from adjuvant.api import Desk

INTERVAL_S = 10.0
JOIN_S = 2.0
WINDOW = 500  # jobs that quantiles are taken over: the last ones
QUALITY_MINIMUM = 10  # of so few scans, a share says nothing
QUANTILES = (0.5, 0.9, 0.99)
HEALTH_STATES = ("starting", "ready", "degraded", "off")

# Name -> what it is, as docs/operations.md has it.
NAMES = {
    "adjuvant_state": "1 for the state that the status shows, 0 for the others",
    "adjuvant_info": "1; the labels are the versions",
    "adjuvant_model_info": "1 for each model in service; the labels say which",
    "adjuvant_paused": "1 while a person wants nothing to be read",
    "adjuvant_alarms": "alarms that stand",
    "adjuvant_jobs": "jobs in the ledger, by state",
    "adjuvant_oldest_queued_seconds": "age of the oldest job that waits; 0 where none waits",
    "adjuvant_last_success_seconds": "time since a scan was last read; absent before the first",
    "adjuvant_scans_total": "jobs that ended since the start, by state",
    "adjuvant_results_total": "results stored since the start, by kind",
    "adjuvant_refusals_total": "scans refused since the start, by code",
    "adjuvant_step_seconds": f"time per step over the last {WINDOW} scans read, as quantiles",
    "adjuvant_gland_seen_ratio": f"share of the last {WINDOW} scans read that show a gland",
    "adjuvant_gland_area_cm2": f"area of the gland in the last {WINDOW} scans read, as quantiles",
}

Figures = dict[str, float]
Publish = Callable[[str, float], None]


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
        """Look, and publish. A version that is not in service any more becomes 0."""
        figures = self.figures()
        gone = {name for name in self._published if "_info{" in name and name not in figures}
        for name, value in {**figures, **dict.fromkeys(gone, 0.0)}.items():
            self.publish(name, value)
        self._published |= set(figures)

    def figures(self) -> Figures:
        """Every metric with its labels, and its value now."""
        board = self.desk.health.snapshot()
        ledger = self.desk.ledger
        figures = dict(_of_board(board))
        if ledger is not None:
            with closing(sqlite3.connect(f"{ledger.path.as_uri()}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                self._read_ended(database)
                figures |= _of_queue(database, len(self.desk.inbox))
        figures |= {name: float(value) for name, value in self._totals.items()}
        return figures | dict(_of_window(self._window))

    def _read_ended(self, database: sqlite3.Connection) -> None:
        """Count the jobs that ended since the last look; the first fills the window."""
        if not self._window:
            last = database.execute(
                "SELECT * FROM jobs WHERE state='done' AND finished<=? "
                "ORDER BY finished DESC LIMIT ?",
                (self._since, WINDOW),
            )
            self._window.extend(_facts(row) for row in reversed(last.fetchall()))
        ended = database.execute(
            "SELECT * FROM jobs WHERE state IN ('done', 'refused', 'failed', 'cancelled') "
            "AND finished>? ORDER BY finished",
            (self._since,),
        )
        for row in ended:
            self._since = row["finished"]
            self._count(row)

    def _count(self, row: sqlite3.Row) -> None:
        self._totals[labelled("adjuvant_scans_total", state=row["state"])] += 1
        for result in json.loads(row["results"]):
            self._totals[labelled("adjuvant_results_total", kind=result["kind"])] += 1
        if row["state"] == "refused":
            code = row["code"] or "unknown"
            self._totals[labelled("adjuvant_refusals_total", code=code)] += 1
        if row["state"] == "done":
            self._window.append(_facts(row))


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


def labelled(metric: str, /, **labels: str | float) -> str:
    """A name with its labels in Prometheus' text format."""
    pairs = [f'{key}="{str(value).translate(_ESCAPED)}"' for key, value in labels.items()]
    return f"{metric}{{{','.join(pairs)}}}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that is not below `share` of them (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def _of_board(board: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for state in HEALTH_STATES:
        yield labelled("adjuvant_state", state=state), float(board["state"] == state)
    yield labelled("adjuvant_info", **board["versions"]), 1.0
    for model in board["models"]:
        labels = {"name": model["name"], "version": model["version"], "digest": model["digest"]}
        simulated = str(model["simulated"]).lower()
        yield labelled("adjuvant_model_info", **labels, simulated=simulated), 1.0
    yield "adjuvant_paused", float(board["paused"] is not None)
    yield "adjuvant_alarms", float(len(board["alarms"]))
    if board["last_success"] is not None:
        at = datetime.fromisoformat(board["last_success"]).timestamp()
        yield "adjuvant_last_success_seconds", max(time.time() - at, 0.0)


def _of_queue(database: sqlite3.Connection, arriving: int) -> Figures:
    rows = database.execute("SELECT state, COUNT(*) AS number FROM jobs GROUP BY state")
    counts = dict.fromkeys(STATES, 0) | {row["state"]: row["number"] for row in rows}
    counts["queued"] += arriving
    oldest = database.execute("SELECT MIN(created) FROM jobs WHERE state='queued'").fetchone()[0]
    figures = {labelled("adjuvant_jobs", state=s): float(n) for s, n in counts.items()}
    age = 0.0 if oldest is None else max(time.time() - oldest, 0.0)
    return {**figures, "adjuvant_oldest_queued_seconds": age}


def _facts(row: sqlite3.Row) -> dict[str, Any]:
    """What quantiles are taken of: seconds per step, and the gland."""
    steps = {name: ms / 1e3 for name, ms in json.loads(row["steps_ms"]).items()}
    summary = json.loads(row["summary"])
    steps["all"] = max(row["finished"] - row["started"], 0.0)
    steps["wait"] = max(row["started"] - row["created"], 0.0)
    return {
        "steps": steps,
        "seen": summary.get("gland_seen"),
        "area": summary.get("gland_area_cm2"),
    }


def _of_window(window: Sequence[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    for step in sorted({name for facts in window for name in facts["steps"]}):
        values = [facts["steps"][step] for facts in window if step in facts["steps"]]
        for share in QUANTILES:
            name = labelled("adjuvant_step_seconds", step=step, quantile=share)
            yield name, quantile(values, share)
    seen = [facts["seen"] for facts in window if facts["seen"] is not None]
    if len(seen) >= QUALITY_MINIMUM:
        yield "adjuvant_gland_seen_ratio", sum(seen) / len(seen)
    areas = [facts["area"] for facts in window if facts["area"] is not None]
    if len(areas) >= QUALITY_MINIMUM:
        for share in QUANTILES:
            yield labelled("adjuvant_gland_area_cm2", quantile=share), quantile(areas, share)


_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
