"""What the doctor looks at: one configuration of Orthanc, and the account that Orthanc runs as."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adjuvant.written import read_configuration

BASE = Path(__file__).resolve().parents[3]
SECTION = "Adjuvant"
READ, WRITE, ENTER = "-r", "-w", "-x"  # of test(1)


@dataclass(frozen=True)
class Account:
    """A user of this machine, as which we can only look where we are root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, uid: int) -> Account:
        """The account with this number, whether or not it has a name."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(str(uid), uid, uid)
        return cls(entry.pw_name, uid, entry.pw_gid)

    def run(self, command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        """A command as this user; as ourselves where we may not become another."""
        become: dict[str, Any] = {}
        if os.geteuid() == 0 and self.uid != 0:
            groups = os.getgrouplist(self.name, self.gid)
            become = {"user": self.uid, "group": self.gid, "extra_groups": groups}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, **become, **more
        )

    def may(self, right: str, path: Path) -> bool:
        """Whether this user has a right (`READ`, `WRITE`, `ENTER`) to a path that exists."""
        return self.run(["test", right, str(path)]).returncode == 0


@dataclass(frozen=True)
class Patient:
    """A configuration as it is written at `path`, a file or a folder."""

    path: Path
    configuration: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Patient:
        """Raises Fault where the configuration cannot be read."""
        return cls(path.resolve(), read_configuration(path))

    @property
    def folder(self) -> Path:
        """Where Orthanc's own relative paths begin."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def section(self) -> Mapping[str, Any]:
        """Ours; empty where there is none."""
        found = self.configuration.get(SECTION)
        return found if isinstance(found, dict) else {}

    @property
    def storage(self) -> Path:
        """Where Orthanc keeps its files, if it was ever started."""
        return self.folder / str(self.configuration.get("StorageDirectory", "OrthancStorage"))

    @property
    def certificate(self) -> Path:
        """What Orthanc shows where it speaks HTTPS."""
        return self.folder / str(self.configuration.get("SslCertificate", "certificate.pem"))

    def ours(self, key: str, default: str) -> Path:
        """A path of our section, which begins at the folder that holds `plugin/`."""
        return (BASE / Path(str(self.section.get(key, default))).expanduser()).resolve()

    @cached_property
    def account(self) -> Account:
        """Who runs Orthanc: the owner of what it stored or will store, else whoever asks."""
        for folder in (self.storage, self.storage.parent):
            # Below a folder that is closed to whoever asks, the folder itself still has an owner.
            with suppress(OSError):
                return Account.of(folder.stat().st_uid)
        return Account.of(os.geteuid())
