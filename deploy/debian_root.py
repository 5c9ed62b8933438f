"""A Debian system in a folder, made by debootstrap and entered by chroot; needs root.

Roots are kept from one run to the next, in ADJUVANT_ROOTS or ~/.cache/adjuvant/roots. What this
machine needs to reach Debian and PyPI (certificates, apt's and pip's configuration, a proxy)
holds inside as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
NEWEST = "sid"  # debootstrap's script for releases that are newer than itself
FROM_HERE = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Mounts are of this process and its children only, and go with them, however they end.
ENTER = """set -e
mount --make-rprivate /
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
exec chroot "$@"
"""
# Debian policy 9.3.3: nothing that is installed in here starts by itself.
POLICY = "#!/bin/sh\nexit 101\n"


class RootError(Exception):
    """A root cannot be made or used; the text is one line."""


@dataclass(frozen=True)
class Root:
    """A Debian system below `folder`."""

    folder: Path

    def run(
        self,
        command: Sequence[str],
        variables: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> int:
        """Run a command inside; its exit code. What it says goes to `log`, else to the terminal."""
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **_connection()}
        enter = ["unshare", "--mount", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]
        whole = [*enter, str(self.folder), *command]
        with open(log or os.devnull, "ab") as file:
            stream = file if log else None
            return subprocess.run(
                whole,
                env={**environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                check=False,
            ).returncode

    def require(self, command: Sequence[str], what: str) -> None:
        """Run a command that has to succeed. Raises RootError that says what was tried."""
        log = self.folder.with_suffix(".log")
        if self.run(command, {"DEBIAN_FRONTEND": "noninteractive"}, log):
            raise RootError(f"cannot {what} in {self.folder}: see the end of {log}")

    def read(self, command: Sequence[str]) -> str:
        """What a command inside says, without the line end; empty where it fails."""
        enter = ["chroot", str(self.folder), *command]
        environment = {"PATH": PATH, "LANG": "C.UTF-8"}
        done = subprocess.run(enter, env=environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def install(self, packages: Iterable[str]) -> None:
        """Debian packages, without what they merely recommend. Raises RootError."""
        apt = ["apt-get", "-q", "-y", "--no-install-recommends"]
        self.require([*apt, "update"], "update apt's lists")
        self.require([*apt, "install", *packages], "install Debian packages")

    def copy(self, source: Path, names: Iterable[str], target: str) -> None:
        """Files and folders below `source`, by relative names, into a new folder inside."""
        folder = self.folder / target.lstrip("/")
        shutil.rmtree(folder, ignore_errors=True)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)


def roots_folder() -> Path:
    """Where roots are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("ADJUVANT_ROOTS") or cache / "adjuvant" / "roots")


def debian_root(suite: str, name: str | None = None) -> Root:
    """The root of a release (`bookworm`), made if it is not there yet. Raises RootError.

    Another `name` gives another root of the same release.
    """
    root = Root(roots_folder() / (name or suite))
    if not root.folder.exists():
        _bootstrap(suite, root.folder)
    for path in map(Path, FROM_HERE):
        if path.exists():
            shutil.copyfile(path, root.folder / path.relative_to("/"))
    hosts = root.folder / "etc" / "hosts"
    if not hosts.exists():  # debootstrap of Debian 12 writes none
        hosts.write_text(HOSTS)
    return root


def _bootstrap(suite: str, folder: Path) -> None:
    if os.geteuid() != 0:
        raise RootError("only root can make a Debian system in a folder")
    if shutil.which("debootstrap") is None:
        raise RootError("please install first: apt-get install debootstrap")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, log = folder.with_suffix(".partial"), folder.with_suffix(".log")
    shutil.rmtree(partial, ignore_errors=True)
    script = SCRIPTS / (suite if (SCRIPTS / suite).exists() else NEWEST)
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates"]
    with log.open("wb") as file:
        done = subprocess.run(
            [*command, suite, str(partial), MIRROR, str(script)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        raise RootError(f"debootstrap of {suite} failed: see the end of {log}")
    policy = partial / "usr" / "sbin" / "policy-rc.d"
    policy.write_text(POLICY)
    policy.chmod(0o755)
    (partial / "etc" / "apt" / "apt.conf.d" / "90here").write_text(_apt_settings())
    partial.rename(folder)


def _apt_settings() -> str:
    """How this machine's apt reaches its mirrors."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    lines = dump.stdout.splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("Acquire::"))


def _connection() -> dict[str, str]:
    """The variables by which this machine reaches the network."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy") or name.startswith("PIP_")
    }
