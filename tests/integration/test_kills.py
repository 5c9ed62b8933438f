"""Orthanc killed at random moments, again and again, while scans come in and results go out.

What has to hold in the end: nothing that Orthanc acknowledged is lost, every stored scan that is
eligible has exactly one set of results, and the ledger says of each what the archive holds.
`make test-kills` does it thirty times; ADJUVANT_KILLS and ADJUVANT_SEED choose other numbers.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan, wait_for
from tests.integration.tiny import IN_SERVICE, write_tiny_model

KILLS = int(os.environ.get("ADJUVANT_KILLS", "5"))
SEED = int(os.environ.get("ADJUVANT_SEED", "20"))
SENDERS = 3
SCANS_OF_A_LIFE = 2  # by each sender, and one more before Orthanc reads
LATEST_S = 2.0  # of a kill, after Orthanc answers or after it reads


@dataclass
class Sent:
    """What the modalities have sent; those that Orthanc acknowledged must never be lost."""

    random: random.Random
    scans: list[Dataset] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self) -> Dataset:
        """A new scan, mostly of a thyroid; sometimes one that was sent before."""
        with self.lock:
            if self.scans and self.random.random() < 0.15:
                return self.random.choice(self.scans)
            knee = {"BodyPartExamined": "KNEE", "StudyDescription": "Knee"}
            other = self.random.random() < 0.15
            drawn = scan(128, 128, **({**knee, "SeriesDescription": "Knee"} if other else {}))
            self.scans.append(drawn)
            return drawn

    def send(self, port: int, number: int, folder: Path) -> None:
        """One association of DCMTK's storescu; it ends when all is sent, or with Orthanc."""
        drawn = [self.draw() for _ in range(number)]
        paths = [folder / f"{uuid.uuid4().hex}.dcm" for _ in drawn]
        for path, dataset in zip(paths, drawn, strict=True):
            path.write_bytes(to_bytes(dataset))
        command = ["storescu", "-v", "-to", "20", "localhost", str(port), *map(str, paths)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        answers = (said.stdout + said.stderr).count("Received Store Response (Success)")
        with self.lock:
            self.acknowledged |= {str(one.SOPInstanceUID) for one in drawn[:answers]}


def is_thyroid(dataset: Dataset) -> bool:
    return bool(dataset.StudyDescription != "Knee")


def one_life(hospital: Hospital, sent: Sent, folder: Path) -> None:
    """Bursts of C-STORE into an Orthanc that starts, reads, and is killed at a random moment."""
    early = sent.random.random() < 0.25
    wait_s = sent.random.random() * LATEST_S
    with ThreadPoolExecutor(SENDERS) as senders:
        port = hospital.server.dicom_port
        for _ in range(SENDERS):
            senders.submit(sent.send, port, 1, folder)
        if not early:
            hospital.wait_for_state("ready")
            for _ in range(SENDERS):
                senders.submit(sent.send, port, SCANS_OF_A_LIFE, folder)
        time.sleep(wait_s)
        hospital.server.kill()


def was_running(data: Path) -> bool:
    """True where the kill cut a job short, as the ledger's file says."""
    ledger = data / "adjuvant" / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(ledger)) as database:
            return bool(database.execute("SELECT 1 FROM jobs WHERE state='running'").fetchone())
    except sqlite3.OperationalError:  # killed before there was a folder or a table
        return False


def is_idle(hospital: Hospital, least: int) -> bool:
    """True where at least so many jobs are there, and none is left to do."""
    queue = hospital.status()["queue"]
    return sum(queue.values()) >= least and not queue["queued"] and not queue["running"]


def all_jobs(hospital: Hospital) -> dict[str, dict[str, Any]]:
    """The only job of each instance."""
    jobs: list[dict[str, Any]] = []
    while page := hospital.get(f"/adjuvant/jobs?limit=1000&offset={len(jobs)}")["jobs"]:
        jobs += page
    by_instance = {job["instance"]: job for job in jobs}
    assert len(by_instance) == len(jobs)
    return by_instance


def unread(hospital: Hospital, sent: Sent) -> str:
    """What is still missing, for whoever has to find out why."""
    jobs = all_jobs(hospital)
    stored = {
        instance["MainDicomTags"]["SOPInstanceUID"]: instance["ID"]
        for instance in hospital.get("/instances?expand")
    }
    lost = sent.acknowledged - set(stored)
    unknown = {uid for uid in sent.acknowledged & set(stored) if stored[uid] not in jobs}
    waiting = [job for job in jobs.values() if job["state"] in ("queued", "running")]
    return (
        f"queue {hospital.status()['queue']}, alarms {hospital.status()['alarms']}; acknowledged "
        f"but not stored {lost}; stored but without a job {unknown}; waiting {waiting}; changes "
        f"{hospital.get('/changes?limit=1000')}"
    )


def require_agreement(hospital: Hospital, sent: Sent) -> int:
    """Ledger and archive hold the same, and nothing else; the number of scans that were read."""
    jobs, read = all_jobs(hospital), 0
    for dataset in sent.scans:
        held = hospital.study(dataset.StudyInstanceUID)
        originals = held.pop(dataset.SOPClassUID, [])
        if not originals:  # killed before it was stored
            assert dataset.SOPInstanceUID not in sent.acknowledged
            assert held == {}
            continue
        job = jobs.pop(hospital.find(dataset.SOPInstanceUID))
        if not is_thyroid(dataset):
            assert (job["state"], job["code"], held) == ("refused", "not-applicable", {})
            continue
        assert job["state"] == "done", job
        assert {kind: len(objects) for kind, objects in held.items()} == {SEG: 1, SC: 1, SR: 1}
        uids = {one.SOPInstanceUID for objects in held.values() for one in objects}
        assert {result["sop_instance_uid"] for result in job["results"]} == uids
        read += 1
    assert jobs == {}
    return read


@pytest.mark.timeout(300 + 60 * KILLS)
def test_orthanc_may_be_killed_at_any_moment(start: Start, tmp_path: Path) -> None:
    models, data = tmp_path / "models", tmp_path / "data"
    write_tiny_model(models / "thyroid" / IN_SERVICE)
    settings = {"ModelsDirectory": str(models), "MaximumAttempts": 100}
    sent, cut = Sent(random.Random(SEED)), 0
    for _ in range(KILLS):
        with start(data, adjuvant=settings, wait_ready=False) as hospital:
            one_life(hospital, sent, tmp_path)
        cut += was_running(data)
    with start(data, adjuvant=settings) as hospital:
        time.sleep(3)  # the change log is searched every second
        try:
            wait_for(lambda: is_idle(hospital, len(sent.acknowledged)), 60.0 + 30.0 * KILLS)
        except AssertionError as fault:
            raise AssertionError(f"{fault}: {unread(hospital, sent)}") from fault
        read = require_agreement(hospital, sent)
        statistics = hospital.get("/statistics")
        assert hospital.status()["alarms"] == []
    stored = len(sent.acknowledged)
    print(f"{KILLS} kills (seed {SEED}): {cut} cut a job short; {stored} acknowledged, {read} read")
    assert read > KILLS
    assert cut >= KILLS // 5
    assert statistics["CountInstances"] >= stored + 3 * read
