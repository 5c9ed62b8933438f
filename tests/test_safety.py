"""What the plugin never does, seen in its source: run programs, unpickle, evaluate text."""

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
    assert offences(path.read_text()) == []


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
