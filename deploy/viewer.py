"""OHIF beside an Orthanc, for a person (`python -m deploy.viewer`) and for the viewer's tests.

nginx serves OHIF's ready build and hands `/dicom-web` on to Orthanc, on one port of the loopback
interface, as an ordinary user. `python -m deploy.viewer` (`make viewer`) starts both, with the
plugin, and says where to look. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.ports import free_port, is_free
from deploy.serve import ServeError, running_orthanc, wait_until_ready

CONFIGURATION = Path(__file__).parent / "viewer"
BUILD = Path(__file__).parents[1] / "build" / "viewer"
MIME_TYPES = Path("/etc/nginx/mime.types")
LOOPBACK = "127.0.0.1"
START_SECONDS = 15.0


class ViewerFault(Exception):
    """The viewer cannot be installed or started; the sentence says what to do about it."""


@dataclass(frozen=True)
class Viewer:
    """A running OHIF. `url` ends without a slash."""

    url: str
    port: int

    def study(self, study_instance_uid: str, mode: str = "viewer") -> str:
        """The address of one study; `mode` is `viewer` or `segmentation` (with brushes)."""
        return f"{self.url}/{mode}?StudyInstanceUIDs={study_instance_uid}"


def install(build: Path = BUILD) -> Path:
    """OHIF's ready build below `build`, fetched once; the folder that a web server publishes.

    The package is taken alone: its build needs none of the thousand packages that npm would
    install beside it. Raises ViewerFault when npm is missing or the package is not the pinned one.
    """
    pin = _read(CONFIGURATION / "package.json")["ohif"]
    dist = build / f"ohif-{pin['version']}"
    if dist.is_dir():
        return dist
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        archive = _fetch(pin["package"], pin["version"], Path(scratch))
        _check_integrity(archive, pin["integrity"])
        _unpack(archive, Path(scratch))
        (Path(scratch) / "package" / "dist").rename(dist)
    return dist


def _fetch(package: str, version: str, folder: Path) -> Path:
    """The packed package, downloaded into `folder` by npm."""
    _run("npm", "pack", f"{package}@{version}", "--pack-destination", str(folder))
    return next(folder.glob("*.tgz"))


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files that a browser asks for: the build without its source maps."""
    with tarfile.open(archive) as package:
        for member in package:
            content = package.extractfile(member)
            if content is None or not member.name.startswith("package/dist/"):
                continue
            if not member.name.endswith(".map"):
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _check_integrity(archive: Path, integrity: str) -> None:
    """Raise ViewerFault unless `archive` has the digest (Subresource Integrity notation)."""
    algorithm, _, expected = integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if found != expected:
        raise ViewerFault(f"{archive.name} has {algorithm} {found}, but {expected} is pinned")


def install_driver() -> Path:
    """playwright-core as the lock file pins it, installed once; the folder of node modules."""
    modules = CONFIGURATION / "node_modules"
    wanted = _read(CONFIGURATION / "package.json")["dependencies"]["playwright-core"]
    installed = modules / "playwright-core" / "package.json"
    if not installed.is_file() or _read(installed)["version"] != wanted:
        _run("npm", "ci", cwd=CONFIGURATION)
    return modules


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _run(program: str, *arguments: str, cwd: Path | None = None) -> None:
    """Run to the end. Raises ViewerFault with the program's own last line."""
    if shutil.which(program) is None:
        raise ViewerFault(f"{program} is not installed (Debian package {program})")
    done = subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise ViewerFault(f"{program} {arguments[0]} ended with {done.returncode}: {last}")


@contextlib.contextmanager
def running_viewer(orthanc_url: str, state: Path, port: int = 0) -> Iterator[Viewer]:
    """OHIF over the DICOMweb of the Orthanc at `orthanc_url`, until the block is left.

    `state` is a folder for nginx's own files and log; port 0 takes a free one. Raises ViewerFault
    when nginx is missing or does not answer, or the port is taken.
    """
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        raise ViewerFault("nginx is not installed (Debian package nginx-light)")
    port = port or free_port()
    if not is_free(port, LOOPBACK):
        raise ViewerFault(f"port {port} is taken: choose another one for the viewer")
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    configuration = _write_configuration(orthanc_url, state, port, install())
    command = [nginx, "-p", str(state), "-c", str(configuration), "-e", "stderr"]
    with (state / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        viewer = Viewer(f"http://{LOOPBACK}:{port}", port)
        _wait(viewer, process, state / "nginx.log")
        yield viewer
    finally:
        process.terminate()
        process.wait(timeout=10)


def _write_configuration(orthanc_url: str, state: Path, port: int, dist: Path) -> Path:
    """nginx.conf in `state`, from the template beside this file."""
    values = {
        "STATE": state,
        "HOST": LOOPBACK,
        "PORT": port,
        "DIST": dist,
        "APP_CONFIG": CONFIGURATION / "app-config.js",
        "MIME_TYPES": MIME_TYPES,
        "ORTHANC": orthanc_url.rstrip("/"),
    }
    text = (CONFIGURATION / "nginx.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    path = state / "nginx.conf"
    path.write_text(text)
    return path


def _wait(viewer: Viewer, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once nginx serves OHIF's page. Raises ViewerFault with nginx's last words."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _answers(viewer):
            return
        time.sleep(0.05)
    words = log.read_text(errors="replace").strip() or "no message"
    raise ViewerFault(f"nginx does not answer at {viewer.url}: {words.splitlines()[-1]}")


def _answers(viewer: Viewer) -> bool:
    try:
        with urllib.request.urlopen(f"{viewer.url}/app-config.js", timeout=2):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.viewer", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="of the viewer; 0: any free port")
    parser.add_argument("--http-port", type=int, default=8042, help="0: any free port")
    parser.add_argument("--dicom-port", type=int, default=4242, help="0: any free port")
    parser.add_argument("--data", type=Path, default=Path("data"), help="all that is written")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        print("viewer: OHIF is fetched once (50 MB) if it is not here yet", flush=True)
        _serve(options)
    except (ServeError, ViewerFault) as fault:
        print(f"viewer: {fault}", file=sys.stderr)
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    """Orthanc with the plugin, and OHIF over it, until Orthanc ends or we are told to end."""
    install()
    with (
        running_orthanc(
            options.data,
            http_port=options.http_port,
            dicom_port=options.dicom_port,
            wait_ready=False,
        ) as server,
        running_viewer(server.url, options.data / "viewer", options.port) as viewer,
    ):
        print(f"OHIF     {viewer.url}")
        print(f"Orthanc  {server.url}/app/explorer.html  DICOM localhost:{server.dicom_port}")
        status = wait_until_ready(server)
        print(f"Adjuvant {status['state']}: {status['reason']}", flush=True)
        server.process.wait()


def _end(number: int, frame: object) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # we are stopping already
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
