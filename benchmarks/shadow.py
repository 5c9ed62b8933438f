"""What a shadow costs the scans that are read meanwhile: `python -m benchmarks.shadow`.

One Orthanc; rounds with a candidate and without one in turn, so that whatever the machine does
meanwhile hits both. The candidate is the released model under another version.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from random import Random
from time import perf_counter, sleep
from typing import Any

from pynetdicom.association import Association

from benchmarks.common import (
    BenchmarkError,
    Figures,
    Scans,
    association,
    in_service,
    markdown,
    run_one,
    spread,
    store,
)
from benchmarks.latency import seconds_until_read
from deploy.client import Client
from deploy.serve import running_orthanc

ROUNDS = 20
SCANS_OF_A_ROUND = 6
# Scans come at any moment of what the candidate does, also while it computes.
LONGEST_PAUSE_S = 0.6
CANDIDATE = "0.0.1"
COMPARED_S = 120.0
SIDES = {"without": "no shadow", "with": "a shadow reads as well"}


def measure() -> Figures:
    """From the end of C-STORE to the results, with and without a candidate."""
    scans, times = Scans(), {side: list[float]() for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        models = _with_candidate(Path(folder) / "models")
        section = {"Adjuvant": {"ModelsDirectory": str(models)}}
        with running_orthanc(Path(folder) / "data", overrides=section) as server:
            client = Client(server.url)
            with association(server.dicom_port) as link:
                for number in range(-1, ROUNDS):  # the first of each is not measured
                    for side in sorted(SIDES, reverse=bool(number % 2)):
                        _choose(client, CANDIDATE if side == "with" else None)
                        taken = _round(client, link, scans, number)
                        times[side] += taken if number >= 0 else []
                        _wait_until_compared(client)
            _choose(client, CANDIDATE)
            compared = client.json("/adjuvant/models/thyroid/shadow")["comparison"]["scans"]
    return _figures({side: spread(each) for side, each in times.items()}, compared)


def _with_candidate(models: Path) -> Path:
    """The version that is in service, and the same network under another version."""
    released, candidate = in_service(), models / "thyroid" / CANDIDATE
    shutil.copytree(released, models / "thyroid" / released.name)
    shutil.copytree(released, candidate)
    contract = json.loads((candidate / "model.json").read_text())
    (candidate / "model.json").write_text(json.dumps({**contract, "version": CANDIDATE}))
    return models


def _choose(client: Client, version: str | None) -> None:
    if client.json("/adjuvant/models/thyroid/shadow")["shadow"] != version:
        client.post("/adjuvant/models/thyroid/shadow", {"Version": version})


def _round(client: Client, link: Association, scans: Scans, number: int) -> list[float]:
    """The same pauses on both sides of a round."""
    pauses, times = Random(number), []
    for scan in scans.draw_many(SCANS_OF_A_ROUND):
        sleep(pauses.uniform(0, LONGEST_PAUSE_S))
        store(link, scan)
        times.append(seconds_until_read(client, scan))
    return times


def _wait_until_compared(client: Client) -> None:
    """Nothing of one round is left for the next."""
    deadline = perf_counter() + COMPARED_S
    while client.json("/adjuvant/models/thyroid/shadow")["waiting"]:
        if perf_counter() > deadline:
            raise BenchmarkError(f"the shadow has not compared everything in {COMPARED_S:g} s")
        sleep(0.05)


def _figures(sides: dict[str, dict[str, float]], compared: int) -> Figures:
    keys = ("median", "p95", "maximum")
    rows = [[title, *(f"{sides[side][key]:.0f}" for key in keys)] for side, title in SIDES.items()]
    ratio = round(sides["with"]["median"] / sides["without"]["median"], 3)
    head = ["results downloaded, ms", "median", "95th percentile", "maximum"]
    text = (
        f"{markdown(head, rows)}\n\nRatio of the medians: {ratio:.2f}. {int(sides['with']['n'])}"
        f" scans on each side, {SCANS_OF_A_ROUND} with a shadow and {SCANS_OF_A_ROUND} without in"
        f" turn, at random moments up to {LONGEST_PAUSE_S:g} s apart; {compared} scans were"
        " compared by a candidate of the same size, mostly while others came."
    )
    values: dict[str, Any] = {"sides_ms": sides, "ratio": ratio, "compared": compared}
    return Figures("shadow", "What a shadow costs", text, values)


if __name__ == "__main__":
    run_one(measure)
