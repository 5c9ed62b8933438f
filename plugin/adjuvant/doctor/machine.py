"""Folders, room, memory, the network's doors, and the Orthanc that may be running already."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from adjuvant.doctor.finding import Finding, ok, warning, wrong
from adjuvant.doctor.patient import READ, WRITE, Patient

FULL_BYTES = 100 << 20
TIGHT_BYTES = 2 << 30
MEMORY_BYTES = 1536 << 20  # what a process with TensorFlow and a network takes, and some room
TIMEOUT_S = 5.0


def examine_folders(patient: Patient) -> Iterator[Finding]:
    """Can the ledger be written, and is there room?"""
    data, who = patient.ours("DataDirectory", "data/adjuvant"), patient.account.name
    existing = next(one for one in [data, *data.parents] if one.exists())
    if not existing.is_dir():
        yield wrong(f"{existing} is no folder", 'remove it, or choose another "DataDirectory"')
        return
    if patient.account.may(WRITE, existing):
        yield ok(f"{who} may write DataDirectory {data}")
    else:
        yield wrong(
            f"{who}, who runs Orthanc, may not write DataDirectory {data}",
            f"install -d -o {who} {data}",
        )
    stored = next(one for one in [patient.storage, *patient.storage.parents] if one.exists())
    for folder in {existing.stat().st_dev: existing, stored.stat().st_dev: stored}.values():
        yield _room(folder)


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB are free on the disk of {folder}"
    mend = "make room, or choose a larger disk"
    if free < FULL_BYTES:
        return wrong(said, mend)
    return warning(said, mend) if free < TIGHT_BYTES else ok(said)


def examine_memory() -> Iterator[Finding]:
    """Is there memory for one more process with a network?"""
    pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    available = _available() or pages * size
    if available < MEMORY_BYTES:
        yield warning(
            f"{available / 1e9:.1f} GB of memory are available: a network takes about 1.3 GB",
            "give this machine more memory, or end what takes it",
        )
    else:
        yield ok(f"{available / 1e9:.1f} GB of memory are available")


def _available() -> int | None:
    """What Linux would give without swapping; None where it does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    told = fields.get("MemAvailable", "").split()
    return int(told[0]) << 10 if told else None


def examine_doors(patient: Patient) -> Iterator[Finding]:
    """Are the ports free, or is it this Orthanc that holds them, and how is it?"""
    configuration = patient.configuration
    if configuration.get("HttpServerEnabled", True) is False:
        yield wrong("HttpServerEnabled is false", "set it to true: results are written over HTTP")
        return
    if configuration.get("SslEnabled"):
        yield from _certificate(patient)
    if configuration.get("RemoteAccessAllowed") and not configuration.get(
        "AuthenticationEnabled", True
    ):
        yield warning(
            "anybody who reaches this machine may read and delete everything",
            '"AuthenticationEnabled": true, with "RegisteredUsers"',
        )
    yield from _ports(patient)


def _ports(patient: Patient) -> Iterator[Finding]:
    configuration = patient.configuration
    ports = {"HttpPort": configuration.get("HttpPort", 8042)}
    if configuration.get("DicomServerEnabled", True):
        ports["DicomPort"] = configuration.get("DicomPort", 4242)
    no_ports = [_no_port(key, port) for key, port in ports.items() if not _is_port(port)]
    http = ports["HttpPort"]
    if no_ports:
        yield from no_ports
    elif _is_free(http):
        yield ok(f"port {http} (HttpPort) is free: Orthanc does not run")
        if "DicomPort" in ports:
            yield _unused("DicomPort", ports["DicomPort"])
    else:
        yield _running(patient, http)


def _is_port(port: object) -> bool:
    return type(port) is int and 1 <= port <= 65535


def _no_port(key: str, port: object) -> Finding:
    said = f"{key} is {json.dumps(port)}, which is no port"
    return wrong(said, f'"{key}": a whole number from 1 to 65535, without quotation marks')


def _certificate(patient: Patient) -> Iterator[Finding]:
    """With HTTPS we trust exactly the certificate that Orthanc shows: we have to read it, too."""
    path = patient.certificate
    if not path.exists():
        yield wrong(f"SslCertificate {path} does not exist", "name an existing PEM file")
    elif not patient.account.may(READ, path):
        who = patient.account.name
        yield wrong(f"{who} may not read SslCertificate {path}", f"chgrp {who} {path}")


def _unused(key: str, port: int) -> Finding:
    if _is_free(port):
        return ok(f"port {port} ({key}) is free")
    return wrong(f"port {port} ({key}) is taken by another program", f'choose another "{key}"')


def _running(patient: Patient, port: int) -> Finding:
    """What the Orthanc that holds the port says of us."""
    url = f"{'https' if patient.configuration.get('SslEnabled') else 'http'}://127.0.0.1:{port}"
    context = _context(patient)
    code, status = _ask(f"{url}/adjuvant/status", context)
    if code in (401, 403):
        return ok(f"an Orthanc runs on port {port}; its users may see {url}/adjuvant/status")
    if isinstance(status, dict) and status.get("state") in ("ready", "starting", "standby"):
        alarms = [one.get("what", "") for one in status.get("alarms") or []]
        if alarms:
            return warning(f"Orthanc runs, with an alarm: {alarms[0]}", "see docs/operations.md")
        return ok(f"Orthanc runs on port {port}, and Adjuvant is {status['state']}")
    if isinstance(status, dict) and "state" in status:
        return wrong(
            f"Orthanc runs, but Adjuvant is {status['state']}: {status.get('reason')}",
            "see above; Orthanc has to be restarted where the configuration is what was wrong",
        )
    known, system = _ask(f"{url}/system", context)
    if isinstance(system, dict) and "DicomAet" in system:
        return wrong(
            f"the Orthanc that runs on port {port} has no Adjuvant in it",
            "restart it, and read its log",
        )
    answer = f"answers {known}" if known else "does not speak HTTP"
    return wrong(
        f"port {port} (HttpPort) is taken by something that {answer}", 'choose another "HttpPort"'
    )


def _context(patient: Patient) -> ssl.SSLContext:
    """Nothing secret is sent: Orthanc's certificate may be whose it will. Where Orthanc asks for
    ours, we show what `archive.connection` shows."""
    context = ssl._create_unverified_context()
    if patient.configuration.get("SslEnabled") and patient.configuration.get("SslVerifyPeers"):
        with suppress(FileNotFoundError, ssl.SSLError):  # Orthanc could not use it either
            patient.certificate.open().close()  # its PermissionError names the file
            context.load_cert_chain(patient.certificate)
    return context


def _ask(url: str, context: ssl.SSLContext) -> tuple[int | None, Any]:
    """HTTP status and document; None where there is none."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code, None
    except ValueError:
        return 200, None
    except (OSError, HTTPException):
        return None, None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except PermissionError:  # a port below 1024, and we are not root: does anybody answer?
            return probe.connect_ex(("127.0.0.1", port)) != 0
        except OSError as fault:
            return fault.errno != errno.EADDRINUSE
        return True
