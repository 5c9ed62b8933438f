"""Our routes on a real Orthanc: what was read of a resource, and to have it read again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builder import to_bytes
from tests.integration.hospital import SC, SEG, SR, Hospital, new_instance_uid, scan

UNKNOWN = "-".join(5 * ["0" * 8])
LEVELS = ("instances", "series", "studies")
CALLERS = 12


@dataclass(frozen=True)
class Read:
    """A study of two scans that were read; `above` is the first by each level."""

    study_uid: str
    instances: tuple[str, str]
    above: dict[str, str]


@pytest.fixture(scope="module")
def read(hospital: Hospital) -> Read:
    dataset = scan(128, 128)
    first = hospital.post("/instances", to_bytes(dataset))
    second = hospital.send_by_rest(to_bytes(new_instance_uid(dataset)))
    for instance in (first["ID"], second):
        assert hospital.wait_for_end(instance)["state"] == "done"
    above = {
        "instances": first["ID"],
        "series": first["ParentSeries"],
        "studies": first["ParentStudy"],
    }
    return Read(dataset.StudyInstanceUID, (first["ID"], second), above)


def ask(hospital: Hospital, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and JSON."""
    url = f"{hospital.server.url}/adjuvant/{path}"
    answer = hospital.session.request(method, url, data=body, timeout=60)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("level", LEVELS)
def test_the_jobs_of_a_resource_are_those_of_its_instances(
    hospital: Hospital, read: Read, level: str
) -> None:
    status, document = ask(hospital, "GET", f"{level}/{read.above[level]}/jobs")
    expected = read.instances[:1] if level == "instances" else read.instances
    assert status == 200
    assert {job["instance"] for job in document["jobs"]} == set(expected)
    assert document["total"] == len(expected)
    assert {job["state"] for job in document["jobs"]} == {"done"}


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_done_is_answered_with_its_job_and_stored_no_second_time(
    hospital: Hospital, read: Read, level: str
) -> None:
    before = ask(hospital, "GET", f"{level}/{read.above[level]}/jobs")[1]
    status, document = ask(hospital, "POST", f"{level}/{read.above[level]}/analyze", b"{}")
    assert status == 200
    assert document == {"queued": 0, **before}
    hospital.wait_until_idle()
    held = hospital.study(read.study_uid)
    assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (2, 2, 2)


def test_a_scan_whose_results_were_deleted_is_read_again(hospital: Hospital) -> None:
    dataset = scan(128, 128)
    sent = hospital.post("/instances", to_bytes(dataset))
    first = hospital.wait_for_end(sent["ID"])
    for result in first["results"]:
        url = f"{hospital.server.url}/instances/{result['instance']}"
        hospital.session.delete(url, timeout=60).raise_for_status()
    status, document = ask(hospital, "POST", f"studies/{sent['ParentStudy']}/analyze")
    assert (status, document["queued"], document["total"]) == (200, 1, 1)
    hospital.wait_until_idle()
    again = hospital.wait_for_end(sent["ID"])
    assert (again["id"], again["state"]) == (first["id"], "done")
    assert again["results"] == first["results"]
    held = hospital.study(dataset.StudyInstanceUID)
    assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)


def test_a_refused_scan_is_tried_again_and_refused_again(hospital: Hospital) -> None:
    dataset = scan(BodyPartExamined="HIP", StudyDescription="Bone", SeriesDescription="Hip")
    instance = hospital.send_by_rest(to_bytes(dataset))
    first = hospital.wait_for_end(instance)
    status, document = ask(hospital, "POST", f"instances/{instance}/analyze", b"{}")
    assert (status, document["queued"]) == (200, 1)
    hospital.wait_until_idle()
    again = hospital.wait_for_end(instance)
    assert (again["state"], again["reason"]) == ("refused", first["reason"])
    assert again["started"] > first["started"]


def test_our_own_results_are_not_read(hospital: Hospital, read: Read) -> None:
    results = hospital.job(read.instances[0])["results"]  # type: ignore[index]
    for result in results:
        status, document = ask(hospital, "POST", f"instances/{result['instance']}/analyze")
        assert (status, document["error"]) == (422, "Nothing to analyze")
        assert ask(hospital, "GET", f"instances/{result['instance']}/jobs")[1]["jobs"] == []


def test_many_people_ask_at_once_while_scans_arrive(hospital: Hospital, read: Read) -> None:
    path = f"studies/{read.above['studies']}"

    def look(number: int) -> int:
        method, what = ("POST", "analyze") if number % 2 else ("GET", "jobs")
        return ask(hospital, method, f"{path}/{what}")[0]

    scans = [to_bytes(scan(64, 64)) for _ in range(CALLERS)]
    with ThreadPoolExecutor(2 * CALLERS) as people:
        asked = people.map(look, range(CALLERS))
        sent = people.map(hospital.send_by_rest, scans)
        # Who finds too many before him may be sent away with 503 by a slow machine.
        assert set(asked) <= {200, 503}
        instances = list(sent)
    for instance in instances:
        assert hospital.wait_for_end(instance)["state"] == "done"
    assert ask(hospital, "GET", f"{path}/jobs")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("GET", "jobs/0", 400),
        ("GET", "jobs?state=lost", 400),
        ("GET", "jobs?limit=-1", 400),
        ("GET", "studies", 404),
        ("GET", f"patients/{UNKNOWN}/jobs", 404),
        *(("GET", f"{level}/{UNKNOWN}/jobs", 404) for level in LEVELS),
        *(("POST", f"{level}/{UNKNOWN}/analyze", 404) for level in LEVELS),
        ("GET", f"studies/{UNKNOWN}/jobs?state=done", 400),
        ("GET", "studies/1/jobs", 400),
        ("POST", "instances/x'; DROP TABLE jobs; --/analyze", 400),
        ("POST", "instances/%22%3Cscript%3E/analyze", 400),
        ("POST", "instances/%2E%2E/analyze", 404),  # Orthanc itself takes the dots out
        ("GET", "series/" + "a" * 2000 + "/jobs", 400),
        ("GET", "series/%C3%A9%E2%80%AE/jobs", 400),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(
    hospital: Hospital, method: str, path: str, status: int
) -> None:
    answered, document = ask(hospital, method, path, b"")
    assert answered == status
    assert set(document) == {"error", "details"}


@pytest.mark.parametrize(
    ("body", "status"), [(b"[]", 400), (b'{"Synchronous": 1}', 400), (b" " * 70_000, 413)]
)
def test_a_body_that_makes_no_sense_is_told_so(
    hospital: Hospital, read: Read, body: bytes, status: int
) -> None:
    path = f"instances/{read.instances[0]}/analyze"
    answered, document = ask(hospital, "POST", path, body)
    assert answered == status
    assert set(document) == {"error", "details"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "status", "GET"),
        ("DELETE", "jobs/1", "GET"),
        ("PUT", f"studies/{UNKNOWN}/jobs", "GET"),
        ("GET", f"studies/{UNKNOWN}/analyze", "POST"),
        ("DELETE", f"instances/{UNKNOWN}/analyze", "POST"),
    ],
)
def test_another_method_is_refused_and_the_right_one_named(
    hospital: Hospital, method: str, path: str, allow: str
) -> None:
    url = f"{hospital.server.url}/adjuvant/{path}"
    answer = hospital.session.request(method, url, data=b"", timeout=60)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
