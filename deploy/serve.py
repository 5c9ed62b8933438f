"""Orthanc with the plugin, in the foreground: `python -m deploy.serve` (`make run`).

The configuration is orthanc.json with everything of this run (ports, storage) below one data
folder; nothing outside that folder is written. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy.ports import free_port, is_free

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "orthanc.json"
PACKAGES = "orthanc orthanc-python orthanc-dicomweb"
START_S = 60.0
READY_S = 180.0
STOP_S = 10.0


class ServeError(Exception):
    """Orthanc cannot be started, does not answer or does not stop; the text is one line."""


@dataclass(frozen=True)
class Server:
    """A running Orthanc. `url` ends without a slash; `log` is what it says, in full."""

    http_port: int
    dicom_port: int
    data: Path
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def stop(self, timeout_s: float = STOP_S) -> int:
        """Ask Orthanc to end (SIGTERM) and wait; its exit code. Raises ServeError if it hangs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as fault:
            self.kill()
            raise ServeError(f"Orthanc did not end within {timeout_s:g} s of SIGTERM") from fault

    def kill(self) -> None:
        """End Orthanc at once (SIGKILL), as a power cut does."""
        self.process.kill()
        self.process.wait()


def write_configuration(
    base: Path = CONFIGURATION,
    *,
    data: Path,
    http_port: int,
    dicom_port: int,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Write the configuration of one run to `data`/orthanc.json; ports of 0 become free ones.

    `overrides` is laid over `base`, object into object; a value of None takes a key away.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    own = {
        "StorageDirectory": str(data / "orthanc"),
        "IndexDirectory": str(data / "orthanc"),
        "PythonScript": str(ROOT / "plugin" / "main.py"),
        "HttpPort": http_port or free_port(),
        "DicomPort": dicom_port or free_port(),
        "Adjuvant": {"DataDirectory": str(data / "adjuvant")},
    }
    own.update(_plugins_beside(shutil.which("Orthanc")))
    configuration = _merge(_merge(json.loads(base.read_text()), own), overrides or {})
    path = data / "orthanc.json"
    path.touch(mode=0o600)  # it may hold passwords
    path.write_text(json.dumps(configuration, indent=2) + "\n")
    return path


def _plugins_beside(program: str | None) -> dict[str, Any]:
    """Where the plugins of an Orthanc in /usr/local are; nothing where they are not beside it."""
    folder = Path(program or "").parent.parent / "share" / "orthanc" / "plugins"
    found = program is not None and (folder / "libOrthancPython.so").exists()
    return {"Plugins": [str(folder)]} if found else {}


@contextmanager
def running_orthanc(
    data: Path,
    *,
    http_port: int = 0,
    dicom_port: int = 0,
    overrides: Mapping[str, Any] | None = None,
    wait_ready: bool = True,
    stop_s: float = STOP_S,
) -> Iterator[Server]:
    """A running Orthanc, stopped at the end. Raises ServeError where it does not start.

    With `wait_ready`, also until the plugin reads scans (or says why it does not). Raises it, too,
    where Orthanc does not end within `stop_s` of being told to.
    """
    path = write_configuration(
        data=data, http_port=http_port, dicom_port=dicom_port, overrides=overrides
    )
    server = start(path)
    try:
        wait_answer(server)
        if wait_ready:
            wait_until_ready(server)
        yield server
    finally:
        server.stop(stop_s)


def start(configuration: Path) -> Server:
    """Start Orthanc on a configuration file as `write_configuration` makes it; does not wait."""
    program = shutil.which("Orthanc")
    if program is None:
        raise ServeError(f"Orthanc is not installed: apt-get install {PACKAGES}")
    settings = json.loads(configuration.read_text())
    http_port, dicom_port = settings["HttpPort"], settings["DicomPort"]
    for name, port in (("HTTP_PORT", http_port), ("DICOM_PORT", dicom_port)):
        if not is_free(port):
            raise ServeError(f"port {port} is taken (another Orthanc?): choose another {name}")
    log = configuration.parent / "orthanc.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [program, str(configuration)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C reaches us, and we end Orthanc cleanly
        )
    scheme = "https" if settings.get("SslEnabled") else "http"
    url = f"{scheme}://localhost:{http_port}"
    return Server(http_port, dicom_port, configuration.parent, url, log, process)


def wait_answer(server: Server, timeout_s: float = START_S) -> None:
    """Wait until Orthanc answers over HTTP, were it by asking who we are."""
    deadline = time.monotonic() + timeout_s
    while _get(server, "/system") is None:
        if server.process.poll() is not None:
            raise ServeError(f"Orthanc ended while starting: {_last_error(server)}")
        if time.monotonic() > deadline:
            server.kill()
            raise ServeError(f"Orthanc does not answer at {server.url}: see {server.log}")
        time.sleep(0.05)


def wait_until_ready(server: Server, timeout_s: float = READY_S) -> dict[str, Any]:
    """Wait while the plugin is starting; its status then, whatever the state."""
    deadline = time.monotonic() + timeout_s
    while True:
        status = _get(server, "/adjuvant/status")
        if isinstance(status, dict) and status.get("state", "starting") != "starting":
            return status
        if server.process.poll() is not None:
            raise ServeError(f"Orthanc ended: {_last_error(server)}")
        if time.monotonic() > deadline:
            raise ServeError(f"the plugin is not ready after {timeout_s:g} s: see {server.log}")
        time.sleep(0.1)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("--http-port", type=int, default=8042, help="0: any free port")
    parser.add_argument("--dicom-port", type=int, default=4242, help="0: any free port")
    parser.add_argument("--data", type=Path, default=Path("data"), help="all that is written")
    parser.add_argument(
        "--adjuvant", type=json.loads, default={}, help="JSON: keys of our section for this run"
    )
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        with running_orthanc(
            options.data,
            http_port=options.http_port,
            dicom_port=options.dicom_port,
            overrides={"Adjuvant": options.adjuvant},
            wait_ready=False,
        ) as server:
            return _foreground(server)
    except ServeError as fault:
        print(f"serve: {fault}", file=sys.stderr)
        return 1


def _foreground(server: Server) -> int:
    print(f"Orthanc  {server.url}/app/explorer.html  DICOM ADJUVANT@localhost:{server.dicom_port}")
    print(f"log      {server.log}", flush=True)
    status = wait_until_ready(server)
    print(f"Adjuvant {status['state']}: {status['reason']}", flush=True)
    code = server.process.wait()
    print(f"serve: Orthanc ended: {_last_error(server)}", file=sys.stderr)
    return code or 1


def _end(number: int, frame: object) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # we are stopping already
    raise SystemExit(0)


def _get(server: Server, path: str) -> Any | None:
    """JSON of an answer, `{}` where it is an HTTP error, None where nothing answers."""
    # The certificate may be self-signed; this is our own process on the loopback interface.
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(server.url + path, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        refused.close()
        return {}
    except (OSError, ValueError, HTTPException):
        return None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _last_error(server: Server) -> str:
    lines = server.log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("E")]
    return f"{errors[-1].split('] ', 1)[-1] if errors else 'no error'} (see {server.log})"


if __name__ == "__main__":
    sys.exit(main())
