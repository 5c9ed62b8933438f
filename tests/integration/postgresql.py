"""PostgreSQL for the index of Orthanc: a server of its own in a folder, gone at the end.

Debian's packages `postgresql` and `orthanc-postgresql`; a server that runs already is left alone.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.ports import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so")
SERVER_USER = "postgres"  # the server refuses to be run by root
QUIET = ("-c fsync=off", "-c unix_socket_directories=", "-c listen_addresses=127.0.0.1")


def missing() -> str | None:
    """What has to be installed for `cluster`; None where all is there."""
    if _programs() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if not PLUGIN.exists():
        return f"{PLUGIN} is not there: apt-get install orthanc-postgresql"
    return None


@dataclass
class Cluster:
    """A running server."""

    programs: Path
    port: int
    password: str
    databases: set[str] = field(default_factory=set)

    def index(self, data: Path, *, lock: bool = True) -> dict[str, Any]:
        """The configuration of an Orthanc whose index is a database for the folder `data`, which is
        made if need be. Without `lock`, other Orthancs may use it at the same time."""
        database = "orthanc_" + hashlib.sha256(bytes(data.resolve())).hexdigest()[:16]
        if database not in self.databases:
            self._create(database)
            self.databases.add(database)
        access = {"Host": "127.0.0.1", "Port": self.port, "Database": database}
        user = {"Username": SERVER_USER, "Password": self.password}
        return {"PostgreSQL": {"EnableIndex": True, "Lock": lock, **access, **user}}

    def _create(self, database: str) -> None:
        access = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SERVER_USER]
        environment = {**os.environ, "PGPASSWORD": self.password}
        _run([self.programs / "createdb", *access, database], env=environment)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server on a free port of the loopback interface."""
    programs = _programs()
    assert programs is not None
    # Where the server's user may enter, wherever else temporary files go.
    folder = Path(tempfile.mkdtemp(prefix="adjuvant-postgresql-", dir="/var/tmp"))
    data, password, running = folder / "data", folder / "password", False
    port, secret = free_port(), secrets.token_hex()
    password.write_text(secret)
    if os.getuid() == 0:
        for path in (folder, password):
            shutil.chown(path, SERVER_USER)
    control = [programs / "pg_ctl", "-D", data, "-w", "-s"]
    try:
        secured = ["--auth=scram-sha-256", f"--pwfile={password}", f"--username={SERVER_USER}"]
        _as_server([programs / "initdb", "-D", data, *secured, "--no-sync", "--encoding=UTF8"])
        options = " ".join((*QUIET, f"-c port={port}"))
        _as_server([*control, "-l", folder / "server.log", "-o", options, "start"])
        running = True
        yield Cluster(programs, port, secret)
    finally:
        if running:
            _as_server([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """The folder of the newest PostgreSQL that is installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((one.parent for one in found), key=lambda one: int(one.parent.name), default=None)


def _as_server(command: Sequence[str | Path]) -> None:
    if os.getuid() == 0:
        home = pwd.getpwnam(SERVER_USER).pw_dir
        _run(["runuser", "-u", SERVER_USER, "--", *command], cwd=home)
    else:
        _run(command)


def _run(command: Sequence[str | Path], **options: Any) -> None:
    # A server keeps what it inherits: a pipe would not end before it does.
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run(
            [str(one) for one in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
            timeout=120,
            **options,
        )
        said.seek(0)
        assert ended.returncode == 0, f"{' '.join(map(str, command))}: {said.read()}"
