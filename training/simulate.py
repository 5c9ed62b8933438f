"""Fill a folder with simulated cases, on several processes, with a progress bar."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.dataset import (
    CASES,
    DatasetError,
    Entry,
    read_entry,
    remove_unfinished,
    write_case,
    write_index,
)
from training.phantom.simulator import simulate_case

CHUNK = 8
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RECIPE = "simulation.json"


def simulate(out: Path, n: int, seed: int, workers: int | None = None) -> None:
    """Write cases 0 to n-1 of data set `seed` below `out`; cases that are there already are kept.

    `workers` processes (all cores by default), one BLAS thread each. Raises DatasetError when
    `out` holds a data set of another seed, ValueError when n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    (out / CASES).mkdir(parents=True, exist_ok=True)
    _claim(out, seed)
    remove_unfinished(out)
    stored = {path.stem for path in (out / CASES).glob("*.npz")}
    wanted = [(out, seed, number) for number in range(n)]
    with _progress() as progress:
        task = progress.add_task("simulating", total=n)
        entries = []
        missing = []
        for job in wanted:
            case_id = f"s{seed}-c{job[2]:06d}"
            if case_id in stored:
                entries.append(read_entry(out, case_id))
                progress.advance(task)
            else:
                missing.append(job)
        for entry in _run(missing, workers or os.cpu_count() or 1):
            entries.append(entry)
            progress.advance(task)
    write_index(out, entries)


def _claim(out: Path, seed: int) -> None:
    """One folder, one seed: two data sets in one index would share no patients but look alike."""
    path = out / RECIPE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8")).get("seed")
        if found != seed:
            raise DatasetError(f"{out} holds a data set of seed {found}, not of {seed}")
        return
    path.write_text(json.dumps({"seed": seed}) + "\n", encoding="utf-8")


def _run(jobs: list[tuple[Path, int, int]], workers: int) -> Iterator[Entry]:
    if not jobs:
        return
    before = {name: os.environ.get(name) for name in THREAD_SETTINGS}
    # Read by BLAS when a worker starts: more threads than cores make it many times slower.
    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
            yield from pool.map(_one, jobs, chunksize=CHUNK)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _end_with_parent() -> None:
    """In a worker: a parent that is killed cannot end it, and it would wait for work for ever."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one(job: tuple[Path, int, int]) -> Entry:
    out, seed, number = job
    return write_case(out, simulate_case(seed, number))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )
