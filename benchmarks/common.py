"""What every benchmark shares: scans to send, an association, figures, and where they go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association

from deploy.client import Client, storescu
from deploy.demo import SEED, choose_case
from deploy.serve import ROOT
from training.phantom.dicom import to_dicom

FIGURES = ROOT / "docs" / "benchmarks"
IMAGES = ROOT / "docs" / "images"
# Orthanc with everything but our script: what "without the plugin" means.
WITHOUT_PLUGIN = {"PythonScript": None}
IDLE_S = 300.0


class BenchmarkError(Exception):
    """A figure cannot be measured; the text is one line."""


@dataclass(frozen=True)
class Figures:
    """One page of results: a table of markdown, sentences, and the raw values for machines."""

    name: str
    title: str
    text: str
    values: dict[str, Any]


def in_service(model: str = "thyroid") -> Path:
    """The folder of the version that orthanc.json puts in service."""
    configured = json.loads((ROOT / "orthanc.json").read_text())
    return ROOT / "models" / model / str(configured["Adjuvant"]["Models"][model])


class Scans:
    """Ever new patients with one scan: an everyday one of 256 x 256 pixels and one frame."""

    def __init__(self, template: Dataset | None = None) -> None:
        """`template`: another scan than the everyday one."""
        self._template = to_dicom(choose_case(SEED)) if template is None else template

    def draw(self) -> Dataset:
        """The scan under new identifiers."""
        scan = deepcopy(self._template)
        scan.PatientID = generate_uid(prefix=None)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(scan, keyword, generate_uid())
        return scan

    def draw_many(self, n: int) -> list[Dataset]:
        """`n` scans of `n` patients."""
        return [self.draw() for _ in range(n)]


@contextmanager
def association(dicom_port: int) -> Iterator[Association]:
    """An open association for NM images; raises BenchmarkError where Orthanc refuses one."""
    entity = AE(ae_title="BENCHMARK")
    entity.add_requested_context(NuclearMedicineImageStorage, ExplicitVRLittleEndian)
    link = entity.associate("127.0.0.1", dicom_port, ae_title="ADJUVANT")
    if not link.is_established:
        raise BenchmarkError(f"no association with port {dicom_port}")
    try:
        yield link
    finally:
        link.release()


def store(link: Association, scan: Dataset) -> float:
    """Seconds that one C-STORE takes, until its answer has come."""
    begun = perf_counter()
    status = link.send_c_store(scan)
    took = perf_counter() - begun
    if not status or status.Status != 0:
        raise BenchmarkError(f"C-STORE was answered with {status}")
    return took


def store_all(dicom_port: int, scans: Sequence[Dataset], senders: int) -> tuple[float, list[float]]:
    """Send from so many senders at once: seconds in all, seconds of each C-STORE."""

    def send(part: Sequence[Dataset]) -> list[float]:
        with association(dicom_port) as link:
            return [store(link, scan) for scan in part]

    begun = perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        parts = list(pool.map(send, [scans[n::senders] for n in range(senders)]))
    return perf_counter() - begun, [took for part in parts for took in part]


def store_at_full_speed(
    dicom_port: int,
    scans: Sequence[Dataset],
    senders: int,
    begin: Callable[[], object] = lambda: None,
) -> float:
    """Send with so many of DCMTK's storescu at once, each over one association: seconds in all.

    They are quicker than Orthanc is, so that it is Orthanc that is measured. `begin` is called when
    all is ready to be sent.
    """
    command = [storescu(), "-aec", "ADJUVANT", "localhost", str(dicom_port), "+sd"]
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / str(number) for number in range(senders)]
        for number, part in enumerate(parts):
            part.mkdir()
            for place, scan in enumerate(scans[number::senders]):
                scan.save_as(part / f"{place}.dcm", enforce_file_format=True)
        begin()
        begun = perf_counter()
        processes = [subprocess.Popen([*command, str(part)]) for part in parts]
        codes = [process.wait() for process in processes]
        took = perf_counter() - begun
    if any(codes):
        raise BenchmarkError(f"storescu ended with {codes}")
    return took


def pause(client: Client) -> None:
    """Let the worker end what it reads and read nothing more."""
    client.post("/adjuvant/pause", {})
    while client.status()["queue"]["running"]:
        sleep(0.05)


def resume(client: Client) -> None:
    """Let the worker read."""
    client.post("/adjuvant/resume", {})


def wait_idle(client: Client, done: int) -> None:
    """Wait until so many jobs are done and none is left; raises BenchmarkError if some failed."""
    deadline = perf_counter() + IDLE_S
    while True:
        queue = client.status()["queue"]
        if queue["failed"] or queue["refused"]:
            raise BenchmarkError(f"scans without a result: {queue}")
        if queue["done"] >= done and not queue["queued"] and not queue["running"]:
            return
        if perf_counter() > deadline:
            raise BenchmarkError(f"not done after {IDLE_S:g} s: {queue}")
        sleep(0.05)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and maximum, in ms."""
    values = np.asarray(seconds) * 1e3
    return {
        "n": len(values),
        "median": round(float(np.median(values)), 3),
        "p95": round(float(np.percentile(values, 95)), 3),
        "p99": round(float(np.percentile(values, 99)), 3),
        "maximum": round(float(values.max()), 3),
    }


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table: the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, rule, *rows))


@contextmanager
def drawing(path: Path, height_inches: float) -> Iterator[Any]:
    """Axes to draw on, written to `path` as SVG at the end: the same figures, the same file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "adjuvant"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, height_inches), layout="constrained")
    yield axes
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def busy_cores(seconds: float = 5.0) -> float:
    """How many cores work, on average, while we do nothing: that is other work.

    The load average would be that of the benchmark before this one.
    """
    before = _busy_s()
    begun = perf_counter()
    sleep(seconds)
    return (_busy_s() - before) / (perf_counter() - begun)


def _busy_s() -> float:
    """Seconds that all cores together have worked since the machine was started."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    idle_and_waiting = ticks[3] + ticks[4]  # proc_stat(5); guests, from 8 on, are in user time
    return (sum(ticks[:8]) - idle_and_waiting) / os.sysconf("SC_CLK_TCK")


def with_load(figures: Figures, busy: float) -> Figures:
    """The same figures, with what else the machine had to do when they were begun: their reader
    has to know. `busy`: as `busy_cores` says."""
    told = f"When this was begun, other work kept {busy:.1f} cores busy."
    values = {**figures.values, "busy_cores": round(busy, 1)}
    return replace(figures, text=f"{figures.text}\n\n{told}", values=values)


def save(figures: Figures, folder: Path = FIGURES) -> None:
    """Keep the figures for machines, and the section of the page that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"title": figures.title, "machine": machine(), "values": figures.values}
    (folder / f"{figures.name}.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / f"{figures.name}.md").write_text(f"## {figures.title}\n\n{figures.text}\n")


def run_one(measure: Callable[[], Figures]) -> None:
    """What each script does when it is run by itself."""
    busy = busy_cores()
    figures = with_load(measure(), busy)
    save(figures)
    print(f"## {figures.title}\n\n{figures.text}\n")
