"""Stops, crashes and pauses: Orthanc ends in time, and no scan is lost or read twice."""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from pydicom import Dataset

from deploy.serve import STOP_S
from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan


def require_one_result_each(hospital: Hospital, scans: list[Dataset]) -> None:
    hospital.wait_until_idle()
    for dataset in scans:
        job = hospital.wait_for_end(hospital.find(dataset.SOPInstanceUID))
        assert job["state"] == "done", job
        held = hospital.study(dataset.StudyInstanceUID)
        assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)


def stop_in_time(hospital: Hospital) -> None:
    """SIGTERM, and an end within 10 s: each waiting process of a busy machine takes its share."""
    share = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert hospital.server.stop(STOP_S * share) == 0


def test_neither_a_stop_nor_a_power_cut_during_work_loses_or_doubles_anything(
    start: Start, tmp_path: Path
) -> None:
    before_the_stop, before_the_cut = ([scan() for _ in range(number)] for number in (25, 12))
    with start(tmp_path / "data") as hospital:
        hospital.send_by_dicom(before_the_stop, tmp_path / "sent")
        assert hospital.status()["queue"]["done"] < len(before_the_stop)
        stop_in_time(hospital)
        assert re.findall(r".*(?:job-put-off|alarm|does not end).*", hospital.log()) == []
    with start(tmp_path / "data") as hospital:
        require_one_result_each(hospital, before_the_stop)
        hospital.send_by_dicom(before_the_cut, tmp_path / "sent")
        hospital.server.kill()
    with start(tmp_path / "data") as hospital:
        require_one_result_each(hospital, before_the_stop + before_the_cut)


def test_a_stop_while_the_model_is_loading_ends_in_time(start: Start, tmp_path: Path) -> None:
    with start(tmp_path / "data", wait_ready=False) as hospital:
        time.sleep(1.5)
        assert hospital.status()["state"] == "starting"
        stop_in_time(hospital)


def test_a_stop_while_somebody_waits_for_an_answer_ends_in_time(
    start: Start, tmp_path: Path
) -> None:
    with start(tmp_path / "data") as hospital:
        hospital.post("/adjuvant/pause", b"")  # a quick machine has read them all otherwise
        for _ in range(60):
            last = hospital.send_by_rest(to_bytes(scan()))
        hospital.post("/adjuvant/resume", b"")
        path = f"/adjuvant/instances/{last}/analyze"
        waiting = threading.Thread(target=ask_and_wait, args=(hospital.server.url + path,))
        waiting.start()
        time.sleep(0.5)
        assert waiting.is_alive()
        stop_in_time(hospital)
        waiting.join()


def ask_and_wait(url: str) -> None:
    """A synchronous request, of which Orthanc's end may leave nothing."""
    with suppress(requests.ConnectionError):
        requests.post(url, json={"Synchronous": True}, timeout=60)


def test_what_came_while_the_plugin_was_off_is_found_later(start: Start, tmp_path: Path) -> None:
    older, during = scan(), scan()
    data = tmp_path / "data"
    with start(data, adjuvant={"Enabled": False}) as hospital:
        assert hospital.status()["reason"] == "Adjuvant.Enabled is false"
        hospital.send_by_rest(to_bytes(older))
        time.sleep(1)  # the change log counts seconds
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


def test_what_came_before_the_first_ledger_is_read(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # the change log writes times in UTC
    early = scan()
    with start(tmp_path / "data", adjuvant={"VirtualEnvironment": "/nowhere"}) as hospital:
        hospital.send_by_rest(to_bytes(early))
        hospital.server.kill()
    assert not (tmp_path / "data" / "adjuvant" / "ledger.sqlite").exists()
    with start(tmp_path / "data") as hospital:
        require_one_result_each(hospital, [early])


def test_an_existing_archive_is_read_where_that_is_asked_for(start: Start, tmp_path: Path) -> None:
    older = scan()
    with start(tmp_path / "data", adjuvant={"Enabled": False}) as hospital:
        hospital.send_by_rest(to_bytes(older))
    with start(tmp_path / "data", adjuvant={"AnalyseExisting": True}) as hospital:
        require_one_result_each(hospital, [older])
