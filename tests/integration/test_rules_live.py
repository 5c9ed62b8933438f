"""Rules on a real Orthanc: explained, tried, activated, and obeyed when a study is complete.

On an Orthanc of its own, with a modality that writes down what is sent to it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SR, Hospital, new_instance_uid, scan, wait_for

NM = "1.2.840.10008.5.1.4.1.1.20"

WHOLE = {
    "Name": "whole study",
    "When": {"Tag": "StudyDescription", "Matches": "(?i)waiting"},
    "Interpretation": "thyroid",
    "Level": "study",
    "Results": ["SEG", "SC"],
    "Priority": 5,
}
SENT_ON = {
    "Name": "whole series",
    "When": {"Tag": "StudyDescription", "Matches": "(?i)second opinion"},
    "Interpretation": "thyroid",
    "Level": "series",
    "Routing": ["opinion"],
}
ROUTE = {"Kind": "modality", "Target": "opinion", "Send": ["SR", "source"], "Always": False}


@dataclass(frozen=True)
class Department:
    """An Orthanc, and the SOP Class UIDs that the modality behind its route has received."""

    hospital: Hospital
    received: list[str]


@pytest.fixture(scope="module")
def place(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Department]:
    received: list[str] = []

    def take(event: evt.Event) -> int:
        received.append(str(event.request.AffectedSOPClassUID))
        return 0x0000

    modality = AE("OPINION")
    modality.supported_contexts = AllStoragePresentationContexts
    modality.add_supported_context("1.2.840.10008.1.1")
    server = modality.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    port = server.socket.getsockname()[1]
    orthanc = {"StableAge": 1, "DicomModalities": {"opinion": ["OPINION", "127.0.0.1", port]}}
    routes = {"Routes": {"opinion": ROUTE}}
    data = tmp_path_factory.mktemp("rules")
    with start(data, adjuvant=routes, orthanc=orthanc, wait_ready=False) as hospital:
        hospital.wait_for_state("ready")
        yield Department(hospital, received)
    server.shutdown()


@pytest.fixture
def department(place: Department) -> Hospital:
    return place.hospital


def post(hospital: Hospital, path: str, document: Any) -> tuple[int, Any]:
    url = f"{hospital.server.url}/adjuvant/{path}"
    answer = hospital.session.post(url, data=json.dumps(document), timeout=60)
    return answer.status_code, answer.json()


def test_rules_are_explained_tried_changed_and_obeyed(department: Hospital) -> None:
    plain = department.send_by_rest(to_bytes(scan(128, 128)))
    assert department.wait_for_end(plain)["state"] == "done"
    (said,) = department.get(f"/adjuvant/explain/instances/{plain}")["rules"]
    assert (said["applies"], said["decides"], said["condition"]) == (True, True, "When.Thyroid")

    status, run = post(department, "rules/dry-run", {"Rules": [WHOLE]})
    assert (status, run["proposed"] != run["active"]) == (200, True)

    def tried() -> dict[str, Any] | None:
        report = department.get("/adjuvant/rules/dry-run")
        return report if report["state"] != "running" else None

    report = wait_for(tried)
    assert (report["state"], report["read_now"], report["would_be_read"]) == ("done", 1, 0)
    assert report["rules"][0]["examples"]["no_longer_applies"] == [plain]

    status, refused = post(department, "rules", {"Rules": [{**WHOLE, "Level": "patient"}]})
    assert (status, refused["error"]) == (422, "Invalid rules")
    assert "'whole study' Level: has to be one of" in refused["details"]
    assert department.get("/adjuvant/rules")["source"] == "orthanc.json"

    status, active = post(department, "rules", {"Rules": [WHOLE]})
    assert (status, active["source"], active["digest"]) == (200, "REST", report["proposed"])
    sent = department.post("/instances", to_bytes(scan(128, 128, StudyDescription="Waiting")))
    job = department.wait_for_end(sent["ID"])
    assert job["state"] == "done"
    assert [result["kind"] for result in job["results"]] == ["SEG", "SC"]
    assert job["summary"]["rule"] == "whole study"
    study = department.wait_for_end(sent["ParentStudy"])
    assert (study["state"], study["summary"]) == ("done", {"scans_queued": 1})

    status, back = post(department, "rules/reload", {})
    assert (status, back["source"]) == (200, "orthanc.json")
    assert not (Path(department.server.data) / "adjuvant" / "rules.json").exists()


def test_a_rule_sends_the_scans_of_a_whole_series_and_their_results_by_its_route(
    place: Department,
) -> None:
    hospital = place.hospital
    rest = {"Name": "rest", "When": {"Thyroid": True}, "Interpretation": "thyroid"}
    assert post(hospital, "rules", {"Rules": [SENT_ON, rest]})[0] == 200
    plain = hospital.send_by_rest(to_bytes(scan(64, 64)))
    first = scan(64, 64, StudyDescription="Second opinion")
    sent = [hospital.post("/instances", to_bytes(first))]
    sent.append(hospital.post("/instances", to_bytes(new_instance_uid(first))))
    (series,) = {one["ParentSeries"] for one in sent}
    assert hospital.wait_for_end(series)["summary"] == {"scans_queued": 2}
    jobs = [hospital.wait_for_end(one) for one in (plain, *(one["ID"] for one in sent))]
    assert [job["summary"]["rule"] for job in jobs] == ["rest", "whole series", "whole series"]
    wait_for(lambda: hospital.get("/adjuvant/routing")["destinations"][0]["sent"] >= 4)
    assert Counter(place.received) == {NM: 2, SR: 2}
    assert post(hospital, "rules/reload", {})[0] == 200
