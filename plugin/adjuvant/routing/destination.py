"""What Orthanc is asked for one destination: to send, what became of it, to have it confirmed.

Sending is a job of Orthanc, asked for asynchronously. Its identifier is written down and looked at
until it has ended: so nothing is sent again that is still on its way, also after Orthanc was
killed, for it goes on with its jobs; and no HTTP thread of Orthanc waits for somebody else's PACS.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from adjuvant.archive import Archive
from adjuvant.config import RouteSettings
from adjuvant.errors import ArchiveFault

CONFIGURED = {"modality": "/modalities", "peer": "/peers", "dicom-web": "/dicom-web/servers"}
STORE = {"modality": "store", "peer": "store", "dicom-web": "stow"}
KEYS = {"modality": "DicomModalities", "peer": "OrthancPeers", "dicom-web": "DicomWeb.Servers"}
PROBE_TIMEOUT_S = 5
DIMSE_STATUS = re.compile(r"\b0x[0-9a-fA-F]{4}\b")

Stage = Literal["running", "done", "failed", "unknown"]


@dataclass(frozen=True)
class Progress:
    """How far something is that Orthanc was asked for; `reason` is why it failed."""

    stage: Stage
    reason: str = ""


class Gone(Exception):
    """The instance is not in the archive any more."""


@dataclass(frozen=True)
class Ourselves:
    """The ports on which this Orthanc itself would answer."""

    http_port: int
    dicom_port: int


class Destination:
    """One destination; to be used by one thread. Every method raises ArchiveFault where our own
    Orthanc does not answer."""

    def __init__(
        self, name: str, settings: RouteSettings, archive: Archive, ourselves: Ourselves
    ) -> None:
        self.name = name
        self.settings = settings
        self._archive = archive
        self._ourselves = ourselves
        self._base = f"{CONFIGURED[settings.kind]}/{quote(settings.target, safe='')}"

    def fault(self) -> str | None:
        """Why nothing can be sent there as Orthanc is configured: no such name, or ourselves."""
        kind, target = self.settings.kind, self.settings.target
        known = self._archive.ask("GET", f"{CONFIGURED[kind]}?expand")
        if not isinstance(known, dict):
            return f"Orthanc has no {CONFIGURED[kind]}: its DICOMweb plugin is not loaded"
        if target not in known:
            names = ", ".join(sorted(known)) or "none"
            return f"Orthanc's {KEYS[kind]} has no {target!r} (it has: {names})"
        if self._is_ourselves(known[target]):
            return f"{target!r} is this Orthanc itself: nothing is sent in a circle"
        return None

    def answers(self) -> bool:
        """True where the destination is up: what it did not accept is about the object, then."""
        try:
            if self.settings.kind == "modality":
                self._archive.ask("POST", f"{self._base}/echo", {"Timeout": PROBE_TIMEOUT_S})
            elif self.settings.kind == "peer":
                self._archive.ask("GET", f"{self._base}/system")
            else:
                asked = {"Uri": "/studies", "Arguments": {"limit": "1"}}
                self._archive.ask("POST", f"{self._base}/get", asked)
        except ArchiveFault:
            return False
        return True

    def submit(self, instance: str) -> str:
        """Have Orthanc send an instance; the identifier of its job.

        Raises Gone where the instance was deleted, ArchiveFault where Orthanc does not know the
        destination any more.
        """
        asked: dict[str, Any] = {"Resources": [instance], "Synchronous": False}
        if self.settings.kind == "modality":
            asked["Timeout"] = self.settings.timeout_seconds
        answer = self._archive.ask("POST", f"{self._base}/{STORE[self.settings.kind]}", asked)
        if answer is None:
            if not self._archive.holds(instance):
                raise Gone
            raise ArchiveFault(f"Orthanc does not know {self.settings.target!r} any more")
        return str(answer["ID"])

    def progress(self, job: str) -> Progress:
        """What became of a job; unknown where Orthanc has forgotten it."""
        found = self._archive.ask("GET", f"/jobs/{job}")
        if found is None:
            return Progress("unknown")
        content = found.get("Content") or {}
        if found["State"] == "Success":
            missed = int(content.get("FailedInstancesCount", 0))
            return Progress("failed", "it was not accepted") if missed else Progress("done")
        if found["State"] == "Failure":
            return Progress("failed", _reason(found, content))
        return Progress("running")

    def cancel(self, job: str) -> None:
        """End a job that takes too long."""
        self._archive.ask("POST", f"/jobs/{job}/cancel", {})

    def ask_commitment(self, instance: str) -> str | None:
        """Ask the peer to take over the responsibility (PS3.4 Annex J); the transaction's UID.

        None where the peer answers, but not to this. Raises Gone, and ArchiveFault where the peer
        does not answer at all.
        """
        if not self._archive.holds(instance):
            raise Gone
        asked = {"Resources": [instance], "Timeout": self.settings.timeout_seconds}
        try:
            answer = self._archive.ask("POST", f"{self._base}/storage-commitment", asked)
        except ArchiveFault:
            if not self.answers():
                raise
            return None
        return None if answer is None else str(answer["ID"])

    def commitment(self, transaction: str) -> Progress:
        """What the peer said; unknown where Orthanc has forgotten the question."""
        found = self._archive.ask("GET", f"/storage-commitment/{transaction}")
        if found is None:
            return Progress("unknown")
        if found["Status"] == "Success":
            return Progress("done")
        if found["Status"] == "Failure":
            return Progress("failed", "the peer does not commit itself to what it was sent")
        return Progress("running")

    def _is_ourselves(self, known: dict[str, Any]) -> bool:
        if self.settings.kind == "modality":
            host, port = str(known["Host"]), int(known["Port"])
            return port == self._ourselves.dicom_port and is_local(host)
        url = urlsplit(str(known["Url"]))
        port = url.port or (443 if url.scheme == "https" else 80)
        return port == self._ourselves.http_port and is_local(url.hostname or "")


def is_local(host: str) -> bool:
    """True where a host name leads to this machine."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    return any(_is_own(family, address) for family, _, _, _, address in found)


def _is_own(family: int, address: Any) -> bool:
    """Only an address of this machine can be bound to."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(address)
            return True
    except OSError:
        return False


def _reason(job: dict[str, Any], content: dict[str, Any]) -> str:
    """Orthanc's own words only: those of others may quote a header."""
    reason = str(content.get("FunctionErrorDescription") or job["ErrorDescription"])
    status = DIMSE_STATUS.search(str(job.get("ErrorDetails", "")))
    return f"{reason} (DIMSE status {status[0]})" if status else reason
