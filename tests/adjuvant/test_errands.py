"""What is asked for later is done, tried again where Orthanc is in trouble, and never piles up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from adjuvant import errands as module
from adjuvant.database import LedgerFault
from adjuvant.errands import ATTEMPTS, CAPACITY, Errands
from adjuvant.errors import ArchiveFault, Fault, ModelFault
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.surroundings import Surroundings

WAIT_S = 20.0


def around(lines: list[str], health: Health) -> Surroundings:
    log = Log(lines.append, lines.append, lines.append)
    nothing = cast(Any, None)  # errands bring their own archive and ledger
    return Surroundings(nothing, nothing, Inbox(), health, log)


def alarms(health: Health) -> list[str]:
    return [str(alarm["what"]) for alarm in health.snapshot()["alarms"]]


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def health() -> Health:
    return Health("0.1.0")


@pytest.fixture
def errands(lines: list[str], health: Health, monkeypatch: pytest.MonkeyPatch) -> Iterator[Errands]:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 0.02)
    errands = Errands(around(lines, health))
    yield errands
    errands.close()


def test_errands_are_done_one_after_the_other(errands: Errands) -> None:
    done: list[int] = []
    last = threading.Event()
    for number in range(3):
        errands.add("studies/x", lambda number=number: done.append(number))  # type: ignore[misc]
    errands.add("studies/x", last.set)
    assert last.wait(WAIT_S)
    assert done == [0, 1, 2]


def test_who_asks_does_not_wait(errands: Errands) -> None:
    go, gone = threading.Event(), threading.Event()
    errands.add("studies/x", lambda: (go.wait(WAIT_S), gone.set()))
    assert not gone.is_set()
    go.set()
    assert gone.wait(WAIT_S)


def test_where_orthanc_is_in_trouble_an_errand_is_tried_again(
    errands: Errands, lines: list[str]
) -> None:
    answers = iter([ArchiveFault("Orthanc answered 500 to /studies/…")] * 2)
    done = threading.Event()

    def errand() -> None:
        fault = next(answers, None)
        if fault is not None:
            raise fault
        done.set()

    errands.add("studies/x", errand)
    assert done.wait(WAIT_S)
    assert lines == []


def test_an_errand_that_cannot_be_done_is_one_line_and_the_next_is_done(
    errands: Errands, lines: list[str], health: Health
) -> None:
    def always() -> None:
        raise ArchiveFault("Orthanc answered 500 to /studies/…")

    def foreign() -> None:
        raise ValueError("Geheimnis^Gudrun")

    done = threading.Event()
    errands.add("studies/a", always)
    errands.add("studies/b", foreign)
    errands.add("studies/c", done.set)
    assert done.wait(WAIT_S)
    first, second = lines
    assert first == (
        "what was asked for cannot be done: studies/a: Orthanc answered 500 to /studies/…"
    )
    assert "unexpected ValueError" in second
    assert "Geheimnis" not in second
    (alarm,) = alarms(health)
    assert alarm.startswith("2 analyses that were asked for could not be begun")
    assert "studies/b: unexpected ValueError" in alarm
    for name in ("studies/c", "studies/a"):
        errands.add(name, int)
    done.clear()
    errands.add("studies/c", done.set)
    assert done.wait(WAIT_S)
    (alarm,) = alarms(health)  # b was not done yet
    assert alarm.startswith("1 analyses that were asked for could not be begun")
    errands.add("studies/d", always)
    errands.add("studies/d", int)
    done.clear()
    errands.add("studies/c", done.set)
    assert done.wait(WAIT_S)
    (alarm,) = alarms(health)
    assert "the last is studies/b: unexpected ValueError" in alarm
    for name in ("studies/b", "studies/c", "studies/c"):
        done.clear()
        errands.add(name, done.set)
        assert done.wait(WAIT_S)
    assert alarms(health) == []


@pytest.mark.parametrize("fault", [ModelFault("no model is in use"), LedgerFault("disk is full")])
def test_what_cannot_be_done_because_of_us_is_tried_until_it_can(
    errands: Errands, health: Health, fault: Fault
) -> None:
    faults = [fault] * (3 * ATTEMPTS)
    done = threading.Event()

    def errand() -> None:
        if faults:
            raise faults.pop()
        done.set()

    errands.add("studies/x", errand)
    assert done.wait(WAIT_S)
    assert alarms(health) == []


def test_what_is_left_at_the_end_is_told(
    errands: Errands, lines: list[str], health: Health
) -> None:
    begun = threading.Event()

    def never() -> None:
        begun.set()
        raise ModelFault("no model is in use")

    errands.add("studies/a", never)
    errands.add("studies/b", int)
    assert begun.wait(WAIT_S)
    errands.close()
    assert lines == [
        "what was asked for cannot be done: studies/a: Adjuvant ended before: no model is in use",
        "what was asked for cannot be done: studies/b: Adjuvant ended before",
    ]
    assert len(alarms(health)) == 1


def test_too_many_are_refused(errands: Errands) -> None:
    begun, go = threading.Event(), threading.Event()
    errands.add("studies/x", lambda: (begun.set(), go.wait(WAIT_S)))
    assert begun.wait(WAIT_S)
    for _ in range(CAPACITY):
        errands.add("studies/x", int)
    with pytest.raises(Fault, match="too much is asked at once"):
        errands.add("studies/x", int)
    go.set()


def test_after_the_end_nothing_begins(errands: Errands) -> None:
    errands.close()
    with pytest.raises(Fault, match="nothing can be asked for now"):
        errands.add("studies/x", int)
