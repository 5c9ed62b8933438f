"""Model versions change under a running stream of scans, and nobody who reads a study notices."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from tests.adjuvant.version_folders import give_sample
from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan, wait_for
from tests.integration.tiny import write_tiny_model

PAUSE_S = 0.4
ENOUGH = 6  # scans before, between and after the changes
Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.1.0 and 0.2.0 are sound; 0.3.0 answers its own sample wrongly; 0.4.0 was altered."""
    folder = tmp_path_factory.mktemp("versions")
    first = write_tiny_model(folder / "thyroid" / "0.1.0")
    for version in ("0.2.0", "0.3.0", "0.4.0"):
        copied = shutil.copytree(first, folder / "thyroid" / version)
        contract = json.loads((copied / "model.json").read_text())
        (copied / "model.json").write_text(json.dumps({**contract, "version": version}))
        give_sample(copied, right=version != "0.3.0", answers=(0.0, 1.0))
    with (folder / "thyroid" / "0.4.0" / "tiny.keras").open("ab") as file:
        file.write(b"x")
    return folder


class Stream:
    """A camera that sends one scan after the other, each of another patient's study."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self._hospital = hospital
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._fault: Exception | None = None
        self.sent: list[Dataset] = []

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._fault is None, "reception was interrupted"

    def wait_for_more(self) -> None:
        """Until some more scans were accepted."""
        enough = len(self.sent) + ENOUGH
        wait_for(lambda: len(self.sent) >= enough or self._fault)
        assert self._fault is None

    def _send(self) -> None:
        try:
            while not self._stop.wait(PAUSE_S):
                dataset = scan(64, 64)
                self._hospital.send_by_dicom([dataset], self._folder)  # raises what is not accepted
                self.sent.append(dataset)
        except Exception as fault:
            self._fault = fault


def ask(hospital: Hospital, what: str, body: dict[str, Any] | None = None) -> Answer:
    url = f"{hospital.server.url}/adjuvant/models/thyroid/{what}"
    answer = hospital.session.post(url, data=json.dumps(body or {}), timeout=30)
    return answer.status_code, answer.json()


def about(hospital: Hospital) -> dict[str, Any]:
    (model,) = hospital.get("/adjuvant/models")["models"]
    return dict(model)


def end(hospital: Hospital, what: str, version: str | None = None) -> dict[str, Any]:
    """What a change comes to."""
    status, begun = ask(hospital, what, {"Version": version} if version else None)
    assert (status, begun["state"]) == (202, "loading"), begun

    def ended() -> dict[str, Any] | None:
        change: dict[str, Any] = about(hospital)["last_change"]
        return change if change["state"] in ("active", "refused") else None

    return wait_for(ended)


def models_on(hospital: Hospital, dataset: Dataset) -> list[str]:
    """The model of each result set of a study, where every set is whole."""
    held = hospital.study(dataset.StudyInstanceUID)
    found = [[str(one.SoftwareVersions[1]) for one in held[kind]] for kind in (SEG, SC, SR)]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_versions_change_under_a_stream_of_scans_and_each_is_read_once(
    start: Start, tmp_path: Path, versions: Path
) -> None:
    data = tmp_path / "data"
    section: dict[str, Any] = {"ModelsDirectory": str(versions), "Models": {"thyroid": "0.1.0"}}
    with start(data, adjuvant=section) as hospital:
        with Stream(hospital, tmp_path / "sent") as stream:
            stream.wait_for_more()
            activated = end(hospital, "activate", "0.2.0")
            assert (activated["state"], activated["checked"]) == ("active", True)
            stream.wait_for_more()
            refused = end(hospital, "activate", "0.3.0")
            assert refused["state"] == "refused"
            assert "does not answer its own sample on CPU" in refused["reason"]
            assert ask(hospital, "activate", {"Version": "0.4.0"})[0] == 422
            assert about(hospital)["active"] == "0.2.0"
            stream.wait_for_more()
            assert end(hospital, "roll-back")["version"] == "0.1.0"
            stream.wait_for_more()
            assert end(hospital, "activate", "0.2.0")["state"] == "active"
            stream.wait_for_more()
        queue = wait_for(lambda: everything_read(hospital, len(stream.sent)))
        assert queue["failed"] == queue["refused"] == 0
        read_by = [models_on(hospital, dataset) for dataset in stream.sent]
        assert {len(models) for models in read_by} == {1}
        assert {models[0] for models in read_by} == {"thyroid 0.1.0", "thyroid 0.2.0"}
        compare_silently(hospital, "0.1.0")
        changes = hospital.get("/adjuvant/models/thyroid/changes")
        assert changes["fault"] is None
        assert [(one["change"], one["to"]["version"]) for one in changes["changes"]] == [
            ("shadow", "0.1.0"),
            ("activated", "0.2.0"),
            ("rolled-back", "0.1.0"),
            ("refused", "0.3.0"),
            ("activated", "0.2.0"),
            ("configured", "0.1.0"),
        ]
        states = {one["version"]: one["state"] for one in about(hospital)["versions"]}
        assert states == {
            "0.1.0": "shadow",
            "0.2.0": "active",
            "0.3.0": "available",
            "0.4.0": "faulty",
        }
    # orthanc.json names another version, which fails its check: what was activated goes on.
    section["Models"] = {"thyroid": "0.3.0"}
    with start(data, adjuvant=section) as hospital:
        status = hospital.status()
        (model,) = status["models"]
        assert (model["version"], model["configured"]) == ("0.2.0", "0.3.0")
        assert (model["chosen_by"], status["state"]) == ("anonymous", "ready")
        (alarm,) = status["alarms"]
        assert "orthanc.json names thyroid 0.3.0, which was refused: " in alarm["what"]
        assert alarm["what"].endswith("thyroid 0.2.0 goes on")
        last = stream.sent[-1]
        assert models_on(hospital, last) == ["thyroid 0.2.0"]


def compare_silently(hospital: Hospital, version: str) -> None:
    """Let a version run as a shadow: it is compared on the next scan, and stores nothing."""
    status, _ = ask(hospital, "shadow", {"Version": version})
    assert status == 200
    dataset = scan(64, 64)
    hospital.send_by_rest(to_bytes(dataset))

    def compared() -> dict[str, Any] | None:
        found: dict[str, Any] | None = hospital.get("/adjuvant/models/thyroid/shadow")["comparison"]
        return found if found and found["scans"] else None

    found = wait_for(compared)
    assert (found["scans"], found["failed"], found["mean_dice"]) == (1, 0, 1.0)
    assert models_on(hospital, dataset) == ["thyroid 0.2.0"]


def everything_read(hospital: Hospital, number: int) -> dict[str, int] | None:
    queue: dict[str, int] = hospital.status()["queue"]
    waits = queue["queued"] + queue["running"]
    ended = queue["done"] + queue["refused"] + queue["failed"]
    return queue if not waits and ended >= number else None
