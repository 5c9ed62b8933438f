"""The engine starts from a configuration, says why it cannot, and stops when it is told to."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from adjuvant import service
from adjuvant.api import Desk
from adjuvant.change_record import RECORD_FILE, ChangeRecord
from adjuvant.health import Health, Log
from adjuvant.inbox import CURSOR, Inbox
from adjuvant.job import Task
from adjuvant.ledger import Ledger
from adjuvant.service import LEDGER_FILE, SINCE_FILE, Host, Service
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc


@dataclass
class Engine:
    """A service on an empty folder, without any model."""

    orthanc: SmallOrthanc
    base: Path
    desk: Desk
    lines: list[str]

    def run_until(self, reached: Callable[[], bool], **section: Any) -> dict[str, Any]:
        """Run until `reached`, then stop; the status just before the stop."""
        port = urlsplit(self.orthanc.url).port
        configuration = {"HttpPort": port, "Adjuvant": {"RetrySeconds": 0.05, **section}}
        stop = threading.Event()
        log = Log(self.lines.append, self.lines.append, self.lines.append)
        host = Host(configuration, self.base, TOKEN, self.base)
        thread = threading.Thread(target=Service(host, self.desk, log, stop).run)
        thread.start()
        deadline = time.monotonic() + 20
        while not reached() and time.monotonic() < deadline:
            time.sleep(0.01)
        board = self.desk.health.snapshot()
        stop.set()
        self.desk.inbox.wake()
        thread.join(10)
        assert not thread.is_alive()
        return board

    def is_(self, state: str) -> Callable[[], bool]:
        return lambda: self.desk.health.snapshot()["state"] == state


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(tempfile, "tempdir", None)  # which the service sets for its whole process
    with small_orthanc() as orthanc:
        yield Engine(orthanc, tmp_path, Desk(Health("0.1.0"), Inbox()), [])


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"Enabled": False}, "Adjuvant.Enabled is false"),
        ({"Thread": 1}, "Adjuvant.Thread: unknown key, got 1"),
        ({"Threads": "two"}, "Adjuvant.Threads: has to be a whole number, got 'two'"),
        ({"Models": {"lung": "1.0.0"}}, "Adjuvant.Models.lung: unknown model"),
    ],
)
def test_an_engine_that_is_off_says_why(
    engine: Engine, section: dict[str, Any], reason: str
) -> None:
    board = engine.run_until(engine.is_("off"), **section)
    assert board["state"] == "off"
    assert board["reason"].startswith(reason)
    assert engine.lines == ([] if "Enabled" in section else [f"off: {board['reason']}"])


def test_without_its_model_the_engine_is_degraded_and_stops_when_told(engine: Engine) -> None:
    board = engine.run_until(engine.is_("degraded"))
    assert "cannot read" in board["alarms"][0]["what"]
    assert engine.desk.ledger is None


def test_without_models_in_the_section_what_a_person_activated_holds(engine: Engine) -> None:
    record = engine.base / "data" / "adjuvant" / RECORD_FILE
    record.parent.mkdir(parents=True)
    change = {"change": "activated", "model": "thyroid", "to": {"version": "0.0.8"}}
    ChangeRecord(record).append({**change, "configured": "0.0.7", "who": "alice"})
    board = engine.run_until(engine.is_("degraded"))
    assert "/thyroid/0.0.8/model.json" in board["reason"]
    assert [one["change"] for one in ChangeRecord(record).entries()] == ["activated"]


def test_the_first_start_leaves_what_is_older_alone(engine: Engine) -> None:
    engine.orthanc.put("old", b"")
    engine.run_until(engine.is_("degraded"))
    ledger = Ledger(engine.base / "data" / "adjuvant" / LEDGER_FILE)
    assert ledger.note(CURSOR) == 9
    ledger.close()


@pytest.mark.parametrize("damaged", [b"", b"\0\0\n", b"\xff"])
def test_a_damaged_first_change_is_found_out_again(engine: Engine, damaged: bytes) -> None:
    path = engine.base / "data" / "adjuvant" / SINCE_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(damaged)
    engine.run_until(lambda: engine.desk.ledger is not None)
    assert path.read_text() == "9\n"
    assert [one.name for one in path.parent.glob(f"{SINCE_FILE}*")] == [SINCE_FILE]
    assert any("is damaged" in line for line in engine.lines)


def test_the_first_change_is_written_as_a_whole(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[str]()
    monkeypatch.setattr(service, "write_whole", lambda path, text: written.append(text))
    engine.run_until(engine.is_("degraded"))
    assert written[0] == "9\n"


def test_where_it_is_asked_for_the_first_start_reads_everything(engine: Engine) -> None:
    engine.run_until(engine.is_("degraded"), AnalyseExisting=True)
    assert (engine.base / "data" / "adjuvant" / SINCE_FILE).read_text() == "0\n"


def test_a_corrupt_ledger_is_set_aside_and_a_new_one_begins(engine: Engine) -> None:
    path = engine.base / "state" / LEDGER_FILE
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)
    engine.run_until(lambda: engine.desk.ledger is not None, DataDirectory="state")
    assert any("set aside as ledger.sqlite.corrupt-" in line for line in engine.lines)
    Ledger(path).close()


def test_a_job_that_ended_orthanc_at_each_attempt_is_told_of(engine: Engine) -> None:
    path = engine.base / "state" / LEDGER_FILE
    path.parent.mkdir()
    ledger = Ledger(path)
    ledger.add([Task("a", "thyroid", "thyroid 0.1.0", "digest")])
    ledger.claim()
    ledger.close()
    engine.run_until(engine.is_("degraded"), DataDirectory="state", MaximumAttempts=1)
    names = 'job=1 instance=a interpretation=thyroid model="thyroid 0.1.0" attempt=1'
    reason = "Orthanc ended during each of 1 attempts"
    assert f'job-failed {names} code=crash reason="{reason}"' in engine.lines


def test_a_trouble_that_lasts_is_one_alarm_however_often_it_is_tried_again(engine: Engine) -> None:
    (engine.base / "data" / "adjuvant" / RECORD_FILE).mkdir(parents=True)
    board = engine.run_until(lambda: len(engine.lines) > 4)  # each attempt tells of its rules
    assert [one["what"] for one in board["alarms"]] == [board["reason"]]
    assert "cannot be read: Is a directory" in board["reason"]
    assert engine.lines.count(f"alarm: {board['reason']}") == 1
    assert engine.desk.ledger is None


def test_an_archive_that_does_not_answer_yet_is_waited_for(engine: Engine) -> None:
    engine.orthanc.broken.add("/system")
    board = engine.run_until(lambda: len(engine.orthanc.requests) > 2)
    assert board["state"] == "starting"


def test_an_archive_that_does_not_answer_for_long_is_an_alarm_until_it_does(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjuvant.archive.START_S", 0.0)
    monkeypatch.setattr("adjuvant.archive.LATE_POLL_S", 0.01)
    engine.orthanc.broken.add("/system")
    board = engine.run_until(lambda: len(engine.orthanc.requests) > 3)
    told = "no scan is read, as Orthanc does not answer us: Orthanc answered 500 to /system"
    assert (board["state"], [one["what"] for one in board["alarms"]]) == ("degraded", [told])
    assert engine.lines == [f"alarm: {told}"]
    engine.orthanc.broken.clear()
    board = engine.run_until(lambda: engine.desk.ledger is not None)
    assert told not in [one["what"] for one in board["alarms"]]
