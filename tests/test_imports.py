"""Who may import whom: the layers of the package, kept by this test."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "plugin"
SOURCES = sorted((PLUGIN / "adjuvant").rglob("*.py"))

# Where a package may be imported, by the path below plugin/adjuvant. Packages that are not named
# here and not ours have to be in the standard library.
PACKAGES: dict[str, tuple[str, ...]] = {
    "google": ("network.py",),  # protobuf, which TensorFlow brings
    "highdicom": ("results/",),
    "keras": ("network.py",),
    "numpy": ("",),
    "PIL": ("batch.py", "results/"),
    "pydantic": ("close_up.py", "config.py", "familiar.py", "model.py", "preprocess.py"),
    "pydicom": ("",),
    "re2": ("rules/",),
    "requests": ("archive.py", "pinning.py"),
    "rich": ("commands.py", "batch.py"),
    "scipy": (
        "close_up.py",
        "nodules.py",
        "preprocess.py",
        "measure.py",
        "nodule_measures.py",
        "comparison.py",
        "lobes.py",
        "quality.py",
        "visibility.py",
        "interpretations/",
        "results/",
    ),
    "tensorflow": ("network.py",),
    "urllib3": ("archive.py", "pinning.py"),  # below requests
    "typer": ("commands.py", "batch.py"),
}
# Importable before Orthanc has started, when nothing but the standard library may be needed.
LIGHT = (
    "api.py",
    "backoff.py",
    "change_record.py",
    "choice.py",
    "database.py",
    "doctor/command.py",
    "errors.py",
    "explorer.py",
    "first_start.py",
    "whole_file.py",
    "sqlite_file.py",
    "health.py",
    "inbox.py",
    "screen.py",
    "job.py",
    "ledger.py",
)
ENGINE = (
    "database",
    "sqlite_file",
    "archive",
    "change_record",
    "choice",
    "corrections",
    "delivery",
    "dry_run",
    "demand",
    "errands",
    "execution",
    "gathering",
    "inbox",
    "intake",
    "job",
    "ledger",
    "loading",
    "metrics",
    "pause",
    "pinning",
    "lock",
    "reader",
    "reconciliation",
    "routing",
    "rule_desk",
    "rulebook",
    "service",
    "silence",
    "superseding",
    "surroundings",
    "watchdog",
    "worker",
)
# What is pure may be used by training and by the command line, without any archive.
PURE = (
    "acquisition.py",
    "codestream.py",
    "dicom_file.py",
    "findings.py",
    "header.py",
    "image.py",
    "lobes.py",
    "jpeg_2000.py",
    "keras_archive.py",
    "measure.py",
    "chain.py",
    "model.py",
    "network.py",
    "nodule_measures.py",
    "nodules.py",
    "pipeline.py",
    "pixels.py",
    "preprocess.py",
    *(f"rules/{path.name}" for path in sorted((PLUGIN / "adjuvant" / "rules").glob("*.py"))),
    "written.py",
    "sample.py",
    "scan.py",
    "sides.py",
    "structures.py",
    "versions.py",
)


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, but not for type checking only."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in _runtime_nodes(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add(str(node.module))
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _runtime_nodes(tree: ast.AST) -> list[ast.AST]:
    nodes: list[ast.AST] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        nodes += [child, *_runtime_nodes(child)]
    return nodes


def place(path: Path) -> str:
    return path.relative_to(PLUGIN / "adjuvant").as_posix()


def ours(path: Path) -> set[str]:
    return {name for name in imported(path) if name.startswith("adjuvant")}


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_packages_are_imported_where_they_belong(path: Path) -> None:
    for package in {name.split(".")[0] for name in imported(path)} - {"adjuvant"}:
        if package in sys.stdlib_module_names:
            continue
        assert package in PACKAGES, f"{package} is imported by {place(path)}"
        assert place(path).startswith(PACKAGES[package]), f"{package} in {place(path)}"


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_nothing_imports_the_plugin_script_orthanc_or_training(path: Path) -> None:
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & {"main", "orthanc", "training", "deploy", "tests"}


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_knows_no_archive(name: str) -> None:
    used = {module.split(".")[1] for module in ours(PLUGIN / "adjuvant" / name) if "." in module}
    assert not used & set(ENGINE)


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if place(path).startswith("results/")], ids=place
)
def test_results_know_no_archive_network_nor_interpretation(path: Path) -> None:
    used = {module.split(".")[1] for module in ours(path) if "." in module}
    assert not used & {*ENGINE, "network", "pipeline", "interpretations"}


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if place(path).startswith("interpretations/")], ids=place
)
def test_interpretations_know_neither_each_other_nor_network_nor_archive(path: Path) -> None:
    used = {module.split(".")[1] for module in ours(path) if "." in module}
    assert not used & {*ENGINE, "network", "pipeline", "results"}
    if path.name != "__init__.py":
        assert not any(name.startswith("adjuvant.interpretations") for name in ours(path))


@pytest.mark.parametrize("name", ["preprocess.py", "measure.py"])
def test_arithmetic_knows_arrays_only(name: str) -> None:
    tops = {module.split(".")[0] for module in imported(PLUGIN / "adjuvant" / name)}
    assert not tops & {"pydicom", "highdicom", "tensorflow", "keras"}


def test_training_imports_no_part_of_the_engine() -> None:
    for path in sorted((ROOT / "training").rglob("*.py")):
        used = {name.split(".")[1] for name in ours(path) if "." in name}
        assert not used & set(ENGINE), path


def test_only_the_plugin_script_imports_orthanc() -> None:
    importers = [path.name for path in PLUGIN.rglob("*.py") if "orthanc" in imported(path)]
    assert importers == ["main.py"]


def test_the_light_modules_need_nothing_but_the_standard_library() -> None:
    modules = ", ".join(f"adjuvant.{n.removesuffix('.py').replace('/', '.')}" for n in LIGHT)
    program = (
        f"import sys; sys.path.insert(0, {str(PLUGIN)!r}); import {modules}; "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    # -S: no site-packages at all, as in an Orthanc whose virtual environment is missing.
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(answer.stdout.split()) - {"adjuvant", "__main__"}
    assert loaded <= set(sys.stdlib_module_names)


def test_importing_the_package_imports_no_tensorflow() -> None:
    program = "import adjuvant.service, sys; print('tensorflow' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PLUGIN)},
    )
    assert answer.stdout.strip() == "False"
