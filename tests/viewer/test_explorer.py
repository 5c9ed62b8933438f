"""Orthanc Explorer's own pages show the state of the analysis, and start one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.serve import Server, running_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.viewer.browser import browse
from tests.viewer.rest import upload

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/share/orthanc/plugins/libOrthancPython.so"
PAGES = {"study": "ParentStudy", "series": "ParentSeries", "instance": "ID"}


@contextmanager
def running_explorer(data: Path, **environment: str) -> Iterator[Server]:
    script = str(Path(__file__).with_name("explorer_plugin.py"))
    overrides = {"Plugins": [PYTHON], "PythonScript": script}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADJUVANT_PLUGIN", str(ROOT / "plugin"))
        for name, value in environment.items():
            patch.setenv(name, value)
        with running_orthanc(data, overrides=overrides, wait_ready=False) as server:
            yield server


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_explorer(tmp_path_factory.mktemp("explorer")) as server:
        yield server


def store_scan(server: Server) -> dict[str, Any]:
    """Orthanc's identifiers of a new scan and of everything above it."""
    scan = nm_dataset(thyroid_counts(64, 64))
    answer: dict[str, Any] = json.loads(upload(server, to_bytes(scan)))
    return answer


@pytest.fixture(scope="module")
def stored(explorer: Server) -> dict[str, Any]:
    return store_scan(explorer)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_starts_an_analysis_and_follows_it(
    explorer: Server, stored: dict[str, Any], tmp_path: Path, page: str
):
    answer = browse(
        "explore",
        tmp_path,
        page=page,
        url=f"{explorer.url}/app/explorer.html#{page}?uuid={stored[PAGES[page]]}",
        states=["queued", "running", "done"],
    )
    assert answer["before"] == ["not analysed yet"]
    assert answer["states"] == ["thyroid: waiting", "thyroid: running", "thyroid: done"]
    assert answer["details"] == ["thyroid 0.1.0: gland 23.5 cm²"]
    assert answer["links"] == (["Segmentation"] if page == "instance" else [])
    assert answer["complaints"] == []


def test_a_page_says_why_nothing_is_analysed(tmp_path: Path):
    with running_explorer(tmp_path / "orthanc", ADJUVANT_OFF="1") as server:
        address = f"{server.url}/app/explorer.html#study?uuid={store_scan(server)['ParentStudy']}"
        answer = browse("explore", tmp_path, page="study", url=address, states=[])
    assert answer["before"] == ["Adjuvant is off"]
    assert answer["details"] == ["Adjuvant.Enabled is false"]


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
