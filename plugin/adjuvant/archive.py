"""The few things that are asked of Orthanc, over its REST API on the loopback interface.

HTTP and never the plugin SDK: a call of the SDK keeps the interpreter's lock while it waits for
Orthanc's, whose holder may be waiting for the interpreter in OnStoredInstance. Tried: a deadlock.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.pinning import Pinned, fingerprint

TIMEOUT_S = (2.0, 30.0)  # to connect, and between two bytes
CHUNK = 1 << 20
POLL_S = 0.2
START_S = 30.0  # so long may Orthanc's REST API take to answer at first
LATE_POLL_S = 5.0
# Under load Orthanc's HTTP server drops a connection now and then (tried: 1 in 600 on 1.10.1).
# Whatever we ask may be asked twice: a result that is stored again is "AlreadyStored". At once,
# then after 0.4 s and 0.8 s: where it is Orthanc's end, we are told of it meanwhile.
RETRIES = Retry(total=3, status=0, redirect=0, other=0, allowed_methods=None, backoff_factor=0.2)
STORED = ("Success", "AlreadyStored")
STABLE = ("StableSeries", "StableStudy")


@dataclass(frozen=True)
class Connection:
    """How to reach Orthanc from inside.

    `token` is what `orthanc.GenerateRestApiAuthorizationToken()` gave; `certificate` is the PEM
    file of Orthanc's own certificate where it speaks HTTPS; `client_certificate` is shown where
    Orthanc asks for one (SslVerifyPeers).
    """

    url: str
    token: str
    certificate: Path | None = None
    client_certificate: Path | None = None

    @cached_property
    def pinned(self) -> str | None:
        """The fingerprint of `certificate` when it was first asked for: where the file is renewed,
        Orthanc goes on with the one that it has read. Raises ArchiveFault where there is none."""
        return None if self.certificate is None else fingerprint(self.certificate)


@dataclass(frozen=True)
class Parents:
    """Orthanc's identifiers of the patient and the study that an instance is filed under."""

    patient: str
    study: str


@dataclass(frozen=True)
class Filed:
    """An instance as Orthanc's index tells of it, which reads no file. `received` is when Orthanc
    stored it, in UTC: YYYYMMDDTHHMMSS."""

    instance: str
    sop_class: str
    uid: str
    received: str


@dataclass(frozen=True)
class Stored:
    """Orthanc's answer to a store: identifiers, and whether the instance is new."""

    instance: str
    series: str
    parents: Parents
    new: bool


@dataclass(frozen=True)
class Changes:
    """One page of the change log: new instances, the last number on it, whether more follow.

    `stable` are the series and studies to which nothing was added for some time (`StableAge`),
    `stored` says when each of the instances was (the last time, in UTC: YYYYMMDDTHHMMSS).
    """

    instances: tuple[str, ...]
    last: int
    done: bool
    stable: tuple[str, ...] = ()
    stored: Mapping[str, str] = field(default_factory=dict, compare=False)


def connection(configuration: Mapping[str, Any], folder: Path, token: str) -> Connection:
    """Read from Orthanc's whole configuration how to reach it; paths are relative to `folder`.

    Raises ArchiveFault where the configuration has no REST API to reach.
    """
    if configuration.get("HttpServerEnabled", True) is False:
        raise ArchiveFault("HttpServerEnabled is false: Adjuvant needs Orthanc's REST API")
    port = configuration.get("HttpPort", 8042)
    if not configuration.get("SslEnabled", False):
        return Connection(f"http://127.0.0.1:{port}", token)
    certificate = folder / str(configuration.get("SslCertificate", "certificate.pem"))
    shown = certificate if configuration.get("SslVerifyPeers", False) else None
    return Connection(f"https://127.0.0.1:{port}", token, certificate, shown)


class Archive:
    """One HTTP session with Orthanc; to be used by one thread.

    Every method raises ArchiveFault where Orthanc answers with an error or not at all.
    """

    def __init__(
        self,
        where: Connection,
        maximum_bytes: int,
        timeout_s: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self._where = where
        self._timeout_s = timeout_s
        self._maximum_bytes = maximum_bytes
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment does not lead to ourselves
        self._session.headers["Authorization"] = where.token
        self._session.mount("http://", HTTPAdapter(max_retries=RETRIES))
        if where.pinned is not None:
            self._session.verify = False  # the fingerprint is checked instead
            self._session.mount("https://", Pinned(where.pinned, RETRIES))
        if where.client_certificate is not None:
            self._session.cert = str(where.client_certificate)

    def another(self, timeout_s: tuple[float, float]) -> Archive:
        """A second session with the same Orthanc, for another thread."""
        return Archive(self._where, self._maximum_bytes, timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def version(self) -> str:
        """Orthanc's version: the first thing that answers when it is up."""
        return str(self._json("GET", "/system")["Version"])

    def read(self, instance: str) -> bytes:
        """The DICOM file of an instance.

        Raises Refusal where it is larger than the limit, or deleted meanwhile.
        """
        with self._answer("GET", f"/instances/{instance}/file", stream=True) as answer:
            # Orthanc says 404 of a file as well that is there, and that it cannot open just now.
            if answer.status_code == 404 and not self.holds(instance):
                raise deleted()
            self._require(answer, "/instances/…/file")
            data = bytearray()
            for chunk in answer.iter_content(CHUNK):
                data += chunk
                if len(data) > self._maximum_bytes:
                    limit = self._maximum_bytes >> 20
                    raise Refusal("too-large", f"the file is larger than {limit} MiB")
            return bytes(data)

    def sop_class(self, instance: str) -> str | None:
        """The SOP Class UID of an instance; None where it is not there any more."""
        with self._answer("GET", f"/instances/{instance}/metadata/SopClassUid") as answer:
            if answer.status_code == 404:
                return None
            self._require(answer, "/instances/…/metadata")
            return answer.text.strip()

    def md5(self, instance: str) -> str | None:
        """The MD5 of the file of an instance, as Orthanc wrote it down when it was stored; None
        where the instance is gone, and where Orthanc keeps none (StoreMD5ForAttachments)."""
        with self._answer("GET", f"/instances/{instance}/attachments/dicom/md5") as answer:
            if answer.status_code == 404:
                return None
            self._require(answer, "/instances/…/md5")
            return answer.text.strip() or None

    def sop_instance_uid(self, instance: str) -> str:
        """The SOP Instance UID; raises Refusal where the instance was deleted meanwhile."""
        with self._answer("GET", f"/instances/{instance}") as answer:
            if answer.status_code == 404:
                raise deleted()
            self._require(answer, "/instances/…")
            return str(answer.json()["MainDicomTags"]["SOPInstanceUID"])

    def holds(self, instance: str) -> bool:
        """True where Orthanc has an instance with this identifier of its own."""
        with self._answer("GET", f"/instances/{instance}/metadata") as answer:
            if answer.status_code != 404:
                self._require(answer, "/instances/…")
            return answer.status_code != 404

    def held(self, level: str, resource: str) -> dict[str, str | None] | None:
        """Every instance of a resource and its SOP Class UID where Orthanc knows it.

        `level` is instances, series or studies; None where there is no such resource.
        """
        with self._answer("GET", f"/{level}/{resource}") as answer:
            if answer.status_code == 404:
                return None
            self._require(answer, f"/{level}/…")
        asked = {"Resources": [resource], "Level": "Instance", "Metadata": True, "Short": True}
        found = self._json("POST", "/tools/bulk-content", data=json.dumps(asked).encode())
        return {one["ID"]: one["Metadata"].get("SopClassUid") for one in found}

    def filed(self, study: str) -> list[Filed]:
        """Every instance of a study, none where there is no such study."""
        asked = {"Resources": [study], "Level": "Instance", "Metadata": True}
        return [
            Filed(
                one["ID"],
                one["Metadata"].get("SopClassUid", ""),
                one["MainDicomTags"].get("SOPInstanceUID", ""),
                one["Metadata"].get("ReceptionDate", ""),
            )
            for one in self.ask("POST", "/tools/bulk-content", asked) or []
        ]

    def studies(self) -> list[str]:
        """Orthanc's identifiers of all studies."""
        return [str(study) for study in self._json("GET", "/studies")]

    def parents(self, instance: str) -> Parents:
        """Patient and study of an instance; raises Refusal where it was deleted meanwhile."""
        with self._answer("GET", f"/instances/{instance}/study") as answer:
            if answer.status_code == 404:
                raise deleted()
            self._require(answer, "/instances/…/study")
            study = answer.json()
            return Parents(study["ParentPatient"], study["ID"])

    def series_page(self, since: int, limit: int) -> list[tuple[str, list[str]]]:
        """Modality and instances of some of all series, in the order that Orthanc lists them."""
        page = self._json("GET", f"/series?since={since}&limit={limit}&expand")
        return [(one["MainDicomTags"].get("Modality", ""), one["Instances"]) for one in page]

    def is_stable(self, level: str, resource: str) -> bool | None:
        """Whether a series or study (`level`: studies) grows no more; None where it is gone."""
        with self._answer("GET", f"/{level}/{resource}") as answer:
            if answer.status_code == 404:
                return None
            self._require(answer, f"/{level}/…")
            return bool(answer.json()["IsStable"])

    def find(self, sop_instance_uid: str) -> list[str]:
        """Orthanc's identifiers of every instance with this SOP Instance UID."""
        found = self._json("POST", "/tools/lookup", data=sop_instance_uid.encode())
        return [entry["ID"] for entry in found if entry["Type"] == "Instance"]

    def series(self, instance: str) -> str:
        """Orthanc's identifier of the series of an instance."""
        return str(self._json("GET", f"/instances/{instance}")["ParentSeries"])

    def store(self, data: bytes) -> Stored:
        """Store a DICOM file; anything but "stored" or "was there already" is an ArchiveFault."""
        said = self._json("POST", "/instances", data=data)
        if said.get("Status") not in STORED:
            raise ArchiveFault(f"Orthanc did not store a result: status {said.get('Status')!r}")
        parents = Parents(said["ParentPatient"], said["ParentStudy"])
        return Stored(said["ID"], said["ParentSeries"], parents, said["Status"] == "Success")

    def delete(self, instance: str) -> None:
        """Delete an instance, if it is still there; nothing else than a result of ours."""
        with self._answer("DELETE", f"/instances/{instance}") as answer:
            if answer.status_code != 404:
                self._require(answer, "/instances/…")

    def keep_metadata(self, instance: str, number: int, value: str) -> None:
        """Write metadata of our own of an instance; `number` is from 1024 on. Nothing happens
        where the instance is gone."""
        path = f"/instances/{instance}/metadata/{number}"
        with self._answer("PUT", path, data=value.encode()) as answer:
            if answer.status_code != 404:
                self._require(answer, "/instances/…/metadata")

    def changes(self, since: int, limit: int = 1000) -> Changes:
        """One page of the change log, after number `since`."""
        page = self._json("GET", f"/changes?since={since}&limit={limit}")
        new = {c["ID"]: c["Date"] for c in page["Changes"] if c["ChangeType"] == "NewInstance"}
        stable = dict.fromkeys(c["ID"] for c in page["Changes"] if c["ChangeType"] in STABLE)
        return Changes(tuple(new), int(page["Last"]), bool(page["Done"]), tuple(stable), new)

    def last_change(self, before: str | None = None) -> int:
        """The number of the newest change, of those older than `before` (UTC, YYYYMMDDTHHMMSS)
        where that is given; 0 where there is none."""
        low, high = 0, int(self._json("GET", "/changes?last")["Last"])
        if before is None:
            return high
        while low < high:  # what comes after `high` is not older, what comes before `low` is
            middle = (low + high) // 2
            following = self._json("GET", f"/changes?since={middle}&limit=1")["Changes"]
            if following and following[0]["Date"] < before:
                low = int(following[0]["Seq"])
            else:
                high = middle
        return low

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """JSON of any other resource of Orthanc; None where there is no such thing."""
        data = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, data=data) as answer:
            if answer.status_code == 404:
                return None
            self._require(answer, path.split("?")[0])
            try:
                return answer.json()
            except requests.JSONDecodeError as fault:
                raise ArchiveFault(f"{path} did not answer with JSON") from fault

    def _json(self, method: str, path: str, data: bytes | None = None) -> Any:
        with self._answer(method, path, data=data) as answer:
            self._require(answer, path)
            try:
                return answer.json()
            except requests.JSONDecodeError as fault:
                raise ArchiveFault(f"{path} did not answer with JSON") from fault

    @contextmanager
    def _answer(
        self, method: str, path: str, data: bytes | None = None, stream: bool = False
    ) -> Iterator[requests.Response]:
        try:
            with self._session.request(
                method, self._where.url + path, data=data, stream=stream, timeout=self._timeout_s
            ) as answer:
                yield answer
        except requests.RequestException as fault:
            # The exception's text may hold a URL, never a header: tokens stay out of the log.
            raise ArchiveFault(f"Orthanc's REST API: {type(fault).__name__}") from fault

    def _require(self, answer: requests.Response, path: str) -> None:
        if not answer.ok:
            status = answer.status_code
            raise ArchiveFault(f"Orthanc answered {status} to {path}", status)


def wait_for_archive(
    archive: Archive, stop: threading.Event, complain: Callable[[ArchiveFault], None]
) -> bool:
    """Return True when Orthanc's REST API answers, False when told to stop before. Where that
    takes longer than a start does, `complain` is told why, once and again."""
    patient_until = time.monotonic() + START_S
    while not stop.is_set():
        try:
            archive.version()
            return True
        except ArchiveFault as fault:
            late = time.monotonic() >= patient_until
            if late:
                complain(fault)
            stop.wait(LATE_POLL_S if late else POLL_S)
    return False


def deleted() -> Refusal:
    """What a job ends with whose scan is not there any more."""
    return Refusal("deleted", "the scan was deleted from Orthanc before its analysis ended")
