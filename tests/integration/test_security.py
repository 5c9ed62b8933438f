"""Orthanc's own users are respected from outside and do not keep us out inside.

The Orthanc that tests share has users, so that every result in the other files was stored past
them. HTTPS is tested in tests/adjuvant/test_archive.py against another server: Debian 12's Orthanc
itself ends with a segmentation fault at the first HTTPS request, with or without plugins.
"""

from __future__ import annotations

import pytest
import requests

from tests.builder import to_bytes
from tests.integration.hospital import Hospital, scan

RESOURCE = "-".join(5 * ["0" * 8])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "status"),
        ("GET", "jobs"),
        ("GET", "jobs/1"),
        ("GET", f"studies/{RESOURCE}/jobs"),
        ("POST", f"studies/{RESOURCE}/analyze"),
    ],
)
def test_nobody_uses_our_routes_without_being_a_user(
    hospital: Hospital, method: str, path: str
) -> None:
    answer = requests.request(method, f"{hospital.server.url}/adjuvant/{path}", timeout=60)
    assert answer.status_code == 401


def test_the_ledger_holds_no_patient(hospital: Hospital) -> None:
    dataset = scan(PatientName="Verborgen^Veronika", PatientID="VERBORGEN-1")
    hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    state = hospital.server.data / "adjuvant"
    everything = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    everything += hospital.session.get(hospital.server.url + "/adjuvant/jobs", timeout=60).content
    assert b"verborgen" not in everything.lower()
    assert b"verborgen" not in hospital.log().lower().encode()
