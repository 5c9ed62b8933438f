"""Results reach a second real Orthanc in all three ways, whatever is killed in between."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from deploy.serve import running_orthanc
from tests.builder import to_bytes
from tests.integration.conftest import STOP_S, Start
from tests.integration.hospital import SC, SEG, SR, Hospital, scan, wait_for
from tests.integration.tiny import write_tiny_model

# The change log forgets what is overwritten; a script of the PACS writes down every reception.
COUNTING = "function OnStoredInstance(instance) print('received ' .. instance) end"
NM = "1.2.840.10008.5.1.4.1.1.20"
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
# How often each kind comes over all routes together; the routes overlap, the records do not.
EXPECTED = {SEG: 1, SC: 1, SR: 2, NM: 1}
# By one kill, on each of the three routes that work: the object whose end we did not write down,
# and the one before, whose job was still going on when Orthanc last wrote down its own.
MOST_REPEATED = 2 * 3
ROUTES: dict[str, Any] = {
    "pacs": {"Kind": "modality", "Target": "pacs", "Send": ["SEG"], "StorageCommitment": True},
    "peer": {"Kind": "peer", "Target": "pacs", "Send": ["SR", "source"]},
    "web": {"Kind": "dicom-web", "Target": "pacs", "Send": ["SC", "SR"]},
    "by-rule": {"Kind": "peer", "Target": "pacs", "Always": False},
    "typo": {"Kind": "modality", "Target": "pasc"},
    "circle": {"Kind": "peer", "Target": "ourselves"},
}


@pytest.fixture(scope="module")
def ports() -> tuple[int, ...]:
    """HTTP and DICOM of the PACS, then ours: fixed, for each has to find the other again."""
    with socket.socket() as a, socket.socket() as b, socket.socket() as c, socket.socket() as d:
        sockets = (a, b, c, d)
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(int(one.getsockname()[1]) for one in sockets)


@contextmanager
def pacs(data: Path, ports: tuple[int, ...]) -> Iterator[Hospital]:
    """The hospital's PACS: it counts what it receives, also what it has already."""
    data.mkdir(exist_ok=True)
    (data / "counting.lua").write_text(COUNTING)
    settings = {
        "Name": "PACS",
        "LuaScripts": [str(data / "counting.lua")],
        "DicomAet": "PACS",
        "Plugins": [PLUGIN],
        "PythonScript": None,
        "Adjuvant": None,
        "OverwriteInstances": True,
        "DicomModalities": {"adjuvant": ["ADJUVANT", "127.0.0.1", ports[3]]},
    }
    with running_orthanc(
        data,
        http_port=ports[0],
        dicom_port=ports[1],
        overrides=settings,
        wait_ready=False,
        stop_s=STOP_S,
    ) as server:
        yield Hospital(server)


def towards(ports: tuple[int, ...]) -> dict[str, Any]:
    """What Orthanc has to know of the PACS, and of itself."""
    http, dicom = ports[:2]
    web = f"http://127.0.0.1:{http}/dicom-web/"
    return {
        "HttpPort": ports[2],
        "DicomPort": ports[3],
        "DicomModalities": {"pacs": ["PACS", "127.0.0.1", dicom]},
        "OrthancPeers": {
            "pacs": [f"http://127.0.0.1:{http}/"],
            "ourselves": [f"http://localhost:{ports[2]}/"],
        },
        "DicomWeb": {"Servers": {"pacs": [web]}},
    }


def receptions(pacs: Hospital) -> Counter[str]:
    """How often each instance came, also what was there already."""
    return Counter(re.findall(r"received ([0-9a-f-]{44})", pacs.log()))


def wanted(hospital: Hospital) -> Counter[str]:
    """How often each instance that we hold has to be received."""
    held = hospital.get("/instances")
    classes = {one: hospital.text(f"/instances/{one}/metadata/SopClassUid") for one in held}
    return Counter({one: EXPECTED[kind] for one, kind in classes.items()})


def routes(hospital: Hospital) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in hospital.get("/adjuvant/routing")["destinations"]}


def all_sent(hospital: Hospital) -> bool:
    """Nothing is on its way on any route that can be used."""
    shown = [one for one in routes(hospital).values() if one["state"] != "unusable"]
    return not any(one[state] for one in shown for state in ("waiting", "sending", "committing"))


def read(hospital: Hospital, number: int) -> list[Dataset]:
    """So many scans, sent and read."""
    scans = [scan(64, 64) for _ in range(number)]
    for dataset in scans:
        hospital.send_by_rest(to_bytes(dataset))
    for dataset in scans:
        job = hospital.wait_for_end(hospital.find(dataset.SOPInstanceUID))
        assert job["state"] == "done", job
    return scans


def test_everything_arrives_once_whoever_is_killed(
    start: Start, tmp_path: Path, ports: tuple[int, ...]
) -> None:
    models = tmp_path / "models"
    for version in ("0.1.0", "0.2.0"):
        write_tiny_model(models / "thyroid" / version)
    settings = {"Routes": ROUTES, "ModelsDirectory": str(models), "Models": {"thyroid": "0.1.0"}}
    ours, theirs = tmp_path / "adjuvant", tmp_path / "pacs"

    with start(ours, adjuvant=settings, orthanc=towards(ports)) as hospital:
        with pacs(theirs, ports) as other:
            read(hospital, 2)
            wait_for(lambda: all_sent(hospital))
            assert receptions(other) == wanted(hospital)
            require_wrong_routes_to_be_told(hospital)
            other.server.kill()
        # The PACS is down: scans are read as ever, and their results wait.
        read(hospital, 3)
        wait_for(lambda: all(routes(hospital)[name]["state"] == "down" for name in ("pacs", "web")))
        shown = routes(hospital)
        assert (shown["pacs"]["sent"], shown["pacs"]["waiting"]) == (2, 3)
        assert shown["pacs"]["failed"] == shown["web"]["failed"] == 0
        assert shown["web"]["last_failure"]["reason"]
        hospital.server.kill()

    with (
        pacs(theirs, ports) as other,
        start(ours, adjuvant=settings, orthanc=towards(ports)) as hospital,
    ):
        wait_for(lambda: all_sent(hospital))
        require_received(other, hospital, kills=1)
        last = read(hospital, 4)
        hospital.server.kill()
        settings["Models"] = {"thyroid": "0.2.0"}
        with start(ours, adjuvant=settings, orthanc=towards(ports)) as hospital:
            instance = hospital.find(last[0].SOPInstanceUID)
            hospital.post(f"/adjuvant/instances/{instance}/analyze", b"{}")
            hospital.wait_until_idle()
            wait_for(lambda: all_sent(hospital))
            assert len(hospital.study(last[0].StudyInstanceUID)[SEG]) == 2  # one of each version
            require_received(other, hospital, kills=2)


def test_what_is_made_anew_is_sent_again_where_it_differs(
    start: Start, tmp_path: Path, ports: tuple[int, ...]
) -> None:
    section = {"Routes": {"peer": ROUTES["peer"]}}
    orthanc = {**towards(ports), "OverwriteInstances": True}
    with (
        pacs(tmp_path / "pacs", ports) as other,
        start(tmp_path / "adjuvant", adjuvant=section, orthanc=orthanc) as hospital,
    ):
        (dataset,) = read(hospital, 1)
        instance = hospital.find(dataset.SOPInstanceUID)
        (report,) = hospital.study(dataset.StudyInstanceUID)[SR]
        expected = Counter({instance: 1, hospital.find(report.SOPInstanceUID): 1})
        wait_for(lambda: receptions(other) == expected)

        path = f"{hospital.server.url}/instances/{hospital.find(report.SOPInstanceUID)}"
        hospital.session.delete(path, timeout=60).raise_for_status()
        hospital.post(f"/adjuvant/instances/{instance}/analyze", b"{}")
        wait_for(lambda: len(hospital.study(dataset.StudyInstanceUID).get(SR, ())))
        hospital.wait_until_idle()
        assert all_sent(hospital)
        assert receptions(other) == expected  # the same as before

        dataset.PixelData = (2 * dataset.pixel_array.astype(np.uint16)).tobytes()  # other counts
        hospital.send_by_rest(to_bytes(dataset))
        wait_for(lambda: receptions(other) == expected + expected)
        (again,) = hospital.study(dataset.StudyInstanceUID)[SR]
        assert again.SOPInstanceUID == report.SOPInstanceUID
        assert other.read(other.find(again.SOPInstanceUID)) == again != report


def require_received(pacs: Hospital, hospital: Hospital, kills: int) -> None:
    """All of it, and no more of it twice than kills explain."""
    came, expected = receptions(pacs), wanted(hospital)
    assert came >= expected
    assert (came - expected).total() <= kills * MOST_REPEATED, came - expected


def require_wrong_routes_to_be_told(hospital: Hospital) -> None:
    shown = routes(hospital)
    assert shown["pacs"]["uncommitted"] == 0
    assert shown["by-rule"]["sent"] == 0
    assert (shown["typo"]["state"], shown["typo"]["waiting"]) == ("unusable", 6)
    unknown = "route typo: Orthanc's DicomModalities has no 'pasc' (it has: pacs)"
    alarms = {alarm["what"] for alarm in hospital.status()["alarms"]}
    circle = "route circle: 'ourselves' is this Orthanc itself: nothing is sent in a circle"
    assert alarms == {unknown, circle}
    assert len([line for line in hospital.log().splitlines() if unknown in line]) == 1
