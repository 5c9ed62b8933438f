"""C-STORE with the plugin and without it, side by side: `python -m benchmarks.reception`.

Two Orthancs run at the same time; rounds go to one and the other in turn, so that whatever the
machine does meanwhile hits both.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks.common import (
    WITHOUT_PLUGIN,
    Figures,
    Scans,
    association,
    markdown,
    pause,
    resume,
    run_one,
    spread,
    store,
    store_all,
    store_at_full_speed,
    wait_idle,
)
from deploy.client import Client
from deploy.serve import Server, running_orthanc

ROUNDS = 30
SCANS_OF_A_ROUND = 4
PAUSE_S = 1.0  # after each scan that is sent alone; longer than it takes to be read
SENDERS = 4
BURSTS = 6
SCANS_OF_A_BURST = 24
BURST_PAUSE_S = 10.0
FLOODS = 5
FLOOD_SENDERS = 8
SCANS_OF_A_FLOOD = 1200  # ten seconds: as long as the worker makes way for one scan


@dataclass
class Side:
    """One of the two Orthancs and what was measured on it, in seconds."""

    server: Server
    client: Client | None
    sent: int = 0
    overran: int = 0  # pauses that took longer, because the worker still read
    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    flood_per_second: list[float] = field(default_factory=list)
    read_in_flood: list[int] = field(default_factory=list)

    def resume(self) -> None:
        """Let the worker read, where there is one."""
        if self.client is not None:
            resume(self.client)

    def pause(self) -> None:
        """Let the worker, where there is one, end what it reads and read nothing more."""
        if self.client is not None:
            pause(self.client)

    def done(self) -> int:
        """Scans that were read so far."""
        return 0 if self.client is None else int(self.client.status()["queue"]["done"])

    def settle(self, pause_s: float) -> None:
        """Wait so long, and until the worker, where there is one, has read everything.

        Without a worker there is the same pause: what comes after one may well be quicker.
        """
        begun = perf_counter()
        if self.client is not None:
            wait_idle(self.client, self.sent)
        took = perf_counter() - begun
        sleep(max(0.0, pause_s - took))
        self.overran += took > pause_s


def send_quietly(side: Side, scans: Scans) -> None:
    """A few scans, each a pause after the one before, which is read by then: a camera's pace."""
    with association(side.server.dicom_port) as link:
        for scan in scans.draw_many(SCANS_OF_A_ROUND):
            side.quiet.append(store(link, scan))
            side.sent += 1
            side.settle(PAUSE_S)


def send_burst(side: Side, scans: Scans) -> None:
    """Many scans from four senders while the worker reads: a night's archive, moved."""
    batch = scans.draw_many(SCANS_OF_A_BURST)
    total, each = store_all(side.server.dicom_port, batch, SENDERS)
    side.busy += each
    side.per_second.append(len(batch) / total)
    side.sent += len(batch)
    side.settle(BURST_PAUSE_S)


def send_flood(side: Side, scans: Scans) -> None:
    """As fast as eight senders can, while the worker has the rest of the last flood to read.

    Between the floods it is paused: it reads a few scans a second, and nobody would wait for all.
    """
    batch = scans.draw_many(SCANS_OF_A_FLOOD)
    before = side.done()
    took = store_at_full_speed(side.server.dicom_port, batch, FLOOD_SENDERS, side.resume)
    side.pause()
    side.read_in_flood.append(side.done() - before)
    side.flood_per_second.append(len(batch) / took)


def measure() -> Figures:
    """All situations, interleaved; the ratio is of medians."""
    scans = Scans()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bare = stack.enter_context(
            running_orthanc(Path(folder) / "bare", overrides=WITHOUT_PLUGIN, wait_ready=False)
        )
        full = stack.enter_context(running_orthanc(Path(folder) / "full"))
        sides = [Side(bare, None), Side(full, Client(full.url))]
        for side in sides:  # the first of everything is not measured
            send_quietly(side, scans)
            side.quiet.clear()
            side.overran = 0
        for number in range(ROUNDS):
            for side in _in_turn(sides, number):
                send_quietly(side, scans)
        for number in range(BURSTS):
            for side in _in_turn(sides, number):
                send_burst(side, scans)
        for side in sides:  # the first leaves a rest for the others
            send_flood(side, scans)
            side.flood_per_second.clear()
            side.read_in_flood.clear()
        for number in range(FLOODS):
            for side in _in_turn(sides, number):
                send_flood(side, scans)
    return _figures(*sides)


def _in_turn(sides: list[Side], number: int) -> list[Side]:
    return sides if number % 2 else sides[::-1]


def _figures(bare: Side, full: Side) -> Figures:
    values: dict[str, Any] = {}
    rows = []
    for name, title in (
        ("quiet", "one sender, the worker idle"),
        ("busy", f"{SENDERS} senders at once, the worker reading"),
    ):
        without, with_plugin = spread(getattr(bare, name)), spread(getattr(full, name))
        ratio = round(with_plugin["median"] / without["median"], 3)
        values[name] = {"without_ms": without, "with_ms": with_plugin, "ratio": ratio}
        rows.append(
            [
                title,
                *(f"{side['median']:.1f} / {side['p95']:.1f}" for side in (without, with_plugin)),
                f"{ratio:.2f}",
            ]
        )
    for side, key in ((bare, "without"), (full, "with")):
        values["busy"][f"{key}_scans_per_second"] = round(median(side.per_second), 1)
    values["pauses"] = {"s": PAUSE_S, "after_burst_s": BURST_PAUSE_S, "overran": full.overran}
    values["full_speed"] = _flood(bare, full)
    head = ["C-STORE, ms (median / 95th percentile)", "without", "with the plugin", "ratio"]
    text = (
        f"{markdown(head, rows)}\n\n{_flood_table(values['full_speed'])}\n\n"
        f"One scan of 256 x 256 pixels, {values['quiet']['with_ms']['n']}"
        f" and {values['busy']['with_ms']['n']} of them on each side, rounds in turn, on both sides"
        f" with a pause of {PAUSE_S:g} s after each scan and {BURST_PAUSE_S:g} s after each"
        f" {SCANS_OF_A_BURST}; reading took longer than that {full.overran} times. While the"
        " worker reads, it shares the cores with reception; nothing waits for it. Single times hop"
        " by tens of ms on both sides: a ratio below 1 is no gain by the plugin. At full speed,"
        f" {FLOODS} floods of {SCANS_OF_A_FLOOD} scans were sent to each side. The worker makes way"
        f" for them: {' and '.join(map(str, full.read_in_flood))} scans were read meanwhile, the"
        " rest afterwards."
    )
    return Figures("reception", "Reception: C-STORE with and without the plugin", text, values)


def _flood(bare: Side, full: Side) -> dict[str, Any]:
    without, with_plugin = (median(side.flood_per_second) for side in (bare, full))
    return {
        "senders": FLOOD_SENDERS,
        "without_scans_per_second": round(without, 1),
        "with_scans_per_second": round(with_plugin, 1),
        "ratio": round(with_plugin / without, 3),
        "read_meanwhile": full.read_in_flood,
    }


def _flood_table(values: dict[str, Any]) -> str:
    sides = (values[f"{side}_scans_per_second"] for side in ("without", "with"))
    situation = f"{FLOOD_SENDERS} senders at full speed, scans waiting to be read"
    row = [situation, *(f"{figure:.0f}" for figure in sides), f"{values['ratio']:.2f}"]
    return markdown(["scans per second (median)", "without", "with the plugin", "ratio"], [row])


if __name__ == "__main__":
    run_one(measure)
