"""The doctor finds what is missing of Orthanc, its Python plugin, our script and our packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjuvant.doctor import installation
from adjuvant.doctor.finding import Finding, warning, wrong
from adjuvant.doctor.installation import (
    ANEW,
    SCRIPT,
    SETUP,
    examine_environment,
    examine_orthanc,
    examine_plugins,
    examine_script,
)
from tests.adjuvant.doctor.clinic import EMBEDDED, bad, patient


@pytest.fixture
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder where programs are."""
    monkeypatch.setattr(installation, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "Orthanc"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_orthanc_that_is_missing_is_to_be_installed(only_here: Path) -> None:
    assert list(examine_orthanc()) == [
        wrong("Orthanc is not installed", "apt-get install orthanc orthanc-python")
    ]


@pytest.mark.parametrize(
    ("script", "verdict", "what"),
    [
        ("echo Orthanc 1.12.7", "ok", "Orthanc 1.12.7 is installed"),
        ("echo Orthanc 1.10.1", "ok", "Orthanc 1.10.1 is installed"),
        ("echo Orthanc 1.9.7", "warning", "Orthanc 1.9.7 was never tried"),
        ("echo 'cannot open libdcmdata.so.17' >&2; exit 127", "wrong", "cannot open libdcmdata"),
        ("exit 3", "wrong", "does not start: exit code 3"),
    ],
)
def test_the_version_of_orthanc_is_told(
    only_here: Path, script: str, verdict: str, what: str
) -> None:
    program(only_here, script)
    (found,) = examine_orthanc()
    assert found.verdict == verdict
    assert what in found.what


def test_a_set_up_that_is_right_has_nothing_to_mend(tmp_path: Path) -> None:
    well = patient(tmp_path)
    for examine in (examine_plugins, examine_script, examine_environment):
        (found,) = examine(well)
        assert (found.verdict, found.mend) == ("ok", ""), found


@pytest.mark.parametrize("plugins", [[], ["/no/such/folder"]])
def test_without_the_python_plugin_its_package_is_named(tmp_path: Path, plugins: list[str]) -> None:
    (found,) = examine_plugins(patient(tmp_path, Plugins=plugins))
    assert found.verdict == "wrong"
    assert "no libOrthancPython.so in " in found.what
    assert "apt-get install orthanc-python" in found.mend


def test_without_the_dicomweb_plugin_viewers_show_nothing(tmp_path: Path) -> None:
    ill = patient(tmp_path)
    (tmp_path / "plugins" / "libOrthancDicomWeb.so").unlink()
    (found,) = bad(examine_plugins(ill))
    assert found == warning(
        "the DICOMweb plugin is not loaded: scans are read, but OHIF shows none of them",
        "apt-get install orthanc-dicomweb",
    )


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (None, "Orthanc runs no Python script"),
        ("/no/such/script.py", "PythonScript /no/such/script.py does not exist"),
        (__file__, f"PythonScript is {__file__}, not Adjuvant; Orthanc runs one script only"),
    ],
)
def test_another_script_is_told_with_the_right_one(
    tmp_path: Path, script: str | None, what: str
) -> None:
    found = list(examine_script(patient(tmp_path, PythonScript=script)))
    assert found == [wrong(what, f'set "PythonScript": "{SCRIPT}"')]


def test_a_missing_virtual_environment_is_to_be_made(tmp_path: Path) -> None:
    ill = patient(tmp_path, adjuvant={"VirtualEnvironment": "/no/such/venv"})
    expected = wrong("there is no virtual environment at /no/such/venv", SETUP)
    assert list(examine_environment(ill)) == [expected]


def test_a_virtual_environment_of_another_python_is_to_be_made_anew(tmp_path: Path) -> None:
    (tmp_path / "venv" / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    ill = patient(tmp_path, adjuvant={"VirtualEnvironment": str(tmp_path / "venv")})
    assert list(examine_environment(ill)) == [
        Finding(
            "wrong",
            f"{tmp_path}/venv holds no packages for Python {EMBEDDED.removeprefix('python')}, "
            "which Orthanc embeds (found: python3.9)",
            ANEW,
        )
    ]


def test_a_python_without_a_program_is_to_be_installed(tmp_path: Path) -> None:
    (tmp_path / "venv" / "lib" / "python3.99" / "site-packages").mkdir(parents=True)
    ill = patient(tmp_path, adjuvant={"VirtualEnvironment": str(tmp_path / "venv")})
    (tmp_path / "plugins" / "libOrthancPython.so").write_bytes(b"libpython3.99.so.1.0")
    expected = wrong("there is no program python3.99", "apt-get install python3.99")
    assert list(examine_environment(ill)) == [expected]
