"""What arrives is known at once and for certain, each instance once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from adjuvant.inbox import CURSOR, Inbox, Sweep

NM = "1.2.840.10008.5.1.4.1.1.20"
CT = "1.2.840.10008.5.1.4.1.1.2"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"


def test_an_instance_that_arrives_twice_is_taken_once() -> None:
    inbox = Inbox()
    for name in ("a", "b", "a"):
        inbox.offer(name, NM)
    assert inbox.take() == ["a", "b"]


def test_arrivals_count_what_may_be_a_scan_and_never_less() -> None:
    inbox = Inbox()
    for name, sop_class in (("a", NM), ("b", None), ("c", SEG)):
        inbox.offer(name, sop_class)
    inbox.take()
    assert inbox.arrivals == 2


def test_what_is_taken_counts_until_it_is_put_away_and_is_taken_again_if_it_never_is() -> None:
    inbox = Inbox()
    for name in ("a", "b"):
        inbox.offer(name, NM)
    assert inbox.take() == ["a", "b"]
    inbox.put_away("a")
    assert len(inbox) == 1
    inbox.offer("c", NM)
    assert inbox.take() == ["b", "c"]
    for name in ("b", "c", "unknown"):
        inbox.put_away(name)
    assert (len(inbox), inbox.take()) == (0, [])


def test_what_can_never_be_a_planar_scan_is_left_out() -> None:
    inbox = Inbox()
    inbox.offer("ct", CT)
    inbox.offer("seg", SEG)
    inbox.offer("unknown", None)
    assert inbox.take() == ["unknown"]
    assert inbox.settled("ct")
    assert inbox.settled("seg")


def test_a_result_of_ours_that_comes_back_is_left_out() -> None:
    inbox = Inbox()
    inbox.offer("capture", "1.2.840.10008.5.1.4.1.1.7")
    inbox.settle("capture")
    assert inbox.take() == []


def test_memory_is_bounded() -> None:
    inbox = Inbox(capacity=3)
    for number in range(10):
        inbox.offer(str(number), NM)
        inbox.settle(f"settled {number}")
    assert inbox.take() == ["7", "8", "9"]
    assert not inbox.settled("settled 0")


def test_an_arrival_ends_the_waiting() -> None:
    inbox = Inbox()
    threading.Timer(0.05, inbox.offer, ("a", NM)).start()
    begin = time.monotonic()
    inbox.wait(10)
    assert time.monotonic() - begin < 5
    assert inbox.take() == ["a"]


def test_an_arrival_before_the_waiting_is_not_missed() -> None:
    inbox = Inbox()
    inbox.offer("a", NM)
    begin = time.monotonic()
    inbox.wait(10)
    assert time.monotonic() - begin < 5


@dataclass(frozen=True)
class Page:
    instances: tuple[str, ...]
    last: int
    done: bool
    stable: tuple[str, ...] = ()
    stored: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Log:
    """A change log of which change number n is the arrival of `arrivals[n - 1]`."""

    arrivals: list[str]
    size: int = 2

    def changes(self, since: int) -> Page:
        found = tuple(self.arrivals[since : since + self.size])
        last = since + len(found) if found else len(self.arrivals)
        return Page(found, last, last >= len(self.arrivals))


@dataclass
class Notes:
    values: dict[str, int] = field(default_factory=dict)

    def note(self, name: str) -> int | None:
        return self.values.get(name)

    def keep_note(self, name: str, value: int) -> None:
        self.values[name] = value


def walk(sweep: Sweep) -> list[str]:
    found: list[str] = []
    done = False
    while not done:
        instances, _, done = sweep.page()
        found += instances
    sweep.finish()
    return found


def test_a_walk_finds_everything_page_by_page() -> None:
    assert walk(Sweep(Log(list("abcde")), Notes())) == list("abcde")


def test_the_cursor_trails_one_walk_behind() -> None:
    log, notes = Log(list("abc")), Notes()
    sweep = Sweep(log, notes)
    walk(sweep)
    assert notes.note(CURSOR) is None
    log.arrivals += list("de")
    assert walk(sweep) == list("abcde")
    assert notes.note(CURSOR) == 3
    assert walk(sweep) == list("de")
    assert notes.note(CURSOR) == 5


def test_a_new_process_begins_at_the_cursor() -> None:
    assert walk(Sweep(Log(list("abcde")), Notes({CURSOR: 3}))) == list("de")


def test_a_walk_that_is_not_finished_moves_no_cursor() -> None:
    log, notes = Log(list("abcde")), Notes()
    sweep = Sweep(log, notes)
    walk(sweep)
    sweep.page()
    assert notes.note(CURSOR) is None


def test_a_page_that_could_not_be_looked_at_comes_again() -> None:
    sweep = Sweep(Log(list("abcde")), Notes())
    sweep.page()
    page = sweep.page()
    sweep.again()
    assert sweep.page() == page
    assert sweep.page()[0] == ("e",)


def test_a_log_that_begins_anew_is_read_from_its_beginning() -> None:
    notes = Notes({CURSOR: 900})
    assert walk(Sweep(Log(list("ab")), notes)) == list("ab")
    assert notes.note(CURSOR) == 0
