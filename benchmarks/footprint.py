"""How soon Orthanc answers, and how much memory it takes: `python -m benchmarks.footprint`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.common import (
    WITHOUT_PLUGIN,
    Figures,
    Scans,
    markdown,
    run_one,
    spread,
    store_all,
    wait_idle,
)
from benchmarks.memory import memory_mb
from deploy.client import Client, ClientError
from deploy.serve import Server, running_orthanc, start, wait_until_ready, write_configuration

STARTS = 7
SCANS = 200
SENDERS = 4
SIDES: dict[str, Mapping[str, Any]] = {"without": WITHOUT_PLUGIN, "with": {}}


def measure() -> Figures:
    """Starts in turn with and without the plugin, then memory when idle and after work."""
    first: dict[str, list[float]] = {side: [] for side in SIDES}
    ready = []
    for number in range(STARTS):
        for side in sorted(SIDES, reverse=bool(number % 2)):
            answer, warm = _start(SIDES[side], wait_ready=side == "with")
            first[side].append(answer)
            ready += [warm] if side == "with" else []
    memory = {side: _memory(side) for side in SIDES}
    return _figures({side: spread(times) for side, times in first.items()}, spread(ready), memory)


def _start(overrides: Mapping[str, Any], *, wait_ready: bool) -> tuple[float, float]:
    """Seconds from the start of the process to its first answer, and until scans are read."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_configuration(
            data=Path(folder), http_port=0, dicom_port=0, overrides=overrides
        )
        begun = perf_counter()
        server = start(path)
        try:
            client = Client(server.url)
            while not _answers(client, server):
                pass
            answer = perf_counter() - begun
            if wait_ready:
                wait_until_ready(server)
            return answer, perf_counter() - begun
        finally:
            server.stop()


def _answers(client: Client, server: Server) -> bool:
    server.process.poll()
    try:
        client.get("/system")
    except ClientError:
        return False
    return True


def _memory(side: str) -> dict[str, float]:
    """Resident memory in MB: once ready, after many scans, and the most it ever was."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_orthanc(Path(folder), overrides=SIDES[side], wait_ready=side == "with") as server,
    ):
        idle = memory_mb("VmRSS", server.process.pid)
        store_all(server.dicom_port, Scans().draw_many(SCANS), SENDERS)
        if side == "with":
            wait_idle(Client(server.url), SCANS)
        return {
            "ready": idle,
            "after": memory_mb("VmRSS", server.process.pid),
            "most": memory_mb("VmHWM", server.process.pid),
        }


def _figures(
    first: dict[str, dict[str, float]], ready: dict[str, float], memory: dict[str, dict[str, float]]
) -> Figures:
    rows: list[list[object]] = [
        ["first answer over HTTP, ms (median)", *(f"{first[s]['median']:.0f}" for s in SIDES)],
        ["scans are read, ms (median)", "not at all", f"{ready['median']:.0f}"],
        ["resident memory when ready, MB", *(f"{memory[s]['ready']:.0f}" for s in SIDES)],
        [f"after {SCANS} scans, MB", *(f"{memory[s]['after']:.0f}" for s in SIDES)],
        ["the most it ever was, MB", *(f"{memory[s]['most']:.0f}" for s in SIDES)],
    ]
    table = markdown(["the Orthanc process", "without", "with the plugin"], rows)
    text = f"{table}\n\n{STARTS} starts of each, in turn, with an empty storage."
    values = {"first_answer_ms": first, "ready_ms": ready, "memory_mb": memory}
    return Figures("footprint", "Start and memory", text, values)


if __name__ == "__main__":
    run_one(measure)
