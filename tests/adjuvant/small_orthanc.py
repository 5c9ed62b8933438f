"""A small server with the answers of Orthanc's REST API that `adjuvant.archive` relies on.

For what a real Orthanc does not do on request: errors, silence, wrong parents, HTTPS (Debian 12's
Orthanc ends with a segmentation fault there). The real one is used in tests/integration.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from adjuvant.results.identity import orthanc_identifier

TOKEN = "Bearer secret-token"
NM = "1.2.840.10008.5.1.4.1.1.20"


@dataclass
class SmallOrthanc:
    """Its instances by identifier, and the troubles it is to make."""

    url: str = ""
    instances: dict[str, bytes] = field(default_factory=dict)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)  # one a second
    stores: int = 0
    unstable: set[str] = field(default_factory=set)
    dates: list[str] = field(default_factory=list)  # of the changes, where only these matter
    stable: list[str] = field(default_factory=list)  # what the change log says to be so
    broken: set[str] = field(default_factory=set)
    unopenable: set[str] = field(default_factory=set)  # instances whose files cannot be opened
    store_status: str = "Success"
    file_under: tuple[str, str] = ("patient", "study")
    requests: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    _clock: Iterator[int] = field(default_factory=lambda: count(100_000))

    def __post_init__(self) -> None:
        self.gate.set()

    def put(self, name: str, data: bytes) -> None:
        """An instance that is there already."""
        self._keep(name, data)
        self.parents[name] = ("patient", "study")

    def _keep(self, name: str, data: bytes) -> None:
        self.instances[name] = data
        self.received[name] = f"20260131T{next(self._clock):06}"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self.requests.append(f"{method} {path}")
        self.gate.wait(20)
        if any(word in path for word in self.broken):
            return 500, b"{}"
        name, *rest = path.strip("/").split("/")
        if rest[1:] == ["file"] and rest[0] in self.unopenable:
            return 404, b"{}"
        if path == "/system":
            return 200, b'{"Version": "1.10.1"}'
        if path == "/tools/lookup":
            return 200, json.dumps(self._lookup(body.decode())).encode()
        if (method, path) == ("POST", "/instances"):
            return 200, json.dumps(self._store(body)).encode()
        if name.startswith("changes?"):
            return 200, json.dumps(self._changes(name)).encode()
        if path == "/tools/bulk-content":
            return 200, json.dumps(self._bulk(json.loads(body)["Resources"][0])).encode()
        if path == "/studies":
            held = {self.parents[one][1] for one in self.instances}
            return 200, json.dumps(sorted(held, reverse=True)).encode()
        if name.startswith("series?"):
            return 200, json.dumps(self._series(name)).encode()
        if name == "studies" and any(rest == [study] for _, study in self.parents.values()):
            return 200, json.dumps({"IsStable": rest[0] not in self.unstable}).encode()
        if (name, rest) == ("series", ["s"]):
            return 200, json.dumps({"IsStable": "s" not in self.unstable}).encode()
        if name == "instances" and rest[0] in self.instances:
            return 200, self._instance(method, rest)
        return 404, b"{}"

    def _instance(self, method: str, rest: list[str]) -> bytes:
        instance, what = rest[0], rest[-1]
        if method == "DELETE":
            del self.instances[instance]
            return b"{}"
        if what == "file":
            return self.instances[instance]
        if what == "SopClassUid":
            return self.classes.get(instance, NM).encode()
        if what == "md5":
            return hashlib.md5(self.instances[instance], usedforsecurity=False).hexdigest().encode()
        patient, study = self.parents[instance]
        found: dict[str, Any] = {"ID": study, "ParentPatient": patient, "ParentSeries": "s"}
        if rest == [instance]:
            found["MainDicomTags"] = self._main_tags(instance)
        return json.dumps(found).encode()

    def _main_tags(self, instance: str) -> dict[str, str]:
        """Nothing of what is no DICOM file, which the real one does not hold."""
        try:
            header = pydicom.dcmread(BytesIO(self.instances[instance]), stop_before_pixels=True)
        except InvalidDicomError:
            return {}
        return {"SOPInstanceUID": str(header.SOPInstanceUID)}

    def _bulk(self, resource: str) -> list[dict[str, Any]]:
        """The instance, or those of the study or of its one series, with their metadata."""
        return [
            {"ID": one, "MainDicomTags": self._main_tags(one), "Metadata": self._metadata(one)}
            for one in self.instances
            if resource in (one, self.parents[one][1], "s")
        ]

    def _metadata(self, instance: str) -> dict[str, str]:
        sop_class = self.classes.get(instance, NM)
        return {"SopClassUid": sop_class, "ReceptionDate": self.received.get(instance, "")}

    def _lookup(self, uid: str) -> list[dict[str, str]]:
        found = [name for name, data in self.instances.items() if uid.encode() in data]
        return [{"ID": name, "Type": "Instance"} for name in found]

    def _store(self, body: bytes) -> dict[str, str]:
        if self.store_status != "Success":
            return {"Status": self.store_status}
        self.stores += 1
        header = pydicom.dcmread(BytesIO(body))
        name = orthanc_identifier(header)
        self._keep(name, body)
        self.classes[name] = str(header.SOPClassUID)
        self.parents[name] = self.file_under
        patient, study = self.file_under
        answer = {"ID": name, "ParentSeries": "s", "Status": "Success"}
        return {**answer, "ParentPatient": patient, "ParentStudy": study}

    def _changes(self, asked: str) -> dict[str, Any]:
        if self.dates:
            dated = [{"Seq": n, "Date": date} for n, date in enumerate(self.dates, 1)]
            since = len(dated) if asked.endswith("last") else int(asked.split("=")[1].split("&")[0])
            return {"Changes": dated[since : since + 1], "Last": len(dated), "Done": True}
        new = [
            {"ID": name, "ChangeType": "NewInstance", "Date": self.received.get(name, "")}
            for name in self.instances
        ]
        stable = [{"ID": name, "ChangeType": "StableStudy"} for name in self.stable]
        changes = [{"ID": "p", "ChangeType": "NewPatient"}, *new, *stable]
        return {"Changes": changes, "Last": 9, "Done": True}

    def _series(self, asked: str) -> list[dict[str, Any]]:
        """Every instance as a series of its own."""
        query = dict(piece.split("=") for piece in asked.split("?")[1].split("&") if "=" in piece)
        since, limit = int(query["since"]), int(query["limit"])
        some = list(self.instances)[since : since + limit]
        return [{"MainDicomTags": {"Modality": "NM"}, "Instances": [one]} for one in some]


@contextmanager
def small_orthanc(
    certificate: Path | None = None, verify_peers: bool = False
) -> Iterator[SmallOrthanc]:
    """A running one; over HTTPS where a certificate (with its key) is given.

    With `verify_peers`, it speaks with nobody who does not show that certificate.
    """
    orthanc = SmallOrthanc()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = 401, b"{}"
            if self.headers["Authorization"] == TOKEN:
                status, answer = orthanc.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None: ...

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None: ...

    server = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if verify_peers:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    orthanc.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield orthanc
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate with its key in one PEM file, as SslCertificate wants it."""
    key, public, both = (folder / f"{name}.{kind}" for kind in ("key", "crt", "pem"))
    subject = ["-subj", f"/CN={name}", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    command = ["openssl", "req", "-x509", *subject, "-keyout", str(key), "-out", str(public)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text(key.read_text() + public.read_text())
    return both
