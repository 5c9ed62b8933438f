"""`python -m adjuvant doctor` as a person runs it, with and without packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adjuvant.doctor.command import AVX, examine
from adjuvant.doctor.installation import ANEW
from adjuvant.doctor.patient import BASE
from tests.adjuvant.doctor.clinic import EMBEDDED, bad, closed_to_us, patient
from tests.integration.tiny import IN_SERVICE, write_tiny_model

needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None, reason="without Orthanc nothing is as it should be"
)


def adjuvant(*arguments: str | Path, bare: bool = False) -> subprocess.CompletedProcess[str]:
    """The command; `bare`: by a Python without any package."""
    options = ["-S"] if bare else []
    return subprocess.run(
        [sys.executable, *options, "-m", "adjuvant", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(BASE / "plugin"), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def broken_environment(folder: Path, program: str) -> str:
    """A virtual environment with no package and a Python that is this shell script."""
    (folder / "lib" / EMBEDDED / "site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    python = folder / "bin" / EMBEDDED
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    return str(folder)


def test_who_interrupts_it_sees_no_traceback() -> None:
    program = (
        "import adjuvant.doctor.command as command, runpy, sys\n"
        "def interrupted(arguments): raise KeyboardInterrupt\n"
        "command.main, sys.argv[1:] = interrupted, ['doctor']\n"
        "runpy.run_module('adjuvant', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(BASE / "plugin")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")


@needs_orthanc
def test_where_all_is_well_a_bare_python_says_so_after_a_drawn_scan(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "models" / "thyroid" / IN_SERVICE)
    well = patient(tmp_path, adjuvant={"ModelsDirectory": str(tmp_path / "models")})
    before = sorted(tmp_path.rglob("*"))
    done = adjuvant("doctor", "--configuration", well.path, bare=True)
    assert done.returncode == 0, done.stdout + done.stderr
    read = f"model thyroid {IN_SERVICE}, trained on simulated scans, reads a drawn scan on"
    assert read in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 wrong, ")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_wrong_stands_with_how_to_mend_it_and_the_exit_code_is_1(tmp_path: Path) -> None:
    ill = patient(tmp_path, adjuvant={"VirtualEnvironment": "/no/such/venv"}, PythonScript="x.py")
    done = adjuvant("doctor", "--configuration", ill.path, bare=True)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    place = lines.index("   wrong  there is no virtual environment at /no/such/venv")
    assert lines[place + 1] == f"          -> {BASE}/deploy/install.sh runtime"
    assert "   wrong  PythonScript x.py does not exist" in lines
    assert done.stderr == ""


def test_a_configuration_that_cannot_be_read_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"HttpPort": 1}')
    (tmp_path / "b.json").write_text('{"HttpPort": 2}')
    done = adjuvant("doctor", "--configuration", tmp_path, bare=True)
    assert done.returncode == 2
    assert (
        done.stderr
        == f'doctor: "HttpPort" stands in both {tmp_path}/a.json and {tmp_path}/b.json\n'
    )


@pytest.mark.parametrize(
    ("program", "what", "mend"),
    [
        ("kill -ILL $$", "loading the network ended by SIGILL", AVX),
        ("echo 'cannot open libpython' >&2; exit 1", "fails: cannot open libpython", ANEW),
        (f"exec {sys.executable} -S $*", "our packages are broken: ModuleNotFoundError", ANEW),
    ],
)
def test_packages_that_end_the_process_are_a_finding(
    tmp_path: Path, program: str, what: str, mend: str
) -> None:
    environment = broken_environment(tmp_path / "venv", program)
    found = bad(examine(patient(tmp_path, adjuvant={"VirtualEnvironment": environment})))
    assert what in found[-1].what
    assert found[-1].mend == mend


def test_what_may_not_be_looked_at_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = broken_environment(tmp_path / "venv", "true")
    well = patient(tmp_path, adjuvant={"VirtualEnvironment": environment})
    closed_to_us(monkeypatch, well.ours("DataDirectory", ""))
    told = [one.what for one in examine(well)]
    assert f"you may not look at {tmp_path}/adjuvant" in told
    assert any("(HttpPort) is free" in one for one in told)


def test_a_configuration_without_our_section_is_wrong(tmp_path: Path) -> None:
    ill = patient(tmp_path, Adjuvant=None)
    assert 'there is no section "Adjuvant"' in [one.what for one in examine(ill)]


def test_other_commands_lead_to_the_doctor_where_packages_are_missing() -> None:
    done = adjuvant("explain", ".", bare=True)
    assert done.returncode == 1
    assert "`python -m adjuvant doctor` says how to mend it" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_stands_in_the_list_of_commands() -> None:
    done = adjuvant("--help")
    assert "Look at everything that reading scans needs" in done.stdout
