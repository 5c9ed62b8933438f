"""What surrounds the archive in these tests: modalities that send, people who look."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import pydicom
import requests
from pydicom import Dataset
from pydicom.uid import generate_uid
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from deploy.serve import Server
from tests.builder import nm_dataset, thyroid_counts, to_bytes

PATIENT_NAME = "Geheimnis^Gudrun"
PATIENT_ID = "GEHEIM-4711"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
WAIT_S = 200.0  # for a busy machine: who waits in vain fails, however fast it is

Answer = TypeVar("Answer")


def scan(rows: int = 256, columns: int = 256, frames: int = 1, **tags: Any) -> Dataset:
    """A thyroid scan of a new study of a patient whose name must not be seen in any log."""
    tags = {"PatientName": PATIENT_NAME, "PatientID": PATIENT_ID, **tags}
    views = ("anterior", "left anterior oblique")[:frames]
    return nm_dataset(thyroid_counts(rows, columns, frames), views=views, **tags)


def wait_for(what: Callable[[], Answer | None], timeout_s: float = WAIT_S) -> Answer:
    """What `what` answers as soon as it is true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s:g} s in vain")


@dataclass
class Hospital:
    """One archive as its surroundings see it, over DICOM, REST and DICOMweb."""

    server: Server
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        # Under load Orthanc's HTTP server drops a connection now and then.
        retries = Retry(total=3, status=0, allowed_methods=None, backoff_factor=0.05)
        self.session.mount("http://", HTTPAdapter(max_retries=retries))

    # Sending

    def send_by_dicom(self, scans: Iterable[Dataset], folder: Path) -> None:
        """C-STORE with DCMTK, all scans over one association; returns when all are accepted."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for dataset in scans:
            paths.append(folder / f"{dataset.SOPInstanceUID}.dcm")
            paths[-1].write_bytes(to_bytes(dataset))
        port = str(self.server.dicom_port)
        command = ["storescu", "-aec", "ADJUVANT", "localhost", port, *map(str, paths)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def send_by_rest(self, data: bytes) -> str:
        """POST /instances; Orthanc's identifier of the instance."""
        return str(self.post("/instances", data)["ID"])

    def send_by_stow(self, data: bytes) -> None:
        """DICOMweb STOW-RS (PS3.18 section 10.5)."""
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = self.session.post(
            f"{self.server.url}/dicom-web/studies",
            data=head + data + f"\r\n--{boundary}--\r\n".encode(),
            headers={"Content-Type": kind, "Accept": "application/dicom+json"},
            timeout=30,
        )
        answer.raise_for_status()

    # Looking

    def get(self, path: str) -> Any:
        """JSON of GET."""
        answer = self.session.get(self.server.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def text(self, path: str) -> str:
        """Text of GET."""
        answer = self.session.get(self.server.url + path, timeout=30)
        answer.raise_for_status()
        return answer.text

    def post(self, path: str, data: bytes) -> Any:
        """JSON of POST."""
        answer = self.session.post(self.server.url + path, data=data, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def status(self) -> dict[str, Any]:
        """What the plugin says of itself."""
        status: dict[str, Any] = self.get("/adjuvant/status")
        return status

    def wait_for_state(self, state: str) -> dict[str, Any]:
        """The status as soon as the plugin is in `state`."""
        return wait_for(lambda: s if (s := self.status())["state"] == state else None)

    def find(self, sop_instance_uid: str) -> str:
        """Orthanc's identifier of the instance with this UID."""
        found = self.post("/tools/lookup", sop_instance_uid.encode())
        (entry,) = [one for one in found if one["Type"] == "Instance"]
        return str(entry["ID"])

    def job(self, instance: str) -> dict[str, Any] | None:
        """The job of an instance."""
        answer = self.session.get(f"{self.server.url}/adjuvant/jobs?limit=1000", timeout=30)
        if answer.status_code == 503:  # as long as no ledger is open
            assert answer.json()["error"] != "Adjuvant is off", answer.json()
            return None
        answer.raise_for_status()
        jobs = answer.json()["jobs"]
        return next((job for job in jobs if job["instance"] == instance), None)

    def wait_for_end(self, instance: str) -> dict[str, Any]:
        """The job of an instance, when it is done, refused or failed."""

        def ended() -> dict[str, Any] | None:
            job = self.job(instance)
            return job if job and job["state"] in ("done", "refused", "failed") else None

        return wait_for(ended)

    def wait_until_idle(self) -> dict[str, int]:
        """The counts of the ledger, when nothing is queued nor running."""

        def idle() -> dict[str, int] | None:
            queue: dict[str, int] = self.status()["queue"]
            return None if queue["queued"] or queue["running"] else queue

        return wait_for(idle)

    def read(self, instance: str) -> Dataset:
        """The stored DICOM object."""
        answer = self.session.get(f"{self.server.url}/instances/{instance}/file", timeout=30)
        answer.raise_for_status()
        return pydicom.dcmread(BytesIO(answer.content))

    def study(self, study_instance_uid: str) -> dict[str, list[Dataset]]:
        """SOP Class UID -> everything of that class that the study holds."""
        query = {"StudyInstanceUID": study_instance_uid}
        body = {"Level": "Instance", "Query": query}
        held: dict[str, list[Dataset]] = {}
        for instance in self.post("/tools/find", json.dumps(body).encode()):
            dataset = self.read(instance)
            held.setdefault(str(dataset.SOPClassUID), []).append(dataset)
        return held

    def log(self) -> str:
        """Everything that Orthanc and the plugin have said so far."""
        return self.server.log.read_text(errors="replace")


def new_instance_uid(dataset: Dataset) -> Dataset:
    """The same scan once more as another instance of its series."""
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return dataset
