"""What hangs is given up, what it has comes to nothing, and the next one is served."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from adjuvant.watchdog import MOST_ABANDONED, Hung, Stopping, Watchdog


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watchdog(stop: threading.Event) -> Iterator[Watchdog]:
    watchdog = Watchdog(stop)
    yield watchdog
    watchdog.close()


def wait_until_back(watchdog: Watchdog) -> None:
    deadline = time.monotonic() + 10
    while watchdog.abandoned and time.monotonic() < deadline:
        time.sleep(0.01)
    assert watchdog.abandoned == 0


def test_work_is_done_in_one_other_thread(watchdog: Watchdog) -> None:
    threads = {watchdog.call(threading.get_ident, 10.0) for _ in range(3)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_what_the_work_raises_is_raised_with_the_place(watchdog: Watchdog) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        watchdog.call(lambda: int("x"), 10.0)
    assert caught.traceback[-1].path.name == "test_watchdog.py"
    assert watchdog.call(lambda: 1, 10.0) == 1


def test_what_hangs_is_given_up_and_the_next_is_served(watchdog: Watchdog) -> None:
    leave = threading.Event()
    with pytest.raises(Hung, match=r"within 0\.2 s: it was given up"):
        watchdog.call(lambda: leave.wait(20), 0.2)
    assert watchdog.call(lambda: "next", 10.0) == "next"
    assert (watchdog.abandoned, watchdog.exhausted) == (1, False)
    leave.set()
    wait_until_back(watchdog)


def test_too_many_that_hang_are_said_until_they_come_back(watchdog: Watchdog) -> None:
    leave = threading.Event()
    for _ in range(MOST_ABANDONED):
        assert not watchdog.exhausted
        with pytest.raises(Hung):
            watchdog.call(lambda: leave.wait(20), 0.05)
    assert watchdog.exhausted
    leave.set()
    wait_until_back(watchdog)
    assert not watchdog.exhausted


def test_a_stop_is_waited_for_only_for_a_while(
    watchdog: Watchdog, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjuvant.watchdog.STOP_PATIENCE_S", 0.1)
    leave = threading.Event()
    stop.set()
    assert watchdog.call(lambda: "quick", 10.0) == "quick"
    with pytest.raises(Stopping):
        watchdog.call(lambda: leave.wait(20), 10.0)
    leave.set()
    wait_until_back(watchdog)
