"""The routes answer in every state of the engine, with JSON and the right status."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adjuvant.api import ROUTES, Desk, Request, answer
from adjuvant.health import Health, ModelInUse
from adjuvant.inbox import Inbox
from adjuvant.ledger import End, Ledger, Task


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield Desk(Health("0.1.0"), Inbox(), ledger)
    ledger.close()


def fill(ledger: Ledger) -> None:
    ledger.add([Task(name, "thyroid", "thyroid 0.1.0", "d") for name in "abc"])
    for end in (End("done"), End("refused", "matrix", "Rows is 4096, at most 2048")):
        job = ledger.claim(time.time())
        assert job is not None
        ledger.finish(job, end)


def get(desk: Desk, path: str, **query: str) -> tuple[int, dict[str, object]]:
    status, document = answer(Request("GET", path, query), desk)
    json.dumps(document)
    return status, document


def test_the_status_answers_before_anything_else_works() -> None:
    desk = Desk(Health("0.1.0"), Inbox())
    desk.inbox.offer("a", None)
    status, document = get(desk, "status")
    assert status == 200
    assert (document["state"], document["version"]) == ("starting", "0.1.0")
    assert document["queue"] == {"queued": 1, "running": 0, "done": 0, "refused": 0, "failed": 0}


def test_the_status_names_device_models_and_counts(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    desk.health.become("ready", "waiting for scans")
    desk.health.use("CPU", (ModelInUse("thyroid", "0.1.0", "d", True),))
    _, document = get(desk, "status")
    assert (document["state"], document["device"]) == ("ready", "CPU")
    model = {"name": "thyroid", "version": "0.1.0", "digest": "d", "simulated": True}
    assert document["models"] == [model]
    assert document["queue"] == {"queued": 1, "running": 0, "done": 1, "refused": 1, "failed": 0}


def test_an_alarm_stands_until_it_is_settled(desk: Desk) -> None:
    assert desk.health.alarm("model", "the file was altered")
    assert not desk.health.alarm("model", "the file is missing")
    _, document = get(desk, "status")
    (alarm,) = document["alarms"]  # type: ignore[misc]
    assert alarm["what"] == "the file is missing"  # type: ignore[has-type]
    desk.health.settle("model")
    assert get(desk, "status")[1]["alarms"] == []


def test_failed_jobs_are_an_alarm(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    job = desk.ledger.claim(time.time())
    assert job is not None
    desk.ledger.finish(job, End("failed", "fault", "the disk is full"))
    (alarm,) = get(desk, "status")[1]["alarms"]  # type: ignore[misc]
    assert "1 jobs failed for good" in alarm["what"]  # type: ignore[has-type]


def test_jobs_are_filtered_by_state(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    status, document = get(desk, "jobs", state="refused")
    assert (status, document["total"]) == (200, 1)
    (job,) = document["jobs"]  # type: ignore[misc]
    assert job["code"] == "matrix"  # type: ignore[has-type]
    assert job["reason"] == "Rows is 4096, at most 2048"  # type: ignore[has-type]


def test_one_job_is_found_by_its_number(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    status, document = get(desk, "jobs/1")
    assert (status, document["instance"], document["state"]) == (200, "a", "done")
    assert str(document["finished"]).endswith("Z")


@pytest.mark.parametrize(
    "path",
    ["", "nothing", "jobs/0", "jobs/x", "jobs/1/2", "status/1", f"jobs/{'9' * 30}", "jobs/²"],
)
def test_what_is_not_there_is_404(desk: Desk, path: str) -> None:
    status, document = get(desk, path)
    assert (status, document["error"]) == (404, "Not found")
    assert document["details"]


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"state": "lost"}, "state has to be one of queued, running, done, refused, failed"),
        ({"limit": "-1"}, "limit has to be a whole number from 0, got '-1'"),
        ({"limit": "many"}, "limit has to be a whole number from 0, got 'many'"),
        ({"offset": "9" * 40}, "offset has to be a whole number from 0"),
        ({"page": "2"}, "unknown parameter 'page'"),
    ],
)
def test_a_wrong_parameter_is_400(desk: Desk, query: dict[str, str], details: str) -> None:
    status, document = get(desk, "jobs", **query)
    assert (status, document["error"]) == (400, "Bad request")
    assert str(document["details"]).startswith(details)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(("name", "rest"), list(ROUTES))
def test_no_route_can_be_written_to(desk: Desk, method: str, name: str, rest: int) -> None:
    path = "/".join([name, *["1"] * rest])
    status, document = answer(Request(method, path), desk)
    assert (status, document["error"]) == (405, "Method not allowed")


def test_without_a_ledger_jobs_are_503_with_the_reason() -> None:
    desk = Desk(Health("0.1.0"), Inbox())
    desk.health.become("off", "Adjuvant.Threads: has to be a whole number")
    status, document = get(desk, "jobs")
    assert status == 503
    assert document["details"] == "Adjuvant.Threads: has to be a whole number"


def test_a_broken_ledger_is_503_and_an_alarm_in_the_status(desk: Desk) -> None:
    assert desk.ledger is not None
    desk.ledger.close()
    assert get(desk, "jobs")[0] == 503
    status, document = get(desk, "status")
    assert status == 200
    (alarm,) = document["alarms"]  # type: ignore[misc]
    assert "cannot be used" in alarm["what"]  # type: ignore[has-type]
