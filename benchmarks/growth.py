"""How it grows with the queue, the matrix, the frames and the cores: `python -m benchmarks.growth`.

The queue is filled while reading is paused. At each depth, a few scans are sent, a few read, and
the status is asked for: none of the three should take longer because thousands wait.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks.common import (
    IDLE_S,
    BenchmarkError,
    Figures,
    Scans,
    association,
    markdown,
    pause,
    resume,
    run_one,
    store,
    store_at_full_speed,
    wait_idle,
)
from benchmarks.memory import memory_mb
from deploy.client import Client
from deploy.demo import SEED, choose_case
from deploy.serve import Server, running_orthanc
from training.phantom.case import Case
from training.phantom.dicom import to_dicom_views

DEPTHS = (1, 10, 100, 1000, 10_000)
SIDES = (64, 128, 256, 512, 1024)
FRAMES = (1, 2, 4, 8, 16, 32, 60)
SENDERS = 8
FILLED_AT_ONCE = 1000
ASKED = 20
SENT = 20
READ = 20
READ_OF_EACH = 7
READ_BY_CORES = 60
ROUNDS_BY_CORES = 3
NOTICED_EVERY_S = 0.5
SETTLED_S = 10.0  # Orthanc still works on what came last
ASKED_EVERY_S = 0.1  # seldom: each answer takes time from what is measured

Row = dict[str, Any]


def measure() -> Figures:
    """Everything, on one Orthanc for the queue, one for the scans, and one for each core count."""
    case = choose_case(SEED)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        queue, restart_s = _queue(place / "queue")
        with running_orthanc(place / "scans") as server:
            for warm_up in (1, 2):
                _steps(server, [case] * warm_up)
            matrices = {side: _steps(server, [resized(case, side)]) for side in SIDES}
            frames = {number: _steps(server, [case] * number) for number in FRAMES}
        cores = _by_cores(place)
    return _figures(queue, restart_s, (matrices, frames), cores)


def resized(case: Case, side: int) -> Case:
    """The same gland in as many counts on another matrix: sums of pixels, or equal parts."""
    rows = case.counts.shape[0]
    if side <= rows:
        factor = rows // side
        counts = case.counts.reshape(side, factor, side, factor).sum(axis=(1, 3))
    else:
        counts = np.kron(case.counts, np.ones((side // rows,) * 2, case.counts.dtype))
    spacing = float(case.properties["spacing_mm"] or 1) * rows / side
    return replace(case, counts=counts, properties={**case.properties, "spacing_mm": spacing})


# The queue


def _queue(folder: Path) -> tuple[dict[int, Row], float]:
    """What was measured at each depth, and the seconds of a restart at the last of them."""
    with running_orthanc(folder) as server:
        client, scans, rows = Client(server.url), Scans(), dict[int, Row]()
        store_at_full_speed(server.dicom_port, scans.draw_many(READ), 1)
        wait_idle(client, READ)
        for depth in DEPTHS:
            rows[depth] = _at_depth(server, client, scans, depth)
    begun = perf_counter()
    with running_orthanc(folder):
        return rows, perf_counter() - begun


def _at_depth(server: Server, client: Client, scans: Scans, depth: int) -> Row:
    pause(client)
    while (missing := depth - _waiting(client)) > 0:
        batch = scans.draw_many(min(missing, FILLED_AT_ONCE))
        store_at_full_speed(server.dicom_port, batch, min(SENDERS, len(batch)))
        _wait_until_queued(client, depth - missing + len(batch))
    sleep(SETTLED_S)
    asked = []
    for _ in range(ASKED):
        begun = perf_counter()
        client.status()
        asked.append(perf_counter() - begun)
    with association(server.dicom_port) as link:
        sent = [store(link, scan) for scan in scans.draw_many(SENT)]
    _wait_until_queued(client, depth + SENT)
    return {
        "status_ms": round(median(asked) * 1e3, 1),
        "store_ms": round(median(sent) * 1e3, 1),
        "read_ms": round(_read_some(client, READ) * 1e3),
        "memory_mb": round(memory_mb("VmRSS", server.process.pid)),
    }


def _waiting(client: Client) -> int:
    return int(client.status()["queue"]["queued"])


def _wait_until_queued(client: Client, scans: int) -> None:
    """What was received has to be noticed before it waits."""
    deadline = perf_counter() + IDLE_S
    while _waiting(client) < scans:
        if perf_counter() > deadline:
            raise BenchmarkError(f"{_waiting(client)} scans wait, {scans} were sent")
        sleep(NOTICED_EVERY_S)


def _read_some(client: Client, scans: int) -> float:
    """Seconds a scan, from the first that was read to the last; paused before and afterwards."""
    first = _done(client)
    resume(client)
    begun, first_done = 0.0, 0
    while (done := _done(client) - first) < scans:
        if not first_done and done:
            begun, first_done = perf_counter(), done
        sleep(ASKED_EVERY_S)
    took = perf_counter() - begun
    pause(client)
    return took / (done - first_done)


def _done(client: Client) -> int:
    return int(client.status()["queue"]["done"])


# One scan, larger and larger


def _steps(server: Server, cases: list[Case]) -> dict[str, float]:
    """Median of each step in ms for a scan of these views, as the worker notes it."""
    client = Client(server.url)
    done = _done(client)
    template = to_dicom_views(cases)
    template.SeriesDescription = "Thyroid"  # instead of the names of all views
    scans = Scans(template).draw_many(READ_OF_EACH)
    with association(server.dicom_port) as link:
        for number, scan in enumerate(scans, start=1):
            store(link, scan)
            wait_idle(client, done + number)
    jobs = client.json(f"/adjuvant/jobs?state=done&limit={READ_OF_EACH}")["jobs"]
    names = dict.fromkeys(name for job in jobs for name in job["steps_ms"])
    steps = {name: round(median(job["steps_ms"][name] for job in jobs), 1) for name in names}
    return {**steps, "all": round(sum(steps.values()), 1)}


# Cores


@contextmanager
def _only(cores: int) -> Iterator[None]:
    """What is started meanwhile has so many cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:cores]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _by_cores(place: Path) -> dict[int, float]:
    """Number of cores -> scans read a second (median), measured in turn."""
    numbers = sorted({1, len(os.sched_getaffinity(0))})
    rates: dict[int, list[float]] = {cores: [] for cores in numbers}
    for number in range(ROUNDS_BY_CORES):
        for cores, measured in rates.items():
            measured.append(_per_second(place / f"cores{cores}-{number}", cores))
    return {cores: median(measured) for cores, measured in rates.items()}


def _per_second(folder: Path, cores: int) -> float:
    """Scans read a second, nobody sending meanwhile."""
    with _only(cores), running_orthanc(folder) as server:
        client, scans = Client(server.url), Scans()
        pause(client)
        store_at_full_speed(server.dicom_port, scans.draw_many(READ_BY_CORES), 1)
        _wait_until_queued(client, READ_BY_CORES)
        _read_some(client, 5)
        return 1 / _read_some(client, READ_BY_CORES - 10)


# Figures


def _figures(
    queue: dict[int, Row],
    restart_s: float,
    scans: tuple[dict[int, dict[str, float]], dict[int, dict[str, float]]],
    cores: dict[int, float],
) -> Figures:
    matrices, frames = scans
    deepest = max(queue)
    depths = markdown(
        ["scans waiting", *(f"{depth:,}" for depth in queue)],
        [
            [title, *(f"{row[key]:g}" for row in queue.values())]
            for title, key in (
                ("C-STORE of one more, ms (median)", "store_ms"),
                ("status, ms (median)", "status_ms"),
                ("one scan read, ms (mean)", "read_ms"),
                ("resident memory, MB", "memory_mb"),
            )
        ],
    )
    text = (
        f"{depths}\n\nScans of 256 x 256 pixels; {SENT} were sent, {READ} read and {ASKED} statuses"
        f" asked for at each depth. With {deepest:,} waiting, Orthanc stopped and was ready to read"
        f" again in {restart_s:.1f} s.\n\n{_table('matrix', matrices, '{0} x {0}')}\n\n"
        f"{_table('frames', frames, '{0}')}\n\nMedians of {READ_OF_EACH} scans, ms, as the worker"
        " notes them; of one frame in the first table, of 256 x 256 pixels in the second.\n\n"
        + markdown(
            ["cores", *map(str, cores)],
            [["scans read a second", *(f"{one:.1f}" for one in cores.values())]],
        )
        + f"\n\nMedians of {ROUNDS_BY_CORES} rounds in turn. One worker reads one scan after"
        " another and waits while Orthanc stores: it gains nothing from more cores, which are left"
        " for Orthanc and its users."
    )
    values = {
        "queue": queue,
        "restart_s": round(restart_s, 1),
        "matrix_ms": matrices,
        "frames_ms": frames,
        "scans_per_second": {str(n): round(one, 2) for n, one in cores.items()},
    }
    return Figures("growth", "How it grows", text, values)


def _table(title: str, columns: dict[int, dict[str, float]], head: str) -> str:
    names = list(next(iter(columns.values())))
    rows = [[name, *(f"{one.get(name, 0):.0f}" for one in columns.values())] for name in names]
    return markdown([title, *(head.format(number) for number in columns)], rows)


if __name__ == "__main__":
    run_one(measure)
