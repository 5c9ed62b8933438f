"""Whatever of ours is broken, Orthanc starts, stores and says what is wrong."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from deploy.serve import ROOT
from tests.builder import to_bytes
from tests.integration.conftest import VERSION, Start
from tests.integration.hospital import Hospital, scan
from tests.integration.test_restart import stop_in_time
from tests.integration.tiny import IN_SERVICE


def environment_without_tensorflow(packages: Path, folder: Path) -> Path:
    """A virtual environment of links to everything but TensorFlow and Keras."""
    site = folder / "lib" / VERSION / "site-packages"
    site.mkdir(parents=True)
    for entry in packages.iterdir():
        if not entry.name.startswith(("tensorflow", "keras")):
            (site / entry.name).symlink_to(entry)
    return site


def require_storing(hospital: Hospital) -> str:
    """Orthanc takes a scan; its identifier."""
    instance = hospital.send_by_rest(to_bytes(scan()))
    assert hospital.get(f"/instances/{instance}")["ID"] == instance
    return instance


def test_without_tensorflow_scans_wait_until_it_is_there(
    start: Start, packages: Path, tmp_path: Path
) -> None:
    site = environment_without_tensorflow(packages, tmp_path / "venv")
    settings = {"VirtualEnvironment": str(tmp_path / "venv")}
    with start(tmp_path / "data", adjuvant=settings) as hospital:
        status = hospital.status()
        assert status["state"] == "degraded"
        assert "TensorFlow is not installed" in status["reason"]
        assert "TensorFlow is not installed" in status["alarms"][0]["what"]
        instance = require_storing(hospital)
        assert hospital.log().count("TensorFlow is not installed") == 1
        for entry in packages.iterdir():
            if not (site / entry.name).exists():
                (site / entry.name).symlink_to(entry)
        assert hospital.wait_for_end(instance)["state"] == "done"
        assert hospital.status()["alarms"] == []


def test_a_broken_tensorflow_is_an_alarm(start: Start, packages: Path, tmp_path: Path) -> None:
    site = environment_without_tensorflow(packages, tmp_path / "venv")
    (site / "keras").symlink_to(packages / "keras")
    (site / "tensorflow").mkdir()
    text = "raise ImportError('libcudart.so.12: cannot open shared object file')\n"
    (site / "tensorflow" / "__init__.py").write_text(text)
    settings = {"VirtualEnvironment": str(tmp_path / "venv")}
    with start(tmp_path / "data", adjuvant=settings) as hospital:
        status = hospital.status()
        assert status["state"] == "degraded"
        assert "TensorFlow is broken" in status["alarms"][0]["what"]
        require_storing(hospital)


def test_a_tensorflow_that_never_loads_keeps_no_orthanc_from_ending(
    start: Start, packages: Path, tmp_path: Path
) -> None:
    site = environment_without_tensorflow(packages, tmp_path / "venv")
    (site / "keras").symlink_to(packages / "keras")
    (site / "tensorflow").mkdir()
    begun = tmp_path / "begun"
    text = f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n"
    (site / "tensorflow" / "__init__.py").write_text(text)
    settings = {"VirtualEnvironment": str(tmp_path / "venv")}
    with start(tmp_path / "data", adjuvant=settings, wait_ready=False) as hospital:
        require_storing(hospital)
        while not begun.exists():
            time.sleep(0.05)
        stop_in_time(hospital)
        assert hospital.log().count("the thread adjuvant-hand does not end") == 1


def test_an_altered_model_is_an_alarm_and_scans_wait_until_it_is_whole(
    start: Start, models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    (weights,) = (folder / "thyroid" / IN_SERVICE).glob("*.keras")
    whole = weights.read_bytes()
    weights.write_bytes(whole + b"!")
    with start(tmp_path / "data", adjuvant={"ModelsDirectory": str(folder)}) as hospital:
        assert "SHA-256" in hospital.status()["reason"]
        assert hospital.status()["state"] == "degraded"
        instance = require_storing(hospital)
        weights.write_bytes(whole)
        assert hospital.wait_for_end(instance)["state"] == "done"
        assert hospital.status()["state"] == "ready"
        assert hospital.status()["alarms"] == []


def test_a_missing_model_is_an_alarm(start: Start, tmp_path: Path) -> None:
    settings = {"ModelsDirectory": str(tmp_path / "nowhere")}
    with start(tmp_path / "data", adjuvant=settings) as hospital:
        assert hospital.status()["state"] == "degraded"
        assert "model.json" in hospital.status()["alarms"][0]["what"]
        require_storing(hospital)
        assert hospital.status()["queue"]["queued"] == 1


def test_a_wrong_configuration_is_one_clear_line(start: Start, tmp_path: Path) -> None:
    reason = "Adjuvant.Treads: unknown key, got 2"  # others: tests/adjuvant/test_service.py
    with start(tmp_path / "data", adjuvant={"Treads": 2}) as hospital:
        status = hospital.status()
        assert (status["state"], status["reason"].startswith(reason)) == ("off", True), status
        require_storing(hospital)
        lines = [line for line in hospital.log().splitlines() if reason in line]
        assert len(lines) == 1
        assert lines[0].startswith("E")


def test_a_virtual_environment_of_another_python_is_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "venv" / "lib" / "python2.7" / "site-packages").mkdir(parents=True)
    settings = {"VirtualEnvironment": str(tmp_path / "venv")}
    with start(tmp_path / "data", adjuvant=settings) as hospital:
        status = hospital.status()
        assert status["state"] == "off"
        assert f"holds no packages for {VERSION}" in status["reason"]
        assert "(found: python2.7)" in status["reason"]
        require_storing(hospital)


@pytest.mark.parametrize("broken", ["inbox.py", "service.py"])
def test_a_plugin_that_cannot_be_imported_stops_nothing(
    start: Start, tmp_path: Path, broken: str
) -> None:
    plugin = tmp_path / "plugin"
    shutil.copytree(ROOT / "plugin", plugin, ignore=shutil.ignore_patterns("__pycache__"))
    (plugin / "adjuvant" / broken).write_text("this is no Python\n")
    script = {"PythonScript": str(plugin / "main.py")}
    with start(tmp_path / "data", orthanc=script) as hospital:
        status = hospital.status()
        assert status["state"] == "off"
        assert "SyntaxError" in status["reason"]
        require_storing(hospital)


def test_a_ledger_that_cannot_be_written_is_an_alarm_until_it_can(
    start: Start, tmp_path: Path
) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("a file where a folder has to be")
    settings = {"DataDirectory": str(obstacle / "adjuvant")}
    with start(tmp_path / "data", adjuvant=settings, wait_ready=False) as hospital:
        status = hospital.wait_for_state("degraded")
        assert "cannot be used" in status["alarms"][0]["what"]
        instance = require_storing(hospital)
        obstacle.unlink()
        assert hospital.wait_for_end(instance)["state"] == "done"
        assert hospital.status()["alarms"] == []
