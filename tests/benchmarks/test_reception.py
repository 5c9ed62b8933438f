"""Both sides of the comparison are treated alike. Nothing here is timed: figures are no tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks import reception
from benchmarks.reception import Side, send_burst, send_quietly

SERVER: Any = SimpleNamespace(dicom_port=0)
READING_S = 0.2
SCANS: Any = SimpleNamespace(draw_many=lambda n: [None] * n)


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("client", [None, object()], ids=["without", "with the plugin"])
@pytest.mark.parametrize(
    ("send", "pause_s"),
    [(send_quietly, reception.PAUSE_S), (send_burst, reception.BURST_PAUSE_S)],
)
def test_each_side_has_the_same_pause(
    monkeypatch: pytest.MonkeyPatch,
    client: object,
    send: Callable[[Side, Any], None],
    pause_s: float,
) -> None:
    clock, begun = Clock(), []

    def store(*_: object) -> float:
        begun.append(clock.now)
        return 0.0

    monkeypatch.setattr(reception, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(reception, "sleep", clock.wait)
    monkeypatch.setattr(reception, "wait_idle", lambda *_: clock.wait(READING_S))
    monkeypatch.setattr(reception, "association", nullcontext)
    monkeypatch.setattr(reception, "store", store)
    monkeypatch.setattr(reception, "store_all", lambda *_: (1.0, [store()]))
    side = Side(SERVER, cast(Any, client))
    send(side, SCANS)
    send(side, SCANS)
    assert len(begun) >= 2
    assert begun == pytest.approx([pause_s * number for number in range(len(begun))])
    assert side.overran == 0


def test_reading_that_takes_longer_than_the_pause_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(reception, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(reception, "sleep", clock.wait)
    monkeypatch.setattr(reception, "wait_idle", lambda *_: clock.wait(2.0))
    side = Side(SERVER, cast(Any, object()))
    side.settle(1.0)
    assert (clock.now, side.overran) == (2.0, 1)
