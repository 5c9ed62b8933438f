"""Orthanc's own users are respected from outside and do not keep us out inside.

The Orthanc that tests share has users, so that every result in the other files was stored past
them. HTTPS is tested in tests/adjuvant/test_archive.py against another server: Debian 12's Orthanc
itself ends with a segmentation fault at the first HTTPS request, with or without plugins.
"""

from __future__ import annotations

import pytest
import requests

from adjuvant.api import ROUTES
from adjuvant.rest.table import Route
from tests.builder import to_bytes
from tests.integration.conftest import USER
from tests.integration.hospital import Hospital, scan

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
