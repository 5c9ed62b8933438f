"""What the demo and the benchmarks ask of a running Orthanc, over HTTP and DICOM."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

TIMEOUT_S = 30.0
FINAL_STATES = ("done", "refused", "failed")


class ClientError(Exception):
    """Orthanc or the plugin answered otherwise than expected; the text is one line."""


class Client:
    """Orthanc's REST API and ours, as far as the demo and the benchmarks need them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the surroundings has no part in loopback

    def get(self, path: str) -> requests.Response:
        """The answer to GET; raises ClientError unless it is 200."""
        return self._checked("GET", path)

    def json(self, path: str) -> Any:
        """The answer to GET, decoded."""
        return self.get(path).json()

    def post(self, path: str, document: Any) -> Any:
        """The answer to POST of JSON, decoded; raises ClientError unless it is 200."""
        return self._checked("POST", path, data=json.dumps(document)).json()

    def status(self) -> dict[str, Any]:
        """`/adjuvant/status`."""
        status: dict[str, Any] = self.json("/adjuvant/status")
        return status

    def find(self, uid: str) -> str | None:
        """Orthanc's identifier of a study, series or instance UID; None where it has none."""
        found = self._checked("POST", "/tools/lookup", data=uid).json()
        return found[0]["ID"] if found else None

    def job_of(self, instance: str) -> dict[str, Any] | None:
        """The newest job on an instance (Orthanc's identifier); None before there is one."""
        jobs = self.json("/adjuvant/jobs?limit=200")["jobs"]
        return next((job for job in jobs if job["instance"] == instance), None)

    def picture(self, instance: str) -> bytes:
        """The first frame of an instance as Orthanc renders it (PNG)."""
        return self.get(f"/instances/{instance}/preview").content

    def _checked(self, method: str, path: str, data: str | None = None) -> requests.Response:
        try:
            answer = self._session.request(method, self.url + path, data=data, timeout=TIMEOUT_S)
        except requests.RequestException as fault:
            kind = type(fault).__name__
            raise ClientError(f"no answer from {self.url}{path} ({kind})") from fault
        if answer.status_code != 200:
            raise ClientError(f"{method} {path} answered {answer.status_code}")
        return answer


def storescu() -> str:
    """The path of DCMTK's storescu; raises ClientError where it is not installed.

    A virtual environment may hold pynetdicom's command of the same name.
    """
    program = shutil.which("storescu", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise ClientError("storescu is not installed: apt-get install dcmtk")
    return program


def store(file: Path, dicom_port: int) -> None:
    """Send one file by C-STORE as a camera does, with DCMTK's storescu.

    Raises ClientError with storescu's own last line where the file is not accepted.
    """
    command = [
        storescu(),
        "--required",
        "-aec",
        "ADJUVANT",
        "localhost",
        str(dicom_port),
        str(file),
    ]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if sent.returncode:
        lines = (sent.stdout + sent.stderr).strip().splitlines() or ["no message"]
        raise ClientError(f"storescu ended with {sent.returncode}: {lines[-1]}")
