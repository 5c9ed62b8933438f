"""Stops, crashes and pauses: Orthanc ends in time, and no scan is lost or read twice."""

from __future__ import annotations

import time
from pathlib import Path

from pydicom import Dataset

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, Hospital, scan


def require_one_result_each(hospital: Hospital, scans: list[Dataset]) -> None:
    hospital.wait_until_idle()
    for dataset in scans:
        job = hospital.wait_for_end(hospital.find(dataset.SOPInstanceUID))
        assert job["state"] == "done", job
        held = hospital.study(dataset.StudyInstanceUID)
        assert (len(held[SEG]), len(held[SC])) == (1, 1)


def test_a_stop_during_work_ends_in_time_and_the_next_start_goes_on(
    start: Start, tmp_path: Path
) -> None:
    scans = [scan() for _ in range(25)]
    with start(tmp_path / "data") as hospital:
        hospital.send_by_dicom(scans, tmp_path / "sent")
        assert hospital.status()["queue"]["done"] < len(scans)
        begin = time.monotonic()
        assert hospital.server.stop() == 0
        assert time.monotonic() - begin < 10
    with start(tmp_path / "data") as hospital:
        require_one_result_each(hospital, scans)


def test_a_stop_while_the_model_is_loading_ends_in_time(start: Start, tmp_path: Path) -> None:
    with start(tmp_path / "data", wait_ready=False) as hospital:
        time.sleep(1.5)
        assert hospital.status()["state"] == "starting"
        begin = time.monotonic()
        assert hospital.server.stop() == 0
        assert time.monotonic() - begin < 10


def test_after_a_power_cut_the_next_start_finds_every_scan(start: Start, tmp_path: Path) -> None:
    scans = [scan() for _ in range(12)]
    with start(tmp_path / "data") as hospital:
        hospital.send_by_dicom(scans, tmp_path / "sent")
        hospital.server.kill()
    with start(tmp_path / "data") as hospital:
        require_one_result_each(hospital, scans)


def test_what_came_while_the_plugin_was_off_is_found_later(start: Start, tmp_path: Path) -> None:
    older, during = scan(), scan()
    data = tmp_path / "data"
    with start(data, adjuvant={"Enabled": False}) as hospital:
        assert hospital.status()["reason"] == "Adjuvant.Enabled is false"
        hospital.send_by_rest(to_bytes(older))
    with start(data) as hospital:
        # What was there before Adjuvant's first start is not touched unasked.
        assert hospital.wait_until_idle()["done"] == 0
    with start(data, adjuvant={"Enabled": False}) as hospital:
        hospital.send_by_rest(to_bytes(during))
    (data / "adjuvant" / "ledger.sqlite").write_bytes(b"this was a database " * 500)
    with start(data) as hospital:
        require_one_result_each(hospital, [during])
        assert hospital.job(hospital.find(older.SOPInstanceUID)) is None
        (alarm,) = hospital.status()["alarms"]
        assert "set aside as ledger.sqlite.corrupt-" in alarm["what"]


def test_an_existing_archive_is_read_where_that_is_asked_for(start: Start, tmp_path: Path) -> None:
    older = scan()
    with start(tmp_path / "data", adjuvant={"Enabled": False}) as hospital:
        hospital.send_by_rest(to_bytes(older))
    with start(tmp_path / "data", adjuvant={"AnalyseExisting": True}) as hospital:
        require_one_result_each(hospital, [older])
