"""Is Orthanc there, with its Python plugin, our script, and our packages for its Python?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from adjuvant.doctor.finding import Finding, ok, warning, wrong
from adjuvant.doctor.patient import BASE, READ, Patient

OLDEST = (1, 10, 1)  # of the versions that were tried: docs/compatibility.md
SCRIPT = BASE / "plugin" / "main.py"
PYTHON_PLUGIN = "libOrthancPython.so"
DICOMWEB_PLUGIN = "libOrthancDicomWeb.so"
EMBEDDED = re.compile(rb"libpython(3\.\d+)")
SETUP = f"{BASE}/deploy/install.sh runtime"
ANEW = f"rm -r {BASE}/.venv && {SETUP}"
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin")


def examine_orthanc() -> Iterator[Finding]:
    """The program and its version."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
    program = shutil.which("Orthanc", path=path)
    if program is None:
        yield wrong("Orthanc is not installed", "apt-get install orthanc orthanc-python")
        return
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\d+\.\d+\.\d+", told.stdout)
    if version is None:
        said = (told.stderr or told.stdout).strip().splitlines()
        yield wrong(
            f"{program} does not start: {said[-1] if said else f'exit code {told.returncode}'}",
            "install Orthanc anew",
        )
    elif tuple(int(part) for part in version[0].split(".")) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield warning(f"Orthanc {version[0]} was never tried", f"use Orthanc {oldest} or newer")
    else:
        yield ok(f"Orthanc {version[0]} is installed ({program})")


def examine_plugins(patient: Patient) -> Iterator[Finding]:
    """The Python plugin, and the DICOMweb plugin that viewers need."""
    if find_plugin(patient, PYTHON_PLUGIN) is None:
        told = ", ".join(map(str, _plugin_paths(patient))) or 'nothing, for "Plugins" is empty'
        yield wrong(
            f"Orthanc's Python plugin is not loaded: no {PYTHON_PLUGIN} in {told}",
            'apt-get install orthanc-python, and name its folder in "Plugins"',
        )
        return
    yield ok(f"the Python plugin is there and embeds Python {embedded_python(patient)}")
    if find_plugin(patient, DICOMWEB_PLUGIN) is None:
        yield warning(
            "the DICOMweb plugin is not loaded: scans are read, but OHIF shows none of them",
            "apt-get install orthanc-dicomweb",
        )


def examine_script(patient: Patient) -> Iterator[Finding]:
    """Does `PythonScript` lead to our script, and may Orthanc read it?"""
    script = patient.configuration.get("PythonScript")
    mend = f'"PythonScript": "{SCRIPT}"'
    if not script:
        yield wrong("Orthanc runs no Python script", f"set {mend}")
        return
    # Orthanc finds a relative path from the folder in which it is started.
    candidates = [patient.folder / str(script), Path.cwd() / str(script)]
    if not any(one.exists() for one in candidates):
        yield wrong(f"PythonScript {script} does not exist", f"set {mend}")
    elif not any(one.exists() and one.samefile(SCRIPT) for one in candidates):
        yield wrong(
            f"PythonScript is {script}, not Adjuvant; Orthanc runs one script only", f"set {mend}"
        )
    elif not patient.account.may(READ, SCRIPT):
        yield wrong(f"{patient.account.name} may not read {SCRIPT}", f"chmod -R a+rX {BASE}")
    else:
        yield ok(f"Orthanc runs {SCRIPT}")


def examine_environment(patient: Patient) -> Iterator[Finding]:
    """Are our packages there, for the very Python that Orthanc embeds?"""
    version = embedded_python(patient)
    if version is None:
        return
    environment = _environment(patient)
    if environment is not None and not environment.is_dir():
        yield wrong(f"there is no virtual environment at {environment}", SETUP)
    elif environment is not None and packages(patient) is None:
        found = ", ".join(sorted(one.name for one in environment.glob("lib/python*"))) or "none"
        yield wrong(
            f"{environment} holds no packages for Python {version}, which Orthanc embeds "
            f"(found: {found})",
            ANEW,
        )
    elif interpreter(patient) is None:
        yield wrong(f"there is no program python{version}", f"apt-get install python{version}")
    else:
        yield ok(f"packages are taken from {environment or 'the system'}")


def embedded_python(patient: Patient) -> str | None:
    """`3.11`: the Python inside the plugin, as the names of what it is linked to tell."""
    plugin = find_plugin(patient, PYTHON_PLUGIN)
    found = EMBEDDED.search(plugin.read_bytes()) if plugin else None
    return found[1].decode() if found else None


def packages(patient: Patient) -> Path | None:
    """Our packages for the embedded Python; None where there are none, or the system has them."""
    environment, version = _environment(patient), embedded_python(patient)
    if environment is None or version is None:
        return None
    found = environment / "lib" / f"python{version}" / "site-packages"
    return found if found.is_dir() else None


def interpreter(patient: Patient) -> Path | None:
    """A program of the same version as the embedded Python."""
    name, environment = f"python{embedded_python(patient)}", _environment(patient)
    folders = [Path("/usr/bin"), Path("/usr/local/bin")]
    if environment is not None:
        folders.insert(0, environment / "bin")
    return next((one / name for one in folders if os.access(one / name, os.X_OK)), None)


def find_plugin(patient: Patient, name: str) -> Path | None:
    """The file of a plugin of Orthanc, which `Plugins` names, or whose folder it names."""
    for path in _plugin_paths(patient):
        for file in [path] if path.is_file() else sorted(path.glob(f"{name}*")):
            if file.name.startswith(name) and file.is_file():
                return file
    return None


def _plugin_paths(patient: Patient) -> list[Path]:
    named = patient.configuration.get("Plugins", [])
    return [patient.folder / str(one) for one in (named if isinstance(named, list) else [named])]


def _environment(patient: Patient) -> Path | None:
    """None where Orthanc's Python has the packages by itself."""
    if patient.section.get("VirtualEnvironment", ".venv") == "":
        return None
    return patient.ours("VirtualEnvironment", ".venv")
