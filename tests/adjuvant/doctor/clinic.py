"""A set-up in which everything is right, for tests that break one thing of it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from adjuvant.doctor.finding import Finding
from adjuvant.doctor.installation import SCRIPT
from adjuvant.doctor.patient import Patient
from deploy.serve import write_configuration

EMBEDDED = f"python{sys.version_info.major}.{sys.version_info.minor}"


def patient(folder: Path, adjuvant: dict[str, Any] | None = None, **orthanc: Any) -> Patient:
    """The configuration of `orthanc.json` with everything below `folder`, and what breaks it."""
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "libOrthancPython.so").write_bytes(b"\0lib" + EMBEDDED.encode() + b".so.1.0\0")
    (plugins / "libOrthancDicomWeb.so").touch()
    overrides = {
        "Plugins": [str(plugins)],
        "PythonScript": str(SCRIPT),
        "Adjuvant": {"VirtualEnvironment": sys.prefix, **(adjuvant or {})},
        **orthanc,
    }
    return Patient.read(
        write_configuration(data=folder, http_port=0, dicom_port=0, overrides=overrides)
    )


def closed_to_us(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """What lies at this path may not be looked at, as if we were no root."""
    stat = Path.stat

    def refuse(path: Path, **options: Any) -> os.stat_result:
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)


def bad(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are not as they should be."""
    return [one for one in findings if one.verdict != "ok"]
