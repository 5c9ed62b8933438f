"""Machines at our routes: schemathesis, Prometheus, curl, Lua; and people who pause and cancel.

On an Orthanc of its own with both Lua scripts, and with a modality that takes what is sent to it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
import schemathesis
from pynetdicom import AE, AllStoragePresentationContexts, evt
from schemathesis import GenerationMode

from adjuvant.metrics import NAMES
from deploy.serve import ROOT
from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import (
    SC,
    SEG,
    SR,
    Hospital,
    new_instance_uid,
    scan,
    wait_for,
)
from tests.machines import CHECKS, try_routes

LUA = ROOT / "deploy" / "lua"
HTTP_THREADS = 10  # two of them may wait
WAITERS = 8
EXAMPLES = int(os.environ.get("EXAMPLES", "10"))  # per route and kind of data


@dataclass(frozen=True)
class Site:
    """An Orthanc with its Lua scripts, and the SOP Class UIDs that the modality has received."""

    hospital: Hospital
    received: list[str]

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        url = f"{self.hospital.server.url}/adjuvant/{path}"
        answer = self.hospital.session.request(method, url, data=body, timeout=120)
        return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def site(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    received: list[str] = []

    def take(event: evt.Event) -> int:
        received.append(str(event.request.AffectedSOPClassUID))
        return 0x0000

    modality = AE("PACS")
    modality.supported_contexts = AllStoragePresentationContexts
    server = modality.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    port = server.socket.getsockname()[1]
    orthanc = {
        "LuaScripts": [str(LUA / "analyze-stable-studies.lua"), str(LUA / "route-results.lua")],
        "DicomModalities": {"PACS": ["PACS", "127.0.0.1", port]},
        "StableAge": 1,
        "HttpThreadsCount": HTTP_THREADS,
    }
    with start(tmp_path_factory.mktemp("site"), orthanc=orthanc) as hospital:
        yield Site(hospital, received)
    server.shutdown()


def test_lua_sends_each_result_to_the_modality_and_nothing_else(site: Site) -> None:
    instance = site.hospital.send_by_rest(to_bytes(scan(128, 128)))
    assert site.hospital.wait_for_end(instance)["state"] == "done"
    wait_for(lambda: len(site.received) >= 3)
    assert sorted(site.received) == sorted([SEG, SC, SR])


def test_lua_has_a_stable_study_read(site: Site) -> None:
    hospital = site.hospital
    sent = hospital.post("/instances", to_bytes(scan(128, 128)))
    job = hospital.wait_for_end(sent["ID"])
    for result in job["results"]:  # so that there is something to do when it becomes stable again
        url = f"{hospital.server.url}/instances/{result['instance']}"
        hospital.session.delete(url, timeout=60).raise_for_status()
    started = job["started"]
    # Another instance of the same study wakes it up; its stability is what Lua hears of.
    dataset = hospital.read(sent["ID"])
    hospital.post("/instances", to_bytes(new_instance_uid(dataset)))
    again = wait_for(
        lambda: j if (j := hospital.job(sent["ID"])) and j["started"] > started else None
    )
    assert again["id"] == job["id"]
    assert "was not asked to read" not in hospital.log()


def test_while_paused_the_queue_grows_and_a_queued_job_is_cancelled(site: Site) -> None:
    hospital = site.hospital
    hospital.wait_until_idle()
    assert site.ask("POST", "pause")[0] == 200
    instances = [hospital.send_by_rest(to_bytes(scan(64, 64))) for _ in range(3)]
    wait_for(lambda: hospital.status()["queue"]["queued"] == 3)
    status = hospital.status()
    assert (status["state"], bool(status["paused"]), bool(status["oldest_queued"])) == (
        "ready",
        True,
        True,
    )
    jobs = [wait_for(lambda one=one: hospital.job(one)) for one in instances]  # type: ignore[misc]
    first = jobs[0]["id"]
    assert site.ask("POST", f"jobs/{first}/cancel")[1]["state"] == "cancelled"
    assert site.ask("POST", "resume") == (200, {"paused": None})
    assert hospital.wait_for_end(instances[2])["state"] == "done"
    assert hospital.job(instances[0])["results"] == []  # type: ignore[index]
    assert site.ask("POST", f"jobs/{first}/cancel")[0] == 409
    assert site.ask("POST", f"jobs/{first}/retry")[0] == 200
    assert hospital.wait_for_end(instances[0])["state"] == "done"
    assert site.ask("POST", f"jobs/{first}/retry")[0] == 409


def test_a_name_that_orthanc_never_checked_is_not_repeated(site: Site) -> None:
    """This Orthanc has no users: anybody can write any name into a request."""
    for what in ("pause", "resume"):
        url = f"{site.hospital.server.url}/adjuvant/{what}"
        requests.post(url, data=b"{}", auth=("mallory", "x"), timeout=60).raise_for_status()
    assert "Adjuvant: paused by a person" in site.hospital.log()
    assert "mallory" not in site.hospital.log()


def test_people_who_wait_do_not_keep_others_from_being_answered(site: Site) -> None:
    hospital = site.hospital
    hospital.wait_until_idle()
    scans = [hospital.post("/instances", to_bytes(scan(512, 512))) for _ in range(WAITERS)]
    body = b'{"Synchronous": true}'
    begin = time.monotonic()
    with ThreadPoolExecutor(WAITERS) as people:
        paths = [f"studies/{sent['ParentStudy']}/analyze" for sent in scans]
        waiting = [people.submit(site.ask, "POST", path, body) for path in paths]
        answered = 0
        while not all(one.done() for one in waiting):
            asked = time.monotonic()
            hospital.get("/system")
            assert time.monotonic() - asked < 20
            answered += 1
    statuses = [one.result()[0] for one in waiting]
    assert set(statuses) <= {200, 202, 503}  # 503: too many ask at once what Orthanc holds
    assert 200 in statuses
    for one in waiting:
        if one.result()[0] == 200:
            assert {job["state"] for job in one.result()[1]["jobs"]} == {"done"}
    assert answered > 0
    assert time.monotonic() - begin < 120
    hospital.wait_until_idle()


def test_prometheus_finds_every_figure_that_something_was_there_for(site: Site) -> None:
    hospital = site.hospital
    instance = hospital.send_by_rest(to_bytes(scan(BodyPartExamined="HIP", StudyDescription="Hip")))
    assert hospital.wait_for_end(instance)["state"] == "refused"
    url = f"{hospital.server.url}/tools/metrics-prometheus"

    def exported() -> str | None:
        text = hospital.session.get(url, timeout=60).text
        return text if 'adjuvant_refusals_total{code="not-applicable"}' in text else None

    text = wait_for(exported)
    names = set(re.findall(r"^(adjuvant_\w+)", text, re.MULTILINE))
    rare = {"adjuvant_gland_seen_ratio", "adjuvant_gland_area_cm2"}  # from some scans on
    rare |= {name for name in NAMES if "_route_" in name or "_shadow_" in name}  # none is here
    assert names | rare == set(NAMES)
    lines = [line for line in text.splitlines() if line.startswith("adjuvant_")]
    form = re.compile(r'adjuvant_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [-+.0-9e]+ [0-9]+')
    assert [line for line in lines if not form.fullmatch(line)] == []
    assert 'adjuvant_state{state="ready"} 1 ' in text
    done = float(re.search(r'adjuvant_scans_total\{state="done"\} (\S+)', text)[1])  # type: ignore[index]
    stored = float(re.search(r'adjuvant_results_total\{kind="SEG"\} (\S+)', text)[1])  # type: ignore[index]
    assert 0 < done == stored


def test_the_examples_for_curl_work(site: Site) -> None:
    page = (ROOT / "docs" / "rest.md").read_text()
    (script,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    sent = site.hospital.post("/instances", to_bytes(scan(64, 64)))
    environment = {
        "PATH": os.environ["PATH"],
        "ORTHANC": site.hospital.server.url,
        "STUDY": sent["ParentStudy"],
    }
    commands = [block for block in script.split("\n\n") if "curl" in block]
    answers = [
        subprocess.run(["bash", "-euc", command], env=environment, capture_output=True, check=True)
        for command in commands
    ]
    status, refused, read, jobs, paused = (answer.stdout.decode() for answer in answers)
    assert json.loads(status)["state"] == "ready"
    assert {job["state"] for job in json.loads(refused)["jobs"]} <= {"refused"}
    assert json.loads(read)["jobs"][0]["state"] == "done"
    assert json.loads(jobs.replace("}{", "}\n{").splitlines()[-1])["total"] == 1
    assert paused.endswith('{"paused": null}')


NGINX = """
daemon off; master_process off; pid {state}/nginx.pid; error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {state}/body; proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi; uwsgi_temp_path {state}/uwsgi; scgi_temp_path {state}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location /hospital/pacs/ {{ proxy_pass {orthanc}/; }}
    }}
}}
"""


def test_behind_the_path_of_a_reverse_proxy_the_document_leads_to_the_routes(
    site: Site, tmp_path: Path
) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert nginx is not None, "nginx is not installed (Debian package nginx-light)"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    orthanc = site.hospital.server.url.replace("localhost", "127.0.0.1")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(state=tmp_path, port=port, orthanc=orthanc))
    process = subprocess.Popen([nginx, "-p", tmp_path, "-c", configuration, "-e", "stderr"])
    get = site.hospital.session.get
    try:
        place = f"http://127.0.0.1:{port}/hospital/pacs/adjuvant/openapi.json"

        def answered() -> requests.Response | None:
            try:
                return get(place, timeout=60)
            except requests.ConnectionError:
                return None

        document = wait_for(answered).json()
        base = urljoin(place, document["servers"][0]["url"])
        assert get(f"{base}/status", timeout=60).json()["state"] == "ready"
        assert orthanc not in json.dumps(document)
        refused = site.hospital.session.post(f"{base}/status", data=b"", timeout=60)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_routes_do_what_the_openapi_document_says(site: Site, mode: GenerationMode) -> None:
    hospital = site.hospital
    url = f"{hospital.server.url}/adjuvant"
    schema = schemathesis.openapi.from_dict(hospital.get("/adjuvant/openapi.json"))
    schema.config.update(base_url=url)
    tried = try_routes(
        schema,
        mode,
        EXAMPLES,
        lambda case: case.call_and_validate(checks=CHECKS, session=hospital.session, timeout=120),
    )
    assert tried >= 12
    site.ask("POST", "resume")
    assert hospital.status()["state"] == "ready"
