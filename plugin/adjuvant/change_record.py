"""Decisions of people, one JSON line each: appended, synchronised, never rewritten.

One such file holds every change of what reads scans, another what was accepted as a correction.

Each line holds the SHA-256 of the line before it and its own, so that a line that was altered,
removed or inserted is found. Who can rewrite the whole file can hide it: the digest of the last
line is therefore also written to Orthanc's log with each change. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from adjuvant.errors import Fault
from adjuvant.health import utc

RECORD_FILE = "model-changes.jsonl"
BEGINNING = "0" * 64
LARGEST = 64 << 20  # bytes: far more than any site will ever write

Entry = dict[str, Any]


class RecordFault(Fault):
    """The record cannot be read or written: nothing changes without it."""


class ChangeRecord:
    """The file, read once and kept in memory. Safe to use from any thread.

    `fault` says which line is not as it was written, None: all are. A last line that was cut short
    by a power cut is removed: its change never happened. Raises RecordFault where the file cannot
    be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._head = BEGINNING
        self.fault: str | None = None
        for number, line in enumerate(self._read().splitlines(), 1):
            self._take(number, line)

    @property
    def head(self) -> str:
        """The digest of the last line."""
        with self._lock:
            return self._head

    def entries(self, model: str | None = None) -> list[Entry]:
        """All about one model (None: all), the oldest first."""
        with self._lock:
            return [entry for entry in self._entries if model in (None, entry.get("model"))]

    def append(self, entry: Entry) -> Entry:
        """Write one line and return it as written. Raises RecordFault; then nothing changed."""
        with self._lock:
            whole = {
                "number": len(self._entries) + 1,
                "at": utc(time.time()),
                **entry,
                "previous": self._head,
            }
            whole["sha256"] = digest(whole)
            self._write(_canonical(whole) + b"\n")
            self._entries.append(whole)
            self._head = whole["sha256"]
            return whole

    def _read(self) -> bytes:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                return b""
            if self._path.stat().st_size > LARGEST:
                raise RecordFault(f"{self._path} is larger than {LARGEST} bytes")
            written = self._path.read_bytes()
            whole = written[: written.rfind(b"\n") + 1]
            if whole != written:
                with self._path.open("r+b") as file:
                    file.truncate(len(whole))
            return whole
        except OSError as fault:
            raise RecordFault(f"{self._path} cannot be read: {fault.strerror}") from fault

    def _take(self, number: int, line: bytes) -> None:
        entry = _parse(line)
        if entry is None or entry.get("sha256") != digest(entry):
            self._blame(f"line {number} of {self._path} is not as it was written")
        elif entry.get("previous") != self._head:
            self._blame(f"before line {number} of {self._path}, lines are missing or were altered")
        if entry is not None:
            self._entries.append(entry)
        claimed = entry.get("sha256") if entry is not None else None
        self._head = claimed if isinstance(claimed, str) else hashlib.sha256(line).hexdigest()

    def _blame(self, what: str) -> None:
        self.fault = self.fault or what

    def _write(self, line: bytes) -> None:
        """Append and synchronise; a line that could not be written whole is taken back."""
        try:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size + len(line) > LARGEST:  # it could not be read any more
                raise RecordFault(f"{self._path} would be larger than {LARGEST} bytes")
            try:
                self._append(line)
            except OSError:
                if self._path.exists():
                    os.truncate(self._path, size)
                raise
        except OSError as fault:
            raise RecordFault(f"{self._path} cannot be written: {fault.strerror}") from fault

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            written = os.write(file, line)
            if written != len(line):
                raise OSError(None, "it was written in part only")
            os.fsync(file)
        finally:
            os.close(file)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def digest(entry: Entry) -> str:
    """SHA-256 (hex) of a line without its own digest, in canonical form."""
    content = {name: value for name, value in entry.items() if name != "sha256"}
    return hashlib.sha256(_canonical(content)).hexdigest()


def _canonical(entry: Entry) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _parse(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
