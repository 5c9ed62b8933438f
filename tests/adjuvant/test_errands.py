"""What is asked for later is done, tried again where Orthanc is in trouble, and never piles up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from adjuvant import errands as module
from adjuvant.errands import CAPACITY, Errands
from adjuvant.errors import ArchiveFault, Fault
from adjuvant.health import Log

WAIT_S = 20.0


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def errands(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Errands]:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    errands = Errands(Log(lines.append, lines.append, lines.append))
    yield errands
    errands.close()


def test_errands_are_done_one_after_the_other(errands: Errands) -> None:
    done: list[int] = []
    last = threading.Event()
    for number in range(3):
        errands.add(lambda number=number: done.append(number))  # type: ignore[misc]
    errands.add(last.set)
    assert last.wait(WAIT_S)
    assert done == [0, 1, 2]


def test_who_asks_does_not_wait(errands: Errands) -> None:
    go, gone = threading.Event(), threading.Event()
    errands.add(lambda: (go.wait(WAIT_S), gone.set()))
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

    errands.add(errand)
    assert done.wait(WAIT_S)
    assert lines == []


def test_an_errand_that_cannot_be_done_is_one_line_and_the_next_is_done(
    errands: Errands, lines: list[str]
) -> None:
    def always() -> None:
        raise ArchiveFault("Orthanc answered 500 to /studies/…")

    def foreign() -> None:
        raise ValueError("Geheimnis^Gudrun")

    done = threading.Event()
    for errand in (always, foreign, done.set):
        errands.add(errand)
    assert done.wait(WAIT_S)
    first, second = lines
    assert first == "what was asked for cannot be done: Orthanc answered 500 to /studies/…"
    assert "unexpected ValueError" in second
    assert "Geheimnis" not in second


def test_too_many_are_refused(errands: Errands) -> None:
    begun, go = threading.Event(), threading.Event()
    errands.add(lambda: (begun.set(), go.wait(WAIT_S)))
    assert begun.wait(WAIT_S)
    for _ in range(CAPACITY):
        errands.add(int)
    with pytest.raises(Fault, match="too much is asked at once"):
        errands.add(int)
    go.set()


def test_after_the_end_nothing_begins(errands: Errands) -> None:
    errands.close()
    done = threading.Event()
    errands.add(done.set)
    assert not done.wait(0.3)
