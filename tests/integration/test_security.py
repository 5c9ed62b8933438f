"""Orthanc's own users are respected from outside and do not keep us out inside.

HTTPS is tested in tests/adjuvant/test_archive.py against another server: Debian 12's Orthanc
itself ends with a segmentation fault at the first HTTPS request, with or without plugins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import Hospital, scan

USER = ("physician", "correct-horse")


@pytest.fixture(scope="module")
def guarded(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    settings: dict[str, Any] = {"AuthenticationEnabled": True, "RegisteredUsers": dict([USER])}
    data = tmp_path_factory.mktemp("guarded")
    with start(data, orthanc=settings, wait_ready=False) as hospital:
        hospital.session.auth = USER
        yield hospital


def test_results_arrive_where_orthanc_has_users(guarded: Hospital) -> None:
    guarded.wait_for_state("ready")
    job = guarded.wait_for_end(guarded.send_by_rest(to_bytes(scan())))
    assert job["state"] == "done", job


@pytest.mark.parametrize("path", ["/adjuvant/status", "/adjuvant/jobs", "/adjuvant/jobs/1"])
def test_nobody_reads_our_routes_without_being_a_user(guarded: Hospital, path: str) -> None:
    answer = requests.get(guarded.server.url + path, timeout=10)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/adjuvant/nothing", 404),
        ("GET", "/adjuvant/jobs/0", 404),
        ("GET", "/adjuvant/jobs?state=lost", 400),
        ("GET", "/adjuvant/jobs?limit=-1", 400),
        ("POST", "/adjuvant/status", 405),
        ("DELETE", "/adjuvant/jobs/1", 405),
    ],
)
def test_routes_answer_with_the_right_status(
    hospital: Hospital, method: str, path: str, status: int
) -> None:
    answer = hospital.session.request(method, hospital.server.url + path, data=b"", timeout=10)
    assert answer.status_code == status
    if status == 405:  # Orthanc gives this one no body
        assert answer.headers["Allow"] == "GET"
    else:
        assert answer.headers["Content-Type"] == "application/json"
        assert set(answer.json()) == {"error", "details"}


def test_the_ledger_holds_no_patient(hospital: Hospital) -> None:
    dataset = scan(PatientName="Verborgen^Veronika", PatientID="VERBORGEN-1")
    hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    state = hospital.server.data / "adjuvant"
    everything = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    everything += hospital.session.get(hospital.server.url + "/adjuvant/jobs", timeout=10).content
    assert b"verborgen" not in everything.lower()
    assert b"verborgen" not in hospital.log().lower().encode()
