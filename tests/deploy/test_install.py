"""deploy/install.sh on machines that lack something; system commands are stood in for."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.tiny import IN_SERVICE

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["sh", "dirname", "grep", "head", "sed", "cat", "sha256sum", "cut", "mktemp", "tail", "rm"]
PYTHON = f"python3.{sys.version_info.minor}"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A copy of what the installer needs, and a `bin` with nothing but the plainest tools."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "install.sh", tmp_path / "deploy")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def command(machine: Path, name: str, script: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def debian(machine: Path, *, user: int, missing: str) -> None:
    """A Debian machine where one package is missing and nothing can be installed."""
    command(machine, "id", f"echo {user}")
    command(machine, "dpkg-query", f'case "$*" in *{missing}*) exit 1;; esac; printf installed')
    command(machine, "apt-get", 'echo "E: no network"; exit 100')


def embed(machine: Path, python: str = PYTHON) -> None:
    """Let Orthanc's plugin embed this Python, wherever Orthanc is here."""
    plugins = machine / "plugins"
    plugins.mkdir()
    (plugins / "libOrthancPython.so").write_bytes(b"\0lib%s.so.1.0\0" % python.encode())
    script = machine / "deploy" / "install.sh"
    script.write_text(script.read_text().replace("/usr/share/orthanc/plugins", str(plugins)))


def environment(machine: Path, script: str) -> None:
    """A virtual environment of this Python, whose pip does this."""
    folder = machine / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python").chmod(0o755)
    (folder / PYTHON).symlink_to("python")


def stamp(machine: Path, kind: str, python: str = PYTHON) -> Path:
    """What tells that the packages of this kind are installed."""
    lock = machine / "requirements" / f"{kind}.lock"
    content = lock.read_bytes() + (machine / "pyproject.toml").read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return machine / ".venv" / f".adjuvant-{kind}-{python}-{digest}"


def stamps(machine: Path) -> list[Path]:
    return list((machine / ".venv").glob(".adjuvant-*"))


def install(machine: Path, kind: str = "runtime") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(machine / "deploy" / "install.sh"), kind],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_without_root_it_says_in_one_line_which_packages_to_install(machine: Path) -> None:
    debian(machine, user=1000, missing="orthanc-dicomweb")
    ended = install(machine)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "adjuvant: please install first, as root: apt-get install orthanc-dicomweb \n"
    )


@pytest.mark.parametrize("program", ["sbin/Orthanc", "bin/Orthanc"])
def test_beside_an_orthanc_in_usr_local_none_of_debian_is_installed(
    machine: Path, program: str
) -> None:
    debian(machine, user=1000, missing="orthanc")
    embed(machine)
    local = machine / "local"
    (local / "share" / "orthanc").mkdir(parents=True)
    (machine / "plugins").rename(local / "share" / "orthanc" / "plugins")
    script = machine / "deploy" / "install.sh"
    script.write_text(script.read_text().replace("/usr/local", str(local)))
    ended = install(machine)
    assert "apt-get install orthanc orthanc-python orthanc-dicomweb" in ended.stderr
    (local / program).parent.mkdir()
    (local / program).touch(0o755)
    environment(machine, "exit 0")
    ended = install(machine)
    assert ended.returncode == 0, ended.stderr
    assert stamps(machine) == [stamp(machine, "runtime")]


def test_on_another_system_it_says_what_is_needed_or_goes_on(machine: Path) -> None:
    script = machine / "deploy" / "install.sh"
    elsewhere = script.read_text().replace("/usr/share/orthanc/plugins ", "/nowhere ")
    script.write_text(elsewhere)
    ended = install(machine)
    assert ended.returncode == 1
    assert ended.stderr.startswith("adjuvant: this is neither Debian nor Ubuntu: please install")
    assert ended.stderr.count("\n") == 1


def test_a_failing_apt_get_is_shown_and_leaves_no_policy_behind(machine: Path) -> None:
    debian(machine, user=0, missing="dcmtk")
    script = machine / "deploy" / "install.sh"
    policy = machine / "policy-rc.d"
    script.write_text(script.read_text().replace("/usr/sbin/policy-rc.d", str(policy)))
    command(machine, "chmod", "exit 0")
    ended = install(machine)
    assert ended.returncode == 1
    assert "E: no network\nadjuvant: apt-get failed" in ended.stderr
    assert not policy.exists()


def test_an_unknown_kind_is_named(machine: Path) -> None:
    ended = install(machine, "everything")
    assert ended.returncode == 1
    assert "unknown kind of installation 'everything': runtime, viewer or dev" in ended.stderr


@pytest.mark.parametrize("stamped", ["runtime", "dev"])
def test_a_second_run_finds_the_stamp_and_does_nothing(machine: Path, stamped: str) -> None:
    debian(machine, user=1000, missing="no-package-of-ours")
    embed(machine)
    environment(machine, "exit 1")
    stamp(machine, stamped).touch()
    ended = install(machine, "runtime")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert stamps(machine) == [stamp(machine, stamped)]


def test_a_stamp_tells_what_is_there_and_not_what_was(machine: Path) -> None:
    debian(machine, user=1000, missing="no-package-of-ours")
    embed(machine)
    environment(machine, "exit 0")
    old = machine / ".venv" / ".adjuvant-dev-of-another-lock"
    for before in (old, stamp(machine, "dev", "python3.9")):
        before.touch()
        assert install(machine).returncode == 0
        assert stamps(machine) == [stamp(machine, "runtime")]
        stamp(machine, "runtime").unlink()


@pytest.mark.parametrize("linked", ["/bin/sh", "python3.9"])
def test_a_virtual_environment_of_another_python_is_not_touched(machine: Path, linked: str) -> None:
    debian(machine, user=1000, missing="no-package-of-ours")
    (machine / ".venv" / "bin").mkdir(parents=True)
    (machine / ".venv" / "bin" / "python").symlink_to(linked)
    ended = install(machine)
    assert ended.returncode == 1
    assert ".venv has another Python than the python3." in ended.stderr
    assert f"run 'rm -r {machine}/.venv'" in ended.stderr


def test_packages_are_installed_by_their_hashes_and_nothing_is_stamped_without(
    machine: Path,
) -> None:
    debian(machine, user=1000, missing="no-package-of-ours")
    embed(machine)
    environment(machine, 'echo "$@" >> asked; echo "pip: hashes do not match"; exit 1')
    stamp(machine, "dev", "python3.9").touch()
    ended = install(machine)
    assert ended.returncode == 1
    assert "pip could not install requirements/runtime.lock" in ended.stderr
    (asked,) = (machine / "asked").read_text().splitlines()
    assert "--require-hashes -r requirements/runtime.lock" in asked
    assert stamps(machine) == []


def install_to(prefix: str | Path, here: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(here / "deploy" / "install-to.sh"), str(prefix)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("", "please say where: make install PREFIX=/opt/adjuvant"),
        ("opt", "PREFIX has to be an absolute path, got 'opt'"),
        (ROOT, "PREFIX is this folder: run 'make setup'"),
    ],
)
def test_a_copy_needs_another_place_to_go_to(prefix: str | Path, said: str) -> None:
    ended = install_to(prefix)
    assert (ended.returncode, ended.stderr) == (1, f"adjuvant: {said}\n")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder to install from, with a plugin of one file and an installer that only says so."""
    here = tmp_path / "here"
    for name in ("deploy", "requirements"):
        shutil.copytree(ROOT / name, here / name, ignore=shutil.ignore_patterns("viewer"))
    for name in ("pyproject.toml", "orthanc.json", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, here)
    (here / "plugin" / "__pycache__").mkdir(parents=True)
    (here / "plugin" / "main.py").touch()
    (here / "deploy" / "install.sh").write_text("#!/bin/sh\necho packages for $1\n")
    model(here, IN_SERVICE, "ours")
    model(here, "9.0.0", "ours")
    return here


def model(place: Path, version: str, contract: str) -> Path:
    """A version of a model, of its contract alone; the contract."""
    path = place / "models" / "thyroid" / version / "model.json"
    path.parent.mkdir(parents=True)
    path.write_text(contract)
    return path


def test_a_second_copy_replaces_the_plugin_and_keeps_the_models(here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (there / "plugin").mkdir(parents=True)
    (there / "plugin" / "old.py").touch()
    model(there, "8.0.0", "theirs")
    ended = install_to(there, here)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "packages for runtime\n"
    assert f'"PythonScript": "{there}/plugin/main.py"' in ended.stderr
    assert os.listdir(there / "plugin") == ["main.py"]
    versions = sorted(os.listdir(there / "models" / "thyroid"))
    assert versions == sorted([IN_SERVICE, "8.0.0", "9.0.0"])
    assert not [name for name in os.listdir(there) if name.startswith(".")]
    again = install_to(there, here)
    assert (again.returncode, again.stderr) == (0, ended.stderr)


def test_a_copy_leaves_another_model_of_the_same_version(here: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    theirs = model(there, "9.0.0", "theirs")
    ended = install_to(there, here)
    assert ended.returncode == 0, ended.stderr
    assert theirs.read_text() == "theirs"
    assert f"{theirs.parent} is another model than the one here, and stays\n" in ended.stderr
    assert (there / "models" / "thyroid" / IN_SERVICE / "model.json").read_text() == "ours"


def test_an_upgrade_without_its_packages_leaves_the_plugin_as_it_was(
    here: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    (there / "plugin").mkdir(parents=True)
    (there / "plugin" / "old.py").touch()
    (here / "deploy" / "install.sh").write_text("#!/bin/sh\nexit 1\n")
    ended = install_to(there, here)
    assert ended.returncode == 1
    said = f"adjuvant: without its packages, the plugin in {there} was not upgraded\n"
    assert ended.stderr == said
    assert os.listdir(there / "plugin") == ["old.py"]
    (here / "deploy" / "install.sh").write_text(f"#!/bin/sh\nls {there}/plugin\n")
    ended = install_to(there, here)
    assert (ended.returncode, ended.stdout) == (0, "old.py\n")
    assert os.listdir(there / "plugin") == ["main.py"]
    assert not [name for name in os.listdir(there) if name.startswith(".")]


def test_what_cannot_be_copied_ends_the_installation(here: Path, tmp_path: Path) -> None:
    (here / "LICENSE").unlink()
    ended = install_to(tmp_path / "there", here)
    assert ended.returncode != 0
    assert "LICENSE" in ended.stderr
    assert "installed in" not in ended.stderr


def test_the_doctor_examines_the_copy_that_was_installed(tmp_path: Path) -> None:
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "plugin", tmp_path / "plugin", ignore=no_caches)
    (tmp_path / "orthanc.json").write_text('{"Name": "Hospital"}')
    places = [f"PREFIX={tmp_path}", f"CONFIGURATION={tmp_path / 'orthanc.json'}"]
    ended = subprocess.run(
        ["make", "--silent", "doctor", *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f'-> set "PythonScript": "{tmp_path}/plugin/main.py"' in ended.stdout, ended.stderr
