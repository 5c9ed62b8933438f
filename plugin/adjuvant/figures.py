"""What is known turned into figures for monitoring: names with their labels, and values."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adjuvant.job import STATES
from adjuvant.routing.outbox import STATES as SENDING_STATES
from adjuvant.shadow_tally import Tally

QUALITY_MINIMUM = 10  # of so few scans, a share says nothing
QUANTILES = (0.5, 0.9, 0.99)
HEALTH_STATES = ("starting", "ready", "standby", "degraded", "off")
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Figures = dict[str, float]


def labelled(metric: str, /, **labels: str | float) -> str:
    """A name with its labels in Prometheus' text format."""
    pairs = [f'{key}="{str(value).translate(_ESCAPED)}"' for key, value in labels.items()]
    return f"{metric}{{{','.join(pairs)}}}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that is not below `share` of them (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def of_board(board: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Of what the status shows."""
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
        yield "adjuvant_last_success_seconds", _age(board["last_success"])


def of_queue(database: sqlite3.Connection, arriving: int) -> Figures:
    """Of the jobs in the ledger; `arriving` are scans that have none yet."""
    rows = database.execute("SELECT state, COUNT(*) AS number FROM jobs GROUP BY state")
    counts = dict.fromkeys(STATES, 0) | {row["state"]: row["number"] for row in rows}
    counts["queued"] += arriving
    oldest = database.execute("SELECT MIN(created) FROM jobs WHERE state='queued'").fetchone()[0]
    figures = {labelled("adjuvant_jobs", state=s): float(n) for s, n in counts.items()}
    age = 0.0 if oldest is None else max(time.time() - oldest, 0.0)
    return {**figures, "adjuvant_oldest_queued_seconds": age}


def facts(row: sqlite3.Row) -> dict[str, Any]:
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


def of_window(window: Sequence[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Of the `facts` of the last scans read."""
    for step in sorted({name for one in window for name in one["steps"]}):
        values = [one["steps"][step] for one in window if step in one["steps"]]
        for share in QUANTILES:
            name = labelled("adjuvant_step_seconds", step=step, quantile=share)
            yield name, quantile(values, share)
    seen = [one["seen"] for one in window if one["seen"] is not None]
    if len(seen) >= QUALITY_MINIMUM:
        yield "adjuvant_gland_seen_ratio", sum(seen) / len(seen)
    areas = [one["area"] for one in window if one["area"] is not None]
    if len(areas) >= QUALITY_MINIMUM:
        for share in QUANTILES:
            yield labelled("adjuvant_gland_area_cm2", quantile=share), quantile(areas, share)


def of_routes(destinations: Sequence[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Of the routes as REST shows them."""
    for one in destinations:
        name = one["name"]
        yield labelled("adjuvant_route_ok", route=name), float(one["state"] == "ok")
        for state in SENDING_STATES:
            yield labelled("adjuvant_route_objects", route=name, state=state), float(one[state])
        yield labelled("adjuvant_route_oldest_seconds", route=name), _age(one["oldest_waiting"])


def of_shadows(shadows: Mapping[str, tuple[str, Tally | None]]) -> Iterator[tuple[str, float]]:
    """Of the candidates that run silently: sums, so that whoever looks forms means of any time."""
    for model, (version, known) in shadows.items():
        tally = known or Tally("", "", version, "", None)
        yield labelled("adjuvant_shadow_info", model=model, version=version), 1.0
        ends = {"compared": tally.scans, "failed": tally.failed, "skipped": tally.skipped}
        for end, number in ends.items():
            yield labelled("adjuvant_shadow_scans_total", model=model, end=end), float(number)
        yield labelled("adjuvant_shadow_dice_sum", model=model), tally.dice
        yield labelled("adjuvant_shadow_dice_count", model=model), float(tally.glands)
        for change, number in (("gained", tally.nodules_gained), ("lost", tally.nodules_lost)):
            name = labelled("adjuvant_shadow_nodules_total", model=model, change=change)
            yield name, float(number)
        for side, ms in (("active", tally.active_ms), ("candidate", tally.candidate_ms)):
            yield labelled("adjuvant_shadow_seconds_total", model=model, side=side), ms / 1e3


def _age(since: str | None) -> float:
    """Seconds since a time as REST shows it; 0 where there is none."""
    return max(time.time() - datetime.fromisoformat(since).timestamp(), 0.0) if since else 0.0
