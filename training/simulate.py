"""Fill a folder with simulated cases, on several processes, with a progress bar."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TypeAlias

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
from training.phantom.distributions import mix_of
from training.phantom.simulator import SIMULATOR, simulate_case

CHUNK = 8
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RECIPE = "simulation.json"
Job: TypeAlias = tuple[Path, int, int, dict[str, float]]


def simulate(
    out: Path,
    n: int,
    seed: int,
    workers: int | None = None,
    shares: Mapping[str, float] | None = None,
) -> None:
    """Write cases 0 to n-1 of data set `seed` below `out`; cases that are there already are kept.

    `workers` processes (all cores by default), one BLAS thread each. `shares` of patients with some
    diseases, others than a thyroid clinic's (`training.phantom.distributions.mix_of`). Raises
    DatasetError when `out` holds a data set of another seed or other shares, or is to be extended
    and was begun by another version of the simulator, ValueError when n is below 1 or a share makes
    no sense.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    shares = dict(shares or {})
    diseases = mix_of(shares)
    (out / CASES).mkdir(parents=True, exist_ok=True)
    begun_by = _claim(out, seed, shares)
    remove_unfinished(out)
    stored = {path.stem for path in (out / CASES).glob("*.npz")}
    wanted = [(out, seed, number, diseases) for number in range(n)]
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
        if missing and begun_by != SIMULATOR:
            before = f"version {begun_by}" if begun_by else "a version before 3"
            raise DatasetError(
                f"{out} was begun by {before} of the simulator, and this is {SIMULATOR}: "
                "simulate all of it anew into another folder, or leave it as large as it is"
            )
        for entry in _run(missing, workers or os.cpu_count() or 1):
            entries.append(entry)
            progress.advance(task)
    write_index(out, entries)


def shares_of(texts: Sequence[str]) -> dict[str, float]:
    """`DISEASE=SHARE`, one by one. Raises ValueError naming what is written otherwise."""
    shares: dict[str, float] = {}
    for text in texts:
        disease, _, share = text.partition("=")
        try:
            number = float(share)
        except ValueError:
            raise ValueError(f'a share is written "cold nodule=0.4", got {text!r}') from None
        if disease in shares:
            raise ValueError(f"{disease!r} has two shares")
        shares[disease] = number
    return shares


def _claim(out: Path, seed: int, shares: dict[str, float]) -> int | None:
    """One folder, one seed: two data sets in one index would share no patients but look alike.

    Which version of the simulator began it: scans of two versions are of two physics. None where
    it is not told, as it was up to version 2.
    """
    path = out / RECIPE
    if not path.exists():
        wanted = {"seed": seed, "simulator": SIMULATOR} | ({"shares": shares} if shares else {})
        path.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
        return SIMULATOR
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("seed") != seed:
        raise DatasetError(f"{out} holds a data set of seed {found.get('seed')}, not of {seed}")
    if found.get("shares", {}) != shares:
        raise DatasetError(f"{out} holds patients of other shares: {found.get('shares', 'usual')}")
    version: int | None = found.get("simulator")
    return version


def _run(jobs: list[Job], workers: int) -> Iterator[Entry]:
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


def _one(job: Job) -> Entry:
    out, seed, number, diseases = job
    return write_case(out, simulate_case(seed, number, diseases))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )
