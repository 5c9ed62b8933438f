"""Orthanc's own users are respected from outside and do not keep us out inside.

The Orthanc that tests share has users, so that every result in the other files was stored past
them. HTTPS is tested in tests/adjuvant/test_archive.py against another server: Debian 12's Orthanc
itself ends with a segmentation fault at the first HTTPS request, with or without plugins.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests

from adjuvant.api import ROUTES
from adjuvant.rest.table import Route
from tests.builder import to_bytes
from tests.integration.conftest import USER
from tests.integration.hospital import Hospital, scan

TABLES = ("jobs", "records")
# A value for each variable piece of a path.
VALUES = {
    "resource": "-".join(5 * ["0" * 8]),
    "model": "thyroid",
    "job": 1,
    "correction": 1,
    "destination": "pacs",
}


@pytest.mark.parametrize("route", list(ROUTES), ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("password", [None, ("physician", "wrong")])
def test_nobody_uses_our_routes_without_being_a_user(
    hospital: Hospital, route: Route, password: tuple[str, str] | None
) -> None:
    url = f"{hospital.server.url}/adjuvant/{route.path.format(**VALUES)}"
    assert requests.request(route.method, url, auth=password, timeout=60).status_code == 401


def test_nothing_is_changed_by_reading(hospital: Hospital) -> None:
    """Every GET, with values that are found where there are any: a reader stays a reader."""
    instance = hospital.send_by_rest(to_bytes(scan(64, 64)))
    values = {**VALUES, "resource": instance, "job": hospital.wait_for_end(instance)["id"]}
    hospital.wait_until_idle()
    before, statuses = state_of(hospital), set()
    for route in ROUTES:
        if route.method == "GET":
            url = f"{hospital.server.url}/adjuvant/{route.path.format(**values)}"
            statuses.add(hospital.session.get(url, timeout=60).status_code)
    assert statuses == {200, 404}
    assert state_of(hospital) == before


def state_of(hospital: Hospital) -> list[object]:
    """What is stored, our jobs, and our files but for the databases."""
    folder = hospital.server.data / "adjuvant"
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as database:
        tables = [database.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES]
    files = {path: path.read_bytes() for path in folder.rglob("*") if is_kept(path)}
    return [hospital.get("/changes?last")["Last"], hospital.get("/statistics"), tables, files]


def is_kept(path: Path) -> bool:
    return path.is_file() and ".sqlite" not in path.name


def test_who_asked_is_the_user_whom_orthanc_let_in(hospital: Hospital) -> None:
    for what in ("pause", "resume"):
        hospital.post(f"/adjuvant/{what}", b"{}")
    assert f"Adjuvant: paused by {USER[0]}\n" in hospital.log()
    assert f"Adjuvant: resumed by {USER[0]}\n" in hospital.log()


def test_the_ledger_holds_no_patient(hospital: Hospital) -> None:
    dataset = scan(PatientName="Verborgen^Veronika", PatientID="VERBORGEN-1")
    hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    state = hospital.server.data / "adjuvant"
    everything = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    everything += hospital.session.get(hospital.server.url + "/adjuvant/jobs", timeout=60).content
    assert b"verborgen" not in everything.lower()
    assert b"verborgen" not in hospital.log().lower().encode()
