"""The routes answer in every state of the engine, with JSON and the right status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adjuvant.api import ROUTES, Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.demand import Demand
from adjuvant.health import Health, Log, ModelInUse
from adjuvant.inbox import Inbox
from adjuvant.job import STATES, End, Task
from adjuvant.ledger import Ledger
from adjuvant.rest.jobs import LEVELS
from adjuvant.rest.table import MAXIMUM_BODY, Route
from adjuvant.surroundings import Surroundings
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.adjuvant.test_demand import READER

SCAN, STUDY, UNKNOWN = ("-".join(5 * [8 * digit]) for digit in "a5f")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield Desk(Health("0.1.0"), Inbox(), ledger)
    ledger.close()


def fill(ledger: Ledger) -> None:
    ledger.add([Task(name, "thyroid", "thyroid 0.1.0", "d") for name in "abc"])
    for end in (End("done"), End("refused", "matrix", "Rows is 4096, at most 2048")):
        job = ledger.claim()
        assert job is not None
        ledger.finish(job, end)


def get(desk: Desk, path: str, **query: str) -> tuple[int, dict[str, object]]:
    status, document, _ = answer(Request("GET", path, query), desk)
    json.dumps(document)
    return status, document


def test_the_status_answers_before_anything_else_works() -> None:
    desk = Desk(Health("0.1.0"), Inbox())
    desk.inbox.offer("a", None)
    status, document = get(desk, "status")
    assert status == 200
    assert (document["state"], document["version"]) == ("starting", "0.1.0")
    assert document["queue"] == dict.fromkeys(STATES, 0) | {"queued": 1}


def test_the_status_names_device_models_and_counts(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    desk.health.become("ready", "waiting for scans")
    desk.health.use("CPU", (ModelInUse("thyroid", "0.1.0", "d", True),))
    _, document = get(desk, "status")
    assert (document["state"], document["device"]) == ("ready", "CPU")
    model = {"name": "thyroid", "version": "0.1.0", "digest": "d", "simulated": True}
    chosen = {"configured": None, "chosen_by": None, "chosen_at": None}
    assert document["models"] == [model | chosen]
    ends = {"queued": 1, "done": 1, "refused": 1}
    assert document["queue"] == dict.fromkeys(STATES, 0) | ends


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
    job = desk.ledger.claim()
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


@pytest.mark.parametrize(
    "model",
    [
        "thyroid%200.2.0%20%2B%20cold-nodules%200.2.0",
        "thyroid+0.2.0+%2B+cold-nodules+0.2.0",
        "thyroid 0.2.0 + cold-nodules 0.2.0",  # by an Orthanc that decodes what it hands over
    ],
)
def test_jobs_of_a_chain_are_found(desk: Desk, model: str) -> None:
    fill(desk.open_ledger)
    desk.open_ledger.add([Task("a", "thyroid", "thyroid 0.2.0 + cold-nodules 0.2.0", "e")])
    status, document = get(desk, "jobs", model=model)
    assert (status, document["total"]) == (200, 1)


@pytest.mark.parametrize("model", ["thyroid 0.2.0 +", "+ thyroid 0.2.0", "thyroid 0.2.0 + thyroid"])
def test_half_a_chain_is_400(desk: Desk, model: str) -> None:
    assert get(desk, "jobs", model=model)[0] == 400


def test_one_job_is_found_by_its_number(desk: Desk) -> None:
    assert desk.ledger is not None
    fill(desk.ledger)
    status, document = get(desk, "jobs/1")
    assert (status, document["instance"], document["state"]) == (200, "a", "done")
    assert str(document["finished"]).endswith("Z")


@pytest.mark.parametrize(
    "path",
    ["", "nothing", "jobs/1", f"jobs/{2**53}", "jobs/1/2", "status/1"],
)
def test_what_is_not_there_is_404(desk: Desk, path: str) -> None:
    status, document = get(desk, path)
    assert (status, document["error"]) == (404, "Not found")
    assert document["details"]


@pytest.mark.parametrize("name", ["0", "x", "-1", "9" * 30, "²", "1.0"])
def test_what_is_no_number_of_a_job_is_400(desk: Desk, name: str) -> None:
    status, document = get(desk, f"jobs/{name}")
    assert (status, document["error"]) == (400, "Bad request")
    details = f"job has to be a whole number from 1 to {2**53}, got "
    assert str(document["details"]).startswith(details)


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"state": "lost"}, "state has to be one of queued, running, done, refused, failed"),
        ({"limit": "-1"}, "limit has to be a whole number from 0 to 1000, got '-1'"),
        ({"limit": "many"}, "limit has to be a whole number from 0 to 1000, got 'many'"),
        ({"limit": "1001"}, "limit has to be a whole number from 0 to 1000, got 1001"),
        ({"offset": "9" * 40}, "offset has to be a whole number from 0"),
        ({"page": "2"}, "unknown parameter 'page'"),
    ],
)
def test_a_wrong_parameter_is_400(desk: Desk, query: dict[str, str], details: str) -> None:
    status, document = get(desk, "jobs", **query)
    assert (status, document["error"]) == (400, "Bad request")
    assert str(document["details"]).startswith(details)


def path_of(route: Route) -> str:
    path = route.path.replace("{resource}", UNKNOWN).replace("{job}", "1")
    path = path.replace("{destination}", "pacs").replace("{model}", "thyroid")
    return path.replace("{correction}", "1")


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("route", [*ROUTES], ids=name_of)
def test_a_path_answers_to_its_own_methods_only(desk: Desk, route: Route, method: str) -> None:
    own = [other.method for other in ROUTES if other.path == route.path]
    status, document, allow = answer(Request(method, path_of(route)), desk)
    assert allow == ", ".join(own)
    assert (status == 405) == (method not in own)
    if status == 405:
        assert document["details"] == f"This route answers to {allow} only"


@pytest.mark.parametrize("route", [*ROUTES], ids=name_of)
def test_no_route_knows_other_parameters(desk: Desk, route: Route) -> None:
    request = Request(route.method, path_of(route), {"colour": "red"})
    status, document, _ = answer(request, desk)
    assert (status, document["details"]) == (400, "unknown parameter 'colour'")


@pytest.mark.parametrize("route", [*ROUTES], ids=name_of)
def test_no_route_reads_an_endless_body(desk: Desk, route: Route) -> None:
    request = Request(route.method, path_of(route), {}, b" " * (route.maximum_body + 1))
    status, document, _ = answer(request, desk)
    assert (status, document["error"]) == (413, "Body too large")


@pytest.fixture
def asked(desk: Desk) -> Iterator[tuple[Desk, SmallOrthanc]]:
    """A desk at which one can ask for SCAN and for the study that it is in."""
    assert desk.ledger is not None
    with small_orthanc() as orthanc:
        orthanc.put(SCAN, b"")
        orthanc.parents[SCAN] = ("patient", STUDY)
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        log = Log(print, print, print)
        around = Surroundings(archive, desk.ledger, desk.inbox, desk.health, log)
        desk.demand = Demand(around, lambda: (READER,))
        yield desk, orthanc
        archive.close()


def post(desk: Desk, path: str, body: bytes = b"{}") -> tuple[int, dict[str, Any]]:
    status, document, _ = answer(Request("POST", path, {}, body), desk)
    json.dumps(document)
    return status, document


@pytest.mark.parametrize("path", [f"instances/{SCAN}", f"studies/{STUDY}"])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_analysis_is_asked_for_and_its_job_is_shown(
    asked: tuple[Desk, SmallOrthanc], path: str, body: bytes
) -> None:
    desk, _ = asked
    assert get(desk, f"{path}/jobs") == (200, {"jobs": [], "total": 0})
    status, document = post(desk, f"{path}/analyze", body)
    assert (status, document["queued"], document["total"]) == (200, 1, 1)
    assert (document["jobs"][0]["instance"], document["jobs"][0]["state"]) == (SCAN, "queued")
    assert post(desk, f"{path}/analyze", body)[1] == {**document, "queued": 0}
    assert get(desk, f"{path}/jobs")[1]["jobs"] == document["jobs"]
    assert get(desk, f"{path}/jobs", limit="0")[1] == {"jobs": [], "total": 1}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("what", ["jobs", "analyze"])
def test_a_resource_that_orthanc_does_not_have_is_404(
    asked: tuple[Desk, SmallOrthanc], level: str, what: str
) -> None:
    path = f"{level}/{UNKNOWN}/{what}"
    status, document = get(asked[0], path) if what == "jobs" else post(asked[0], path)
    assert (status, document["error"]) == (404, "Not found")
    assert document["details"] == f"Orthanc has no {UNKNOWN} among its {level}"


@pytest.mark.parametrize(
    "name",
    ["1", SCAN.upper(), f"{SCAN}-00000000", SCAN[:-1], "..", "'; DROP TABLE jobs; --"],
)
def test_an_identifier_of_another_form_is_400_and_never_reaches_orthanc(
    asked: tuple[Desk, SmallOrthanc], name: str
) -> None:
    desk, orthanc = asked
    for status, document in (
        get(desk, f"studies/{name}/jobs"),
        post(desk, f"studies/{name}/analyze"),
    ):
        assert status == 400
        assert str(document["details"]).startswith("resource has to be an identifier of Orthanc")
    assert orthanc.requests == []


@pytest.mark.parametrize(
    ("body", "status", "details"),
    [
        (b"{", 400, "the body has to be empty or a JSON object"),
        (b"[]", 400, "the body has to be empty or a JSON object"),
        (b"\xff", 400, "the body has to be empty or a JSON object"),
        (b"[" * 60_000, 400, "the body has to be empty or a JSON object"),
        (b'{"Colour": 3}', 400, "unknown key 'Colour' in the body"),
        (b'{"Priority": "3"}', 400, "Priority has to be a whole number from"),
        (b'{"Priority": true}', 400, "Priority has to be a whole number from"),
        (b'{"Priority": 1e999}', 400, "Priority has to be a whole number from"),
        (b'{"Priority": NaN}', 400, "the body has to be empty or a JSON object"),
        (b'{"Synchronous": 1}', 400, "Synchronous has to be true or false, got 1"),
        (b" " * (MAXIMUM_BODY + 1), 413, "At most 65536 bytes are read"),
    ],
)
def test_a_body_that_makes_no_sense_changes_nothing(
    asked: tuple[Desk, SmallOrthanc], body: bytes, status: int, details: str
) -> None:
    desk, _ = asked
    answered, document = post(desk, f"instances/{SCAN}/analyze", body)
    assert answered == status
    assert document["details"].startswith(details)
    assert get(desk, "jobs")[1]["total"] == 0


def test_what_cannot_be_a_scan_is_422(asked: tuple[Desk, SmallOrthanc]) -> None:
    desk, orthanc = asked
    orthanc.classes[SCAN] = "1.2.840.10008.5.1.4.1.1.2"
    status, document = post(desk, f"studies/{STUDY}/analyze")
    assert (status, document["error"]) == (422, "Nothing to analyze")
    assert document["details"] == "None of 1 instances can be a scan: only NM is read"


def test_an_orthanc_in_trouble_is_503(asked: tuple[Desk, SmallOrthanc]) -> None:
    desk, orthanc = asked
    orthanc.broken.add("studies")
    status, document = post(desk, f"studies/{STUDY}/analyze")
    assert (status, document["error"]) == (503, "Not possible now")
    assert document["details"] == "Orthanc answered 500 to /studies/…"


@pytest.mark.parametrize("what", ["jobs", "analyze"])
def test_while_adjuvant_is_off_nothing_is_asked_for(what: str) -> None:
    desk = Desk(Health("0.1.0"), Inbox())
    desk.health.become("off", "Adjuvant.Enabled is false")
    path = f"series/{UNKNOWN}/{what}"
    status, document = get(desk, path) if what == "jobs" else post(desk, path)
    assert status == 503
    assert document == {"error": "Adjuvant is off", "details": "Adjuvant.Enabled is false"}


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
