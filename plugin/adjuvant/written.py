"""orthanc.json read anew from the disk, as Orthanc itself reads it, for what is reloaded.

Orthanc's configuration is a file or a folder of them, JSON with comments; `${NAME}` and
`${NAME:-otherwise}` stand for variables of the environment.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from adjuvant.errors import Fault

# A text is matched as a whole, so that what looks like a comment in it stays.
COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}", re.ASCII)
LARGEST_FILE = 1 << 24


def read_section(path: Path, section: str) -> dict[str, Any]:
    """One section of the configuration at `path`, a file or a folder.

    Raises Fault where there is none, or where it cannot be read.
    """
    for file in _files(path):
        found = _read(file).get(section)
        if isinstance(found, dict):
            return found
    raise Fault(f'{path} has no section "{section}"')


def read_configuration(path: Path) -> dict[str, Any]:
    """The whole configuration at `path`, a file or a folder.

    Raises Fault where there is none, where it cannot be read, and where two files of a folder
    have the same key, with which Orthanc does not start.
    """
    whole: dict[str, Any] = {}
    origins: dict[str, Path] = {}
    for file in _files(path):
        for key, value in _read(file).items():
            if key in origins:
                raise Fault(f'"{key}" stands in both {origins[key]} and {file}')
            origins[key], whole[key] = file, value
    if not origins:
        raise Fault(f"{path} holds no configuration")
    return whole


def _files(path: Path) -> list[Path]:
    try:
        return sorted(path.glob("*.json")) if path.is_dir() else [path]
    except OSError as fault:
        raise Fault(f"{path} cannot be read: {fault.strerror}") from fault


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise Fault(f"{file} is larger than {LARGEST_FILE >> 20} MiB")
        text = VARIABLE.sub(_variable, file.read_text(encoding="utf-8"))
        document = json.loads(COMMENT.sub(lambda found: found[1] or " ", text))
    except OSError as fault:
        raise Fault(f"{file} cannot be read: {fault.strerror}") from fault
    except (ValueError, RecursionError) as fault:
        where = f" (line {fault.lineno})" if isinstance(fault, json.JSONDecodeError) else ""
        raise Fault(f"{file} is not JSON{where}") from fault
    if not isinstance(document, dict):
        raise Fault(f"{file} does not hold an object")
    return document


def _variable(found: re.Match[str]) -> str:
    return os.environ.get(found[1], found[2] or "")
