"""Whatever is sent ends as a result or as a refusal with its reason, and the worker lives on."""

from __future__ import annotations

import pytest

from adjuvant.delivery import UNREPORTED
from tests.builder import to_bytes
from tests.headers import BAD_INPUTS
from tests.integration.hospital import Hospital, scan


@pytest.mark.parametrize("name", [name for name, bad in BAD_INPUTS.items() if bad.stored])
def test_bad_input_is_refused_with_its_reason(hospital: Hospital, name: str) -> None:
    bad = BAD_INPUTS[name]
    job = hospital.wait_for_end(hospital.send_by_rest(bad.data()))
    assert (job["state"], job["code"]) == ("refused", bad.code), job
    assert job["reason"]
    reported = bad.code not in UNREPORTED
    assert [result["kind"] for result in job["results"]] == ["SR"] * reported


def test_after_all_that_the_worker_still_reads(hospital: Hospital) -> None:
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(scan())))
    assert job["state"] == "done", job
    assert hospital.status()["alarms"] == []


HOSTILE = ("'; DROP TABLE jobs; --", "<script>alert(1)</script>", "{0}%s%n\\u0000", "thyroid " * 7)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_descriptions_do_no_harm(hospital: Hospital, text: str) -> None:
    dataset = scan(StudyDescription=text, SeriesDescription=text, ProtocolName=text)
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    assert job["state"] == "done", job
    assert hospital.status()["alarms"] == []
