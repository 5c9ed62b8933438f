"""The configuration of one run, and one line for each reason not to start."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from deploy.serve import (
    CONFIGURATION,
    ROOT,
    ServeError,
    Server,
    main,
    start,
    wait_answer,
    write_configuration,
)
from tests.integration.tiny import IN_SERVICE
from tests.servers import greeting


def test_everything_that_is_written_lies_below_the_data_folder(tmp_path: Path) -> None:
    path = write_configuration(data=tmp_path / "data", http_port=8042, dicom_port=4242)
    written = json.loads(path.read_text())
    data = str(tmp_path / "data")
    assert path.parent == tmp_path / "data"
    assert written["StorageDirectory"].startswith(data)
    assert written["IndexDirectory"].startswith(data)
    assert written["Adjuvant"]["DataDirectory"].startswith(data)
    assert written["PythonScript"] == str(ROOT / "plugin" / "main.py")


def test_the_rest_is_as_shipped(tmp_path: Path) -> None:
    written = json.loads(
        write_configuration(data=tmp_path, http_port=8042, dicom_port=4242).read_text()
    )
    shipped = json.loads(CONFIGURATION.read_text())
    changed = {key for key in shipped if shipped[key] != written[key]}
    assert changed == {"StorageDirectory", "IndexDirectory", "PythonScript", "Adjuvant"}


def test_an_orthanc_elsewhere_loads_the_plugins_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, plugins = tmp_path / "sbin" / "Orthanc", tmp_path / "share" / "orthanc" / "plugins"
    program.parent.mkdir()
    program.touch(0o755)
    plugins.mkdir(parents=True)
    (plugins / "libOrthancPython.so").touch()
    monkeypatch.setenv("PATH", str(program.parent))
    path = write_configuration(data=tmp_path / "data", http_port=8042, dicom_port=4242)
    assert json.loads(path.read_text())["Plugins"] == [str(plugins)]


def test_the_configuration_is_for_its_owner_only(tmp_path: Path) -> None:
    path = write_configuration(data=tmp_path, http_port=8042, dicom_port=4242)
    assert path.stat().st_mode & 0o077 == 0


def test_overrides_are_laid_into_objects_and_take_keys_away(tmp_path: Path) -> None:
    overrides = {"Adjuvant": {"Threads": 2, "Device": None}, "Name": "Other"}
    path = write_configuration(data=tmp_path, http_port=0, dicom_port=0, overrides=overrides)
    written = json.loads(path.read_text())
    assert (written["Name"], written["Adjuvant"]["Threads"]) == ("Other", 2)
    assert "Device" not in written["Adjuvant"]
    assert written["Adjuvant"]["Models"] == {"thyroid": IN_SERVICE}
    assert written["HttpPort"] != written["DicomPort"]
    assert min(written["HttpPort"], written["DicomPort"]) > 0


def test_a_port_that_is_taken_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = str(other.getsockname()[1])
        code = main(["--http-port", port, "--dicom-port", "0", "--data", str(tmp_path)])
    assert code == 1
    expected = f"serve: port {port} is taken (another Orthanc?): choose another HTTP_PORT\n"
    assert capsys.readouterr().err == expected


def test_what_speaks_no_http_does_not_answer(tmp_path: Path) -> None:
    with greeting(b"SSH-2.0-OpenSSH_9.2\r\n") as port, subprocess.Popen(["true"]) as ended:
        log = tmp_path / "orthanc.log"
        log.write_text("")
        server = Server(port, 0, tmp_path, f"http://localhost:{port}", log, ended)
        ended.wait()
        with pytest.raises(ServeError, match="Orthanc ended while starting"):
            wait_answer(server)


def test_without_orthanc_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write_configuration(data=tmp_path, http_port=0, dicom_port=0)
    with pytest.raises(ServeError, match="apt-get install orthanc orthanc-python"):
        start(path)


@pytest.mark.parametrize("target", ["run", "viewer"])
def test_make_hands_on_the_ports_and_the_folder_that_it_was_told(target: str) -> None:
    told = ["HTTP_PORT=18042", "DICOM_PORT=14242", "DATA=elsewhere"]
    command = ["make", "--dry-run", target, *told]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--http-port 18042 --dicom-port 14242 --data elsewhere" in said
