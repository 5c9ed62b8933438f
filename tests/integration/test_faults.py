"""What goes wrong around a real Orthanc: the disk is full, a second one is started, results go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.builder import to_bytes
from tests.disks import fill, small_disk
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan, wait_for

__all__ = ["small_disk"]  # the fixture


def test_a_full_disk_is_an_alarm_and_no_scan_is_lost_by_it(
    start: Start, small_disk: Path, tmp_path: Path
) -> None:
    settings = {"DataDirectory": str(small_disk / "adjuvant")}
    with start(tmp_path / "data", adjuvant=settings, wait_ready=False) as hospital:
        hospital.wait_for_state("ready")
        obstacle = fill(small_disk)
        scans = [scan(128, 128) for _ in range(3)]
        instances = [hospital.send_by_rest(to_bytes(one)) for one in scans]  # stored all the same
        status = hospital.wait_for_state("degraded")
        alarms = [alarm["what"] for alarm in status["alarms"]]  # corrections have their own
        assert all("disk is full" in what for what in alarms)
        assert status["reason"] in alarms
        obstacle.unlink()
        for dataset, instance in zip(scans, instances, strict=True):
            assert hospital.wait_for_end(instance)["state"] == "done"
            held = hospital.study(dataset.StudyInstanceUID)
            assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)
        hospital.wait_for_state("ready")
        wait_for(lambda: hospital.status()["alarms"] == [])


def test_a_second_orthanc_on_the_same_ledger_is_refused_and_still_stores(
    hospital: Hospital, start: Start, tmp_path: Path
) -> None:
    folder = hospital.server.data / "adjuvant"
    with start(tmp_path, adjuvant={"DataDirectory": str(folder)}, wait_ready=False) as second:
        status = second.wait_for_state("degraded")
        pid = hospital.server.process.pid
        said = f"DataDirectory {folder} is in use by another Orthanc (process {pid} on "
        assert said in status["alarms"][0]["what"]
        instance = second.send_by_rest(to_bytes(scan(64, 64)))
        assert second.get(f"/instances/{instance}")["ID"] == instance
        assert second.get("/changes?last")["Last"] > 0
    assert hospital.status()["state"] == "ready"


def test_a_corrupt_ledger_is_an_alarm_and_a_new_one_is_filled_from_the_archive(
    start: Start, tmp_path: Path
) -> None:
    dataset = scan(128, 128)
    with start(tmp_path) as hospital:
        before = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    (tmp_path / "adjuvant" / "ledger.sqlite").write_bytes(b"no database " * 1000)
    with start(tmp_path, wait_ready=False) as hospital:
        job = hospital.wait_for_end(before["instance"])
        assert (job["state"], job["results"]) == ("done", before["results"])
        held = hospital.study(dataset.StudyInstanceUID)
        assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)
        status = hospital.wait_for_state("ready")
        (alarm,) = status["alarms"]
        assert "it was set aside as ledger.sqlite.corrupt-" in alarm["what"]


def test_a_reconciliation_brings_back_results_that_were_deleted(hospital: Hospital) -> None:
    dataset = scan(128, 128)
    job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
    gone = job["results"][0]["instance"]
    hospital.session.delete(f"{hospital.server.url}/instances/{gone}").raise_for_status()
    assert hospital.post("/adjuvant/reconcile", b"")["state"] == "running"

    def reconciled() -> dict[str, Any] | None:
        progress: dict[str, Any] = hospital.get("/adjuvant/reconcile")
        return progress if progress["state"] == "done" else None

    progress = wait_for(reconciled)
    assert progress["queued"] >= 1
    assert progress["studies"] == progress["total"] >= 1
    hospital.wait_until_idle()
    held = hospital.study(dataset.StudyInstanceUID)
    assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)
    assert hospital.job(job["instance"])["attempts"] == 1
