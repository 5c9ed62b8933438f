"""The lock files: what is installed is what pyproject.toml asks for, from anybody's index."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {kind: ROOT / "requirements" / f"{kind}.lock" for kind in ("runtime", "dev")}
PIN = re.compile(r"^([a-z0-9-]+)==([^\s\\]+)", re.MULTILINE)


def pins(kind: str) -> dict[str, str]:
    return dict(PIN.findall(LOCKS[kind].read_text()))


def wanted() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {
        "runtime": project["dependencies"],
        "dev": [*project["dependencies"], *extras["dev"], *extras["training"]],
    }


@pytest.mark.parametrize("kind", LOCKS)
def test_lock_holds_every_version_of_pyproject(kind: str) -> None:
    locked = pins(kind)
    assert wanted()[kind] == [
        f"{name}=={locked.get(name)}" for name, _ in (one.split("==") for one in wanted()[kind])
    ]


def test_both_locks_agree() -> None:
    dev = pins("dev")
    assert {name: dev.get(name) for name in pins("runtime")} == pins("runtime")


@pytest.mark.parametrize("kind", LOCKS)
def test_lock_names_no_index_and_every_package_has_hashes(kind: str) -> None:
    text = LOCKS[kind].read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in lines if "://" in line or line.startswith("--")]
    blocks = re.split(r"\n(?=[a-z0-9-]+==)", text)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


# As pip-audit 2.10 ends where the database does not know a package, or cannot be reached.
UNREACHED = """#!/bin/sh
case " $* " in *" --strict "*) exit 1;; esac
echo No known vulnerabilities found
"""


@pytest.mark.parametrize(("answer", "code"), [(UNREACHED, 2), ("#!/bin/sh\nexit 0\n", 0)])
def test_an_audit_that_could_look_nothing_up_has_failed(
    tmp_path: Path, answer: str, code: int
) -> None:
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(answer)
    program.chmod(0o755)
    ended = subprocess.run(
        ["make", "-C", ROOT, "--old-file=setup-dev", "audit", f"AUDIT={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == code
    said = "requirements/runtime.lock is not found clean" in ended.stderr
    assert said == bool(code)
