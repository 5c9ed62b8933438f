"""What the plugin never does, seen in its source: run programs, unpickle, evaluate text.

The doctor of the command line runs programs (Orthanc, to see its version; a trial of the
installation); the plugin does not load it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parent.parent / "plugin"
SOURCES = sorted(PLUGIN.rglob("*.py"))
MODULES = {"ctypes", "dill", "joblib", "marshal", "multiprocessing", "pickle", "pty", "shelve"}
MODULES |= {"code", "runpy", "subprocess"}
NAMES = {"eval", "exec", "compile", "__import__"}
CALLS = {"system", "popen", "fork", "execv", "spawnv", "enable_unsafe_deserialization"}


DOCTOR = PLUGIN / "adjuvant" / "doctor"
LINE = {DOCTOR.parent / "__main__.py", DOCTOR.parent / "commands.py"}


def offences(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Name) and node.id in NAMES:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            found.append(node.attr)
        elif isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell", "safe_mode"):
            safe = node.arg == "safe_mode"
            if not (isinstance(node.value, ast.Constant) and node.value.value is safe):
                found.append(node.arg)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PLUGIN)))
def test_no_program_is_run_and_nothing_is_unpickled_nor_evaluated(path: Path) -> None:
    runs_programs = {"subprocess"} if path.parent == DOCTOR else set()
    assert set(offences(path.read_text())) <= runs_programs


def imported(source: str) -> set[str]:
    """The modules that a source names in its import statements."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


def test_only_the_command_line_loads_the_doctor_who_runs_programs() -> None:
    loading = {
        path
        for path in SOURCES
        if path.parent != DOCTOR
        and any(name.startswith("adjuvant.doctor") for name in imported(path.read_text()))
    }
    assert loading == LINE
    entered = {"adjuvant.commands.app", "adjuvant.commands", "adjuvant.__main__"}
    entering = {path for path in SOURCES if imported(path.read_text()) & entered}
    assert entering == {DOCTOR.parent / "__main__.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from subprocess import run",
        "eval('1')",
        "import os; os.system('ls')",
        "np.load(f, allow_pickle=True)",
        "load_model(f, safe_mode=False)",
        "run(c, shell=True)",
    ],
)
def test_this_test_would_see_it(source: str) -> None:
    assert offences(source)


def test_weights_are_loaded_in_safe_mode() -> None:
    assert "safe_mode=True" in (PLUGIN / "adjuvant" / "network.py").read_text()
