"""Rules on a real Orthanc: explained, tried, activated, and obeyed when a study is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import Hospital, scan, wait_for

WHOLE = {
    "Name": "whole study",
    "When": {"Tag": "StudyDescription", "Matches": "(?i)waiting"},
    "Interpretation": "thyroid",
    "Level": "study",
    "Results": ["SEG", "SC"],
    "Priority": 5,
}


@pytest.fixture(scope="module")
def department(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    data = tmp_path_factory.mktemp("rules")
    with start(data, orthanc={"StableAge": 1}, wait_ready=False) as hospital:
        hospital.wait_for_state("ready")
        yield hospital


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
