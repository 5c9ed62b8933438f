"""The doctor finds folders without room or rights, taken ports, and what a running Orthanc says."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import pytest

from adjuvant.doctor import machine
from adjuvant.doctor.machine import examine_doors, examine_folders, examine_memory
from adjuvant.doctor.patient import Patient
from tests.adjuvant.doctor.clinic import bad, closed_to_us, patient
from tests.adjuvant.small_orthanc import make_certificate, small_orthanc
from tests.disks import fill, small_disk
from tests.servers import Answers, greeting, serving

__all__ = ["small_disk"]
NOBODY = 65534


def test_folders_with_rights_and_room_are_as_they_should_be(tmp_path: Path) -> None:
    assert bad(examine_folders(patient(tmp_path))) == []
    assert not (tmp_path / "adjuvant").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks with the eyes of another")
def test_the_owner_of_the_archive_has_to_be_able_to_write_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "orthanc").mkdir()
    os.chown(tmp_path / "orthanc", NOBODY, NOBODY)
    (found,) = bad(examine_folders(patient(tmp_path)))
    assert found.verdict == "wrong"
    assert f"nobody, who runs Orthanc, may not write DataDirectory {tmp_path}/" in found.what
    assert found.mend == f"install -d -o nobody {tmp_path / 'adjuvant'}"


def test_a_file_where_the_ledger_belongs_is_told(tmp_path: Path) -> None:
    (tmp_path / "adjuvant").touch()
    (found,) = examine_folders(patient(tmp_path))
    assert (found.verdict, found.what) == ("wrong", f"{tmp_path}/adjuvant is no folder")


def test_a_full_disk_is_wrong(tmp_path: Path, small_disk: Path) -> None:
    fill(small_disk)
    ill = patient(tmp_path, adjuvant={"DataDirectory": str(small_disk / "adjuvant")})
    (found,) = bad(examine_folders(ill))
    assert found.verdict == "wrong"
    assert found.what == f"0.0 GB are free on the disk of {small_disk}"


def test_little_room_and_little_memory_are_to_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "TIGHT_BYTES", 1 << 60)
    monkeypatch.setattr(machine, "MEMORY_BYTES", 1 << 60)
    (disk,) = bad(examine_folders(patient(tmp_path)))
    (memory,) = examine_memory()
    assert (disk.verdict, memory.verdict) == ("warning", "warning")


def test_free_ports_are_as_they_should_be(tmp_path: Path) -> None:
    assert [one.verdict for one in examine_doors(patient(tmp_path))] == ["ok", "ok"]


@pytest.mark.parametrize("key", ["HttpPort", "DicomPort"])
def test_a_port_that_something_else_took_is_wrong(tmp_path: Path, key: str) -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        ill = patient(tmp_path, **{key: other.getsockname()[1]})
        (found,) = bad(examine_doors(ill))
    assert found.verdict == "wrong"
    assert found.what.startswith(f"port {ill.configuration[key]} ({key}) is taken by ")
    assert found.mend == f'choose another "{key}"'


@pytest.mark.parametrize(
    ("answers", "verdict", "what"),
    [
        (
            {"/adjuvant/status": (200, {"state": "ready", "reason": "", "alarms": []})},
            "ok",
            "Adjuvant is ready",
        ),
        (
            {"/adjuvant/status": (200, {"state": "ready", "alarms": [{"what": "disk is full"}]})},
            "warning",
            "with an alarm: disk is full",
        ),
        (
            {"/adjuvant/status": (200, {"state": "off", "reason": "no such key"})},
            "wrong",
            "Adjuvant is off: no such key",
        ),
        ({"/adjuvant/status": (401, None)}, "ok", "its users may see http://127.0.0.1:"),
        ({"/system": (200, {"DicomAet": "ORTHANC"})}, "wrong", "has no Adjuvant in it"),
        ({}, "wrong", "is taken by something that answers 404"),
    ],
)
def test_who_holds_the_port_is_asked_how_it_is(
    tmp_path: Path, answers: Answers, verdict: str, what: str
) -> None:
    with serving(answers) as port:
        (found,) = examine_doors(patient(tmp_path, HttpPort=port))
    assert found.verdict == verdict
    assert what in found.what


def test_who_speaks_no_http_holds_the_port(tmp_path: Path) -> None:
    with greeting(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        (found,) = examine_doors(patient(tmp_path, HttpPort=port))
    assert (found.verdict, found.mend) == ("wrong", 'choose another "HttpPort"')
    assert "is taken by something that does not speak HTTP" in found.what


def test_an_orthanc_that_verifies_its_peers_is_shown_the_certificate(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "orthanc")
    secure = {"SslEnabled": True, "SslVerifyPeers": True, "SslCertificate": str(certificate)}
    with small_orthanc(certificate, verify_peers=True) as orthanc:
        port = int(orthanc.url.rsplit(":", 1)[1])
        (found,) = examine_doors(patient(tmp_path, HttpPort=port, **secure))
    assert found.verdict == "ok"
    assert f"an Orthanc runs on port {port}" in found.what


@pytest.mark.parametrize("key", ["HttpPort", "DicomPort"])
@pytest.mark.parametrize("port", ["8042", 0, 99999, True, None])
def test_what_is_no_port_is_told(tmp_path: Path, key: str, port: object) -> None:
    well = patient(tmp_path)
    (found,) = examine_doors(Patient(well.path, {**well.configuration, key: port}))
    assert found.verdict == "wrong"
    assert found.what == f"{key} is {json.dumps(port)}, which is no port"


def test_a_port_for_root_only_is_not_called_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    well = patient(tmp_path)
    with serving({"/adjuvant/status": (401, None)}) as port:
        monkeypatch.setattr(socket.socket, "bind", refuse)
        (running,) = examine_doors(Patient(well.path, {**well.configuration, "HttpPort": port}))
        found = list(examine_doors(well))
    assert "an Orthanc runs on port" in running.what
    assert [one.verdict for one in found] == ["ok", "ok"]
    assert "(DicomPort) is free" in found[1].what


def test_whoever_may_not_look_below_a_folder_sees_who_owns_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = patient(tmp_path)
    closed_to_us(monkeypatch, well.storage)
    assert well.account.uid == tmp_path.stat().st_uid


def test_results_need_the_http_server(tmp_path: Path) -> None:
    (found,) = examine_doors(patient(tmp_path, HttpServerEnabled=False))
    assert (found.verdict, found.what) == ("wrong", "HttpServerEnabled is false")


def test_an_archive_that_is_open_to_anybody_is_to_be_looked_at(tmp_path: Path) -> None:
    (found,) = bad(examine_doors(patient(tmp_path, RemoteAccessAllowed=True)))
    assert found.verdict == "warning"
    assert "anybody who reaches this machine" in found.what


def test_a_certificate_has_to_be_there(tmp_path: Path) -> None:
    (found,) = bad(examine_doors(patient(tmp_path, SslEnabled=True, SslCertificate="x.pem")))
    assert found.what == f"SslCertificate {tmp_path}/x.pem does not exist"
