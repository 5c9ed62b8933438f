"""From the end of C-STORE to results that can be read: `python -m benchmarks.latency`.

Draws docs/images/latency.svg.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from pydicom import Dataset

from benchmarks.common import (
    IMAGES,
    BenchmarkError,
    Figures,
    Scans,
    association,
    drawing,
    markdown,
    run_one,
    spread,
    store,
)
from deploy.client import Client
from deploy.serve import running_orthanc

WARM_UP = 5
SCANS = 300
POLL_S = 0.005
TIMEOUT_S = 60.0
PICTURE = IMAGES / "latency.svg"
REST = "noticing, ledger, and our own asking"
RESULT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",
}


def measure() -> Figures:
    """One scan after the other, each sent when the results of the one before are there."""
    scans = Scans()
    with tempfile.TemporaryDirectory() as folder, running_orthanc(Path(folder)) as server:
        client = Client(server.url)
        with association(server.dicom_port) as link:
            times = []
            for scan in scans.draw_many(WARM_UP + SCANS):
                store(link, scan)
                times.append(seconds_until_read(client, scan))
        steps = _steps(client)
        device = client.status()["device"]
    return _figures(spread(times[WARM_UP:]), steps, device)


def seconds_until_read(client: Client, scan: Dataset) -> float:
    """Until the SEG, the SC and the SR have been downloaded, which is what a viewer needs."""
    begun = perf_counter()
    study = client.find(scan.StudyInstanceUID)
    while perf_counter() - begun < TIMEOUT_S:
        found = client.json(f"/studies/{study}/instances")
        if len(found) == 1 + len(RESULT_CLASSES):
            others = [one["ID"] for one in found if not _is_source(one, scan)]
            for instance in others:
                client.get(f"/instances/{instance}/file")
            took = perf_counter() - begun
            _check(client, others)
            return took
        sleep(POLL_S)
    raise BenchmarkError(f"no results after {TIMEOUT_S:g} s")


def _is_source(instance: dict[str, Any], scan: Dataset) -> bool:
    return bool(instance["MainDicomTags"]["SOPInstanceUID"] == scan.SOPInstanceUID)


def _check(client: Client, instances: list[str]) -> None:
    path = "/instances/{}/metadata/SopClassUid"
    classes = {client.get(path.format(instance)).text for instance in instances}
    if classes != set(RESULT_CLASSES):
        raise BenchmarkError(f"these are not a SEG, an SC and an SR: {sorted(classes)}")


def _steps(client: Client) -> dict[str, float]:
    """Median of each step in ms, as the worker noted it, in the order in which they happen."""
    jobs = client.json(f"/adjuvant/jobs?state=done&limit={SCANS}")["jobs"]
    names = dict.fromkeys(name for job in jobs for name in job["steps_ms"])
    order = ["read", *(name for name in names if name not in ("read", "store")), "store"]
    return {
        name: round(float(np.median([job["steps_ms"][name] for job in jobs])), 2) for name in order
    }


def _figures(total: dict[str, float], steps: dict[str, float], device: str) -> Figures:
    shown = ("median", "p95", "p99", "maximum")
    summary = markdown(
        ["from the end of C-STORE", "median", "95th percentile", "99th percentile", "maximum"],
        [["SEG, SC and SR downloaded, ms", *(f"{total[k]:.0f}" for k in shown)]],
    )
    parts = {**steps, REST: round(total["median"] - sum(steps.values()), 2)}
    _draw(parts)
    shares = [
        [name, f"{ms:.1f}", f"{100 * ms / total['median']:.0f} %"] for name, ms in parts.items()
    ]
    text = (
        f"{summary}\n\n{int(total['n'])} scans of 256 x 256 pixels, one after the other, on"
        f" {device}.\nThe caller asks every {POLL_S * 1e3:.0f} ms.\nWhere the median goes:\n\n"
        "![Where the time of one scan goes](images/latency.svg)\n\n"
        + markdown(["step", "ms", "share"], shares)
    )
    values = {"total_ms": total, "steps_ms": steps, "device": device}
    return Figures("latency", "Latency: from the scan to its results", text, values)


def _draw(parts: dict[str, float]) -> None:
    """One bar, its parts in the order in which they happen."""
    with drawing(PICTURE, 1.9) as axes:
        left = 0.0
        for name, ms in parts.items():
            title = "the rest" if name == REST else name
            axes.barh(0, ms, left=left, label=f"{title} {ms:.0f}", edgecolor="white")
            left += ms
        axes.set(xlabel="ms", yticks=[], xlim=(0, left))
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.figure.legend(loc="outside upper center", ncols=4, frameon=False)


if __name__ == "__main__":
    run_one(measure)
