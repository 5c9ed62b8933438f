"""Two Orthancs on one PostgreSQL database: each scan is read once, also where one of them dies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from tests.integration.conftest import INDEX, Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan, wait_for
from tests.integration.postgresql import Cluster


class Pair:
    """What starts the one or the other, each with ports and an AE title of its own."""

    def __init__(self, start: Start, folder: Path, index: dict[str, Any]) -> None:
        self._start = start
        self._folder = folder
        self._shared = {**index, "StorageDirectory": str(folder / "storage")}

    def orthanc(
        self, name: str, ledger: str = "ledger", wait_ready: bool = True
    ) -> AbstractContextManager[Hospital]:
        section = {"DataDirectory": str(self._folder / ledger)}
        own = {**self._shared, "DicomAet": name.upper()}
        data = self._folder / name
        return self._start(data, adjuvant=section, orthanc=own, wait_ready=wait_ready)


@pytest.fixture
def pair(start: Start, cluster: Cluster, tmp_path: Path) -> Pair:
    return Pair(start, tmp_path, cluster.index(tmp_path, lock=False))


@pytest.mark.skipif(INDEX != "postgresql", reason="the index is SQLite: make test-postgresql")
def test_the_index_of_the_other_tests_is_in_postgresql(hospital: Hospital) -> None:
    assert "PostgreSQL" in hospital.get("/system")["DatabaseBackendPlugin"]


def require_one_result_each(hospital: Hospital, scans: list[Dataset]) -> dict[str, dict[str, Any]]:
    """Wait until all is read; the jobs, of which each scan has one, by instance."""

    def read() -> list[dict[str, Any]] | None:
        jobs: list[dict[str, Any]] = hospital.get("/adjuvant/jobs?limit=1000")["jobs"]
        is_open = any(job["state"] in ("queued", "running") for job in jobs)
        return jobs if len(jobs) >= len(scans) and not is_open else None

    found = wait_for(read)
    jobs = {job["instance"]: job for job in found}
    assert len(jobs) == len(found) == len(scans)
    for dataset in scans:
        assert jobs[hospital.find(dataset.SOPInstanceUID)]["state"] == "done"
        held = hospital.study(dataset.StudyInstanceUID)
        assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)
    assert hospital.get("/statistics")["CountInstances"] == 4 * len(scans)
    return jobs


def test_one_reads_the_scans_of_both_and_the_other_takes_over_when_it_dies(
    pair: Pair, tmp_path: Path
) -> None:
    before, during = ([scan(128, 128) for _ in range(number)] for number in (4, 10))
    with pair.orthanc("first") as first, pair.orthanc("second") as second:
        status = second.status()
        assert (first.status()["state"], status["state"]) == ("ready", "standby")
        pid = first.server.process.pid
        assert f"another Orthanc on the same index reads (process {pid} on " in status["reason"]
        assert status["alarms"] == []
        assert second.session.get(f"{second.server.url}/adjuvant/jobs", timeout=30).ok is False
        first.send_by_dicom(before[:2], tmp_path / "sent")
        second.send_by_dicom(before[2:], tmp_path / "sent")
        jobs = require_one_result_each(first, before)
        assert {job["attempts"] for job in jobs.values()} == {1}
        assert second.status()["queue"]["queued"] == 0

        first.send_by_dicom(during[:5], tmp_path / "sent")
        first.server.kill()
        second.send_by_dicom(during[5:], tmp_path / "sent")
        second.wait_for_state("ready")
        jobs = require_one_result_each(second, before + during)
        assert sum(job["attempts"] - 1 for job in jobs.values()) <= 1  # the one that was cut short
        assert second.status()["alarms"] == []
        with pair.orthanc("first") as again:
            assert again.status()["state"] == "standby"


@pytest.mark.skipif(INDEX != "postgresql", reason="takes long: make test-postgresql runs it")
def test_with_a_ledger_each_both_read_every_scan_and_its_results_are_stored_once(
    pair: Pair, tmp_path: Path
) -> None:
    scans = [scan(128, 128) for _ in range(4)]
    with (
        pair.orthanc("first", "ledger-1", wait_ready=False) as first,
        pair.orthanc("second", "ledger-2") as second,
    ):
        first.wait_for_state("ready")
        first.send_by_dicom(scans[:2], tmp_path / "sent")
        second.send_by_dicom(scans[2:], tmp_path / "sent")
        results = [
            {instance: job["results"] for instance, job in jobs.items()}
            for jobs in (require_one_result_each(one, scans) for one in (first, second))
        ]
        assert results[0] == results[1]
