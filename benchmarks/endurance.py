"""Orthanc's memory over 2,000 scans, with and without the plugin: `python -m benchmarks.endurance`.

Draws docs/images/memory.svg.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.common import (
    IMAGES,
    Figures,
    Scans,
    drawing,
    markdown,
    run_one,
    store_all,
    wait_idle,
)
from benchmarks.footprint import SIDES
from benchmarks.memory import memory_mb
from deploy.client import Client
from deploy.serve import running_orthanc

SCANS = 2000
SCANS_OF_A_BATCH = 40
SENDERS = 4
PICTURE = IMAGES / "memory.svg"
TITLES = {"with": "Orthanc with the plugin", "without": "Orthanc alone"}


@dataclass
class Course:
    """Resident memory of the process in MB after so many scans."""

    scans: list[int] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MB per 1,000 scans over the second half, by least squares."""
        half = len(self.scans) // 2
        slope = np.polyfit(self.scans[half:], self.megabytes[half:], 1)[0]
        return round(float(slope) * 1000, 1)


def measure() -> Figures:
    """Both sides, one after the other; each batch is read before the next is sent."""
    courses = {side: _course(side) for side in SIDES}
    _draw(courses)
    return _figures(courses)


def _course(side: str) -> Course:
    course, scans, reads = Course(), Scans(), side == "with"
    with (
        tempfile.TemporaryDirectory() as folder,
        running_orthanc(Path(folder), overrides=SIDES[side], wait_ready=reads) as server,
    ):
        client = Client(server.url)
        for sent in range(0, SCANS + 1, SCANS_OF_A_BATCH):
            if sent:
                store_all(server.dicom_port, scans.draw_many(SCANS_OF_A_BATCH), SENDERS)
            if reads:
                wait_idle(client, sent)
            course.scans.append(sent)
            course.megabytes.append(memory_mb("VmRSS", server.process.pid))
    return course


def _draw(courses: dict[str, Course]) -> None:
    with drawing(PICTURE, 3.5) as axes:
        for side, title in TITLES.items():
            axes.plot(courses[side].scans, courses[side].megabytes, label=title)
        axes.set(xlabel="scans read", ylabel="resident memory, MB")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="center right", frameon=False)


def _figures(courses: dict[str, Course]) -> Figures:
    rows = [
        [
            TITLES[side],
            f"{course.megabytes[0]:.0f}",
            f"{course.megabytes[len(course.megabytes) // 2]:.0f}",
            f"{course.megabytes[-1]:.0f}",
            f"{course.growth:+.1f}",
        ]
        for side, course in courses.items()
    ]
    total = next(iter(courses.values())).scans[-1]
    head = [
        "resident memory, MB",
        "at first",
        f"after {total // 2}",
        f"after {total}",
        "growth per 1,000, second half",
    ]
    text = (
        f"{markdown(head, rows)}\n\n![Memory over {total} scans](images/memory.svg)\n\n"
        f"{total} scans of 256 x 256 pixels from {SENDERS} senders, in batches of"
        f" {SCANS_OF_A_BATCH}, each read before the next."
    )
    values = {
        side: {"scans": one.scans, "megabytes": one.megabytes, "growth_per_1000": one.growth}
        for side, one in courses.items()
    }
    return Figures("endurance", "Memory over many scans", text, values)


if __name__ == "__main__":
    run_one(measure)
