"""What the plugin writes and tells, seen from outside: a real, talkative Orthanc under strace.

The same Orthanc has an authorization filter, so that it is seen that we work behind one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.serve import ROOT
from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import Hospital, scan, wait_for

CALLS = (
    "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,"
    "symlink,symlinkat,truncate,mknod,mknodat"
)
PROGRAM = """#!/bin/sh
exec {strace} -D -f --seccomp-bpf -qq -y --status=successful -e trace={calls} -o {trace} \\
    {orthanc} --verbose "$@"
"""
# Our own script, by way of another that looks over its shoulder: the token is known to it alone.
SCRIPT = """
import runpy, sys
import orthanc

generate = orthanc.GenerateRestApiAuthorizationToken

def generate_and_tell():
    token = generate()
    with open({told!r}, "a") as file:
        file.write(token + "\\n")
    return token

orthanc.GenerateRestApiAuthorizationToken = generate_and_tell
sys.path.insert(0, {plugin!r})
runpy.run_path({plugin!r} + "/main.py")
"""
# Asked by Orthanc at the same place as its authorization plugin, which Debian has not got.
# Readers may read and operators do everything, as docs/rest.md proposes; nobody else may anything.
FILTER = """
function IncomingHttpRequestFilter(method, uri, ip, username, headers)
  local role = headers["token"]
  if role == "reader" then
    return method == "GET"
  end
  return role == "operator"
end
"""
READER, OPERATOR = {"token": "reader"}, {"token": "operator"}
LINE = re.compile(r"[0-9]+ +(\w+)\((.*)\) += ")
PLACE = re.compile(r'(?:(?:AT_FDCWD|[0-9]+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
WRITES = re.compile("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")


@dataclass(frozen=True)
class Watched:
    """An Orthanc that has read, refused, routed and been asked, and what was written down of it."""

    hospital: Hospital
    trace: Path
    told: Path

    def ask(self, role: dict[str, str], method: str, path: str, body: Any = None) -> int:
        url = f"{self.hospital.server.url}{path}"
        data = None if body is None else json.dumps(body)
        return requests.request(method, url, data=data, headers=role, timeout=60).status_code


@pytest.fixture(scope="module")
def watched(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    strace, orthanc = shutil.which("strace"), shutil.which("Orthanc")
    assert strace is not None, "strace is not installed (Debian package strace)"
    trace, told = folder / "trace", folder / "told"
    program = folder / "bin" / "Orthanc"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(strace=strace, calls=CALLS, trace=trace, orthanc=orthanc))
    program.chmod(0o755)
    script, lua = folder / "script.py", folder / "filter.lua"
    script.write_text(SCRIPT.format(told=str(told), plugin=str(ROOT / "plugin")))
    lua.write_text(FILTER)
    settings = {
        "PythonScript": str(script),
        "LuaScripts": [str(lua)],
        "OrthancPeers": {"dead": ["http://127.0.0.1:9/"]},
    }
    routes = {"Routes": {"dead": {"Kind": "peer", "Target": "dead"}}, "Device": "cpu"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(program.parent), prepend=":")
        with start(
            folder / "data", adjuvant=routes, orthanc=settings, wait_ready=False
        ) as hospital:
            hospital.session.headers.update(OPERATOR)
            hospital.wait_for_state("ready")
            work(hospital)
            yield Watched(hospital, trace, told)


def work(hospital: Hospital) -> None:
    """Whatever writes or might say too much: results, refusals, a dead route, rules, a pause."""
    for one in (scan(128, 128), scan(128, 128, HighBit=3), scan(BodyPartExamined="HIP")):
        job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(one)))
        assert job["state"] in ("done", "refused")
    hospital.post(
        "/adjuvant/rules", json.dumps({"Rules": hospital.get("/adjuvant/rules")["rules"]}).encode()
    )
    for path in ("pause", "resume", "reconcile", "rules/reload"):
        hospital.post(f"/adjuvant/{path}", b"{}")
    wait_for(lambda: hospital.get("/adjuvant/routing")["destinations"][0]["state"] == "down")


def test_nothing_is_written_outside_of_the_data(watched: Watched) -> None:
    written = list(places(watched.trace))
    data = watched.hospital.server.data
    assert data / "adjuvant" / "ledger.sqlite" in written  # this test sees what is written
    elsewhere = {one for one in written if data not in one.parents and not is_allowed(one)}
    assert elsewhere - {watched.told} == set()


def places(trace: Path) -> Iterator[Path]:
    """Every path that was opened for writing, made, moved or taken away."""
    for line in trace.read_text().splitlines():
        call = LINE.match(line)
        if call is None or (call[1] in ("open", "openat") and not WRITES.search(call[2])):
            continue
        for folder, name in PLACE.findall(call[2]):
            yield Path(folder or ROOT) / name


def is_allowed(path: Path) -> bool:
    """Devices, names of threads, and what Python compiled, beside its source (SECURITY.md)."""
    return path.parts[1] in ("dev", "proc") or "__pycache__" in path.parts


def test_the_token_of_orthanc_is_written_nowhere(watched: Watched) -> None:
    tokens = {line.split()[-1] for line in watched.told.read_text().splitlines()}
    assert tokens
    assert min(len(token) for token in tokens) > 20
    data = watched.hospital.server.data
    files = [path for path in data.rglob("*") if path.is_file()]
    assert data / "orthanc.log" in files
    assert "Adjuvant: job-done" in watched.hospital.log()  # it does talk much
    told = {str(one) for one in files for token in tokens if token.encode() in one.read_bytes()}
    assert told == set()
    shown = [watched.hospital.text(f"/adjuvant/{one}") for one in ("status", "jobs", "routing")]
    assert not [one for one in shown for token in tokens if token in one]


@pytest.mark.parametrize("path", ["/adjuvant/status", "/adjuvant/jobs", "/adjuvant/openapi.json"])
def test_an_authorization_filter_decides_who_reads(watched: Watched, path: str) -> None:
    assert watched.ask({}, "GET", path) == 403
    assert watched.ask(READER, "GET", path) == 200
    assert watched.ask(OPERATOR, "GET", path) == 200


def test_an_authorization_filter_decides_who_changes(watched: Watched) -> None:
    for role, expected in (({}, 403), (READER, 403), (OPERATOR, 200)):
        assert watched.ask(role, "POST", "/adjuvant/resume", {}) == expected
    instance = watched.hospital.get("/adjuvant/jobs?state=done")["jobs"][0]["instance"]
    path = f"/adjuvant/instances/{instance}/analyze"
    assert watched.ask(READER, "POST", path, {}) == 403
    assert watched.ask(OPERATOR, "POST", path, {"Synchronous": True}) == 200
