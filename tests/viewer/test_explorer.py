"""Orthanc Explorer's own pages show the state of the analysis, and start one."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adjuvant.delivery import KINDS
from adjuvant.explorer import explorer_script
from adjuvant.job import STATES
from deploy.serve import ROOT, Server, running_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.integration.tiny import IN_SERVICE, write_tiny_model
from tests.viewer.browser import browse
from tests.viewer.rest import upload

PAGES = {"study": "ParentStudy", "series": "ParentSeries", "instance": "ID"}
GLAND = r"thyroid \d+\.\d+\.\d+: gland \d+\.\d cm²"
BROKEN = b"!"
WAIT_S = 200.0
STOP_S = 100.0


def store_scan(server: Server) -> dict[str, Any]:
    """Orthanc's identifiers of a new scan and of everything above it."""
    answer: dict[str, Any] = json.loads(upload(server, to_bytes(nm_dataset(thyroid_counts()))))
    return answer


def address(server: Server, page: str, stored: dict[str, Any]) -> str:
    return f"{server.url}/app/explorer.html#{page}?uuid={stored[PAGES[page]]}"


def settings(data: Path) -> dict[str, Any]:
    section = {"ModelsDirectory": str(data / "models"), "VirtualEnvironment": sys.prefix}
    return {"Adjuvant": {**section, "RetrySeconds": 1}}


def restore(weights: Path, whole: bytes, sign: Path) -> None:
    """Write `weights` as they were, once there is a sign."""
    deadline = time.monotonic() + WAIT_S
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    weights.write_bytes(whole)


@pytest.fixture(scope="module")
def stored_before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An archive's data with a scan for each page, from before Adjuvant's time."""
    data = tmp_path_factory.mktemp("explorer")
    write_tiny_model(data / "models" / "thyroid" / IN_SERVICE)
    plain = {"PythonScript": None}
    with running_orthanc(data, overrides=plain, wait_ready=False, stop_s=STOP_S) as server:
        return data, {page: store_scan(server) for page in PAGES}


@pytest.fixture(scope="module")
def explorer(stored_before: tuple[Path, dict[str, Any]]) -> Iterator[Server]:
    data, _ = stored_before
    with running_orthanc(data, overrides=settings(data), stop_s=STOP_S) as server:
        yield server


@pytest.mark.parametrize("page", PAGES)
def test_a_page_starts_an_analysis_and_shows_what_was_found(
    explorer: Server, stored_before: tuple[Path, dict[str, Any]], tmp_path: Path, page: str
):
    url = address(explorer, page, stored_before[1][page])
    answer = browse("explore", tmp_path, page=page, url=url, press=True, states=["done"])
    assert answer["before"] == ["not analysed yet"]
    assert answer["states"] == ["thyroid: done"]
    assert re.fullmatch(GLAND, "".join(answer["details"]))
    found = {"Segmentation", "Fused picture"} if page == "instance" else set()
    assert found <= set(answer["links"])
    assert bool(answer["links"]) == (page == "instance")
    assert answer["complaints"] == []


def test_a_page_shows_what_was_read_unasked(explorer: Server, tmp_path: Path):
    stored = store_scan(explorer)
    url = address(explorer, "study", stored)
    answer = browse("explore", tmp_path, page="study", url=url, press=False, states=["done"])
    assert re.fullmatch(GLAND, "".join(answer["details"]))
    assert answer["complaints"] == []


def test_a_page_follows_an_analysis_from_its_queue_to_its_end(tmp_path: Path):
    """While the model is broken the scan waits; somebody restores it while the page is open."""
    data = tmp_path / "orthanc"
    write_tiny_model(data / "models" / "thyroid" / IN_SERVICE)
    (weights,) = data.glob("models/thyroid/*/*.keras")
    whole = weights.read_bytes()
    weights.write_bytes(whole + BROKEN)
    with running_orthanc(data, overrides=settings(data), stop_s=STOP_S) as server:
        url = address(server, "series", store_scan(server))
        restoring = threading.Thread(target=restore, args=(weights, whole, tmp_path / "queued.png"))
        restoring.start()
        states = ["queued", "done"]
        answer = browse("explore", tmp_path, page="series", url=url, press=True, states=states)
        restoring.join()
    assert answer["states"] == ["thyroid: waiting", "thyroid: done"]
    assert answer["complaints"] == []


def test_a_page_says_why_nothing_is_analysed(tmp_path: Path):
    overrides = {"Adjuvant": {"Enabled": False, "VirtualEnvironment": sys.prefix}}
    with running_orthanc(tmp_path / "orthanc", overrides=overrides, stop_s=STOP_S) as server:
        url = address(server, "study", store_scan(server))
        answer = browse("explore", tmp_path, page="study", url=url, press=False, states=[])
    assert answer["before"] == ["Adjuvant is off"]
    assert answer["details"] == ["Adjuvant.Enabled is false"]


@pytest.mark.parametrize("word", [*STATES, *KINDS.values()])
def test_the_script_has_words_for_every_state_and_kind_of_result(word: str):
    assert re.search(rf"\b{word}: '", explorer_script())


def test_buttons_for_orthanc_explorer_2_ask_for_the_same_routes():
    text = (ROOT / "deploy" / "orthanc-explorer-2.json").read_text()
    buttons = json.loads(text)["OrthancExplorer2"]["UiOptions"]["CustomButtons"]
    asked = {level: [button["Url"] for button in found] for level, found in buttons.items()}
    assert asked == {
        "study": ["../../adjuvant/studies/{UUID}/analyze"],
        "series": ["../../adjuvant/series/{UUID}/analyze"],
        "instance": ["../../adjuvant/instances/{UUID}/analyze"],
    }
    assert {button["HttpMethod"] for found in buttons.values() for button in found} == {"POST"}
