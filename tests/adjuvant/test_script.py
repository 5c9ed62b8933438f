"""The script that Orthanc runs, with an `orthanc` that registers nothing."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adjuvant import api, listening
from adjuvant.api import Desk
from adjuvant.health import Health
from adjuvant.inbox import Inbox

SCRIPT = Path(__file__).parents[2] / "plugin" / "main.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    orthanc: Any = ModuleType("orthanc")
    orthanc.GetConfiguration = lambda: json.dumps({"HttpPort": 8042})
    monkeypatch.setitem(sys.modules, "orthanc", orthanc)
    spec = importlib.util.spec_from_file_location("script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with suppress(AttributeError):  # its last line registers
        spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENDED_LOOK_S", 0.001)
    monkeypatch.setattr(module, "ENDED_AGAIN_S", 0.001)
    # Other tests of this process may have left threads of these names.
    monkeypatch.setattr(module, "COMPUTING", ())
    return module


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool | None]]:
    """What the kernel says of Orthanc's port, look by look."""
    said: list[bool | None] = []
    monkeypatch.setattr(listening, "is_listening", lambda _: said.pop(0))
    yield said
    assert said == []


def test_orthancs_end_is_believed_when_it_was_seen_three_times_in_a_row(
    script: ModuleType, looks: list[bool | None]
) -> None:
    looks += [False, None, True, False, False, True, False, None, True, False, False, False]
    plugin = script.Plugin()
    interpreter = threading.Thread(target=plugin.stop.wait)
    interpreter.start()
    plugin.wait_for_end(interpreter)
    plugin.stop.set()


def test_who_stops_says_so(script: ModuleType, looks: list[bool | None]) -> None:
    looks += [True, False, False, False]
    plugin = script.Plugin()
    plugin.desk = Desk(Health("0.1.0"), Inbox())
    plugin.desk.health.become("ready", "waiting for scans")
    interpreter = threading.Thread(target=plugin.stop.wait)
    interpreter.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "main_thread", lambda: interpreter)
        plugin.end_with_orthanc()
    board = plugin.desk.health.snapshot()
    assert board["state"] == "off"
    assert "takes no connections" in board["reason"]


def test_a_request_that_ends_in_an_error_of_ours_is_told_in_the_log(script: ModuleType) -> None:
    lines: list[str] = []
    script.orthanc.LogError = lines.append
    sent: list[tuple[int, str]] = []
    output: Any = ModuleType("output")
    output.SetHttpHeader = lambda name, value: None
    output.SendHttpStatus = lambda status, body: sent.append((status, body))
    plugin = script.Plugin()
    plugin.answer = lambda request: {}["Geheimnis^Gudrun"]
    plugin.on_rest(output, "/adjuvant/jobs", method="GET")
    assert sent == [(500, '{"error": "Internal error", "details": "KeyError"}')]
    assert lines == ["Adjuvant: a request to /adjuvant cannot be answered: KeyError"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_page_of_another_site_changes_nothing(script: ModuleType, method: str) -> None:
    plugin = script.Plugin()
    plugin.open = lambda: pytest.fail("it is asked")
    headers = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
    status, problem = plugin.answer({"method": method, "groups": ("pause",), "headers": headers})
    assert (status, problem["error"]) == (403, "Forbidden")
    assert "another site" in problem["details"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", None),  # older Orthanc
        ("POST", {}),  # curl, Lua
        ("POST", {"sec-fetch-site": "same-origin"}),  # Orthanc Explorer
        ("POST", {"sec-fetch-site": "same-site"}),  # a viewer on another port
        ("POST", {"sec-fetch-site": "none"}),  # typed by a person
        ("POST", {"origin": "https://pacs.example", "host": "localhost:8042"}),  # behind a proxy
        ("GET", {"sec-fetch-site": "cross-site"}),  # changes nothing
    ],
)
def test_everybody_else_is_answered(
    script: ModuleType, method: str, headers: dict[str, str] | None
) -> None:
    plugin, asked = script.Plugin(), []
    plugin.desk = Desk(Health("0.1.0"), Inbox())
    plugin.api = api
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "answer", lambda request, desk: asked.append(request) or (200, {}))
        plugin.answer({"method": method, "groups": ("pause",), "headers": headers})
    assert [request.method for request in asked] == [method]
