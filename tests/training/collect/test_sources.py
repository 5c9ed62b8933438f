"""Orthanc and DICOMweb, as far as a small server can stand for them; the real one is elsewhere."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from typer.testing import CliRunner

from deploy.serve import ROOT
from training.__main__ import app
from training.collect.dicomweb import DicomWeb, first_part
from training.collect.orthanc import Orthanc
from training.collect.rest import Access
from training.collect.source import SourceFault
from training.pseudonyms import write_key


@dataclass
class Small:
    """Answers by path; what was asked is kept."""

    url: str = ""
    series: int = 0
    cap: int = 0
    version: str = "1.12.4"
    status: int = 200
    garbage: bool = False
    corrections: list[dict[str, str]] | None = None
    adjuvant: int = 404
    asked: list[Any] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    state: Small

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.asked.append(asked)
        # Until 1.12.4 Orthanc reads one more than LimitFindResults, and only then pages.
        there = min(self.state.series, self.state.cap + 1 if self.state.cap else self.state.series)
        numbers = range(there)[asked["Since"] : asked["Since"] + asked["Limit"]]
        if asked["Level"] == "Study":
            self.answer([{"ID": f"study{n}"} for n in numbers])
        else:
            # Two series of each study.
            self.answer([{"ID": f"s{n}", "ParentStudy": f"study{n // 2}"} for n in numbers])

    def do_GET(self) -> None:
        where = urlparse(self.path)
        if where.path == "/adjuvant/corrections":
            self.corrections(int(parse_qs(where.query)["offset"][0]))
        elif where.path == "/system":
            self.answer({"Version": self.state.version})
        elif where.path.startswith("/studies/study"):
            study = where.path.split("/")[2]
            series = [("NM", "a"), ("CT", "b"), ("SEG", "c")]
            self.answer(
                [
                    {"MainDicomTags": {"Modality": modality}, "Instances": [f"{study}-{name}"]}
                    for modality, name in series
                ]
            )
        elif where.path.startswith("/web"):
            self.web(where.path.removeprefix("/web"), parse_qs(where.query))
        else:
            self.answer({"the": "file"})

    def corrections(self, offset: int) -> None:
        if self.state.corrections is None:
            self.send_response(self.state.adjuvant)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        page = self.state.corrections[offset : offset + 1000]
        self.answer({"corrections": page, "total": len(self.state.corrections)})

    def web(self, path: str, query: dict[str, list[str]]) -> None:
        self.state.asked.append((path, query))
        if path.endswith("/instances/9.9"):
            body = b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM--data\r\n--b--"
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/related; boundary="b"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        if path == "/series":
            found = [{"0020000D": {"Value": [f"1.{n}"]}} for n in range(self.state.series)]
        elif path.endswith("/instances"):
            found = [{"00080018": {"Value": ["9.9"]}}]
        else:
            found = [
                {"0020000E": {"Value": ["5"]}, "00080060": {"Value": [modality]}}
                for modality in ("NM", "CT")
            ]
        self.answer(found[offset : offset + limit])

    def answer(self, content: Any) -> None:
        body = b"<html>" if self.state.garbage else json.dumps(content).encode()
        self.send_response(self.state.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def small() -> Iterator[Small]:
    state = Small()
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()


def test_orthanc_is_asked_page_by_page_and_each_study_once(small: Small) -> None:
    small.series = 250
    items = list(Orthanc(Access(small.url), {"StudyDate": "2025*"}).items())
    assert [asked["Since"] for asked in small.asked] == [0, 100, 200]
    assert small.asked[0]["Query"] == {"Modality": "NM", "StudyDate": "2025*"}
    # 125 studies, of each the NM and the SEG series.
    assert len(items) == 250
    assert len({item.key for item in items}) == 250
    assert json.loads(items[0].fetch()) == {"the": "file"}


def test_a_list_that_orthanc_may_have_cut_is_not_called_whole(small: Small) -> None:
    small.series, small.cap = 450, 300
    source = Orthanc(Access(small.url), {})
    assert source.doubt is None
    assert len(list(source.items())) == 302
    assert source.doubt is not None
    assert "listed 301 series" in source.doubt
    assert "LimitFindResults" in source.doubt
    small.cap = 0
    list(source.items())
    assert source.doubt is None


def test_who_collects_is_told_of_that_doubt(small: Small, tmp_path: Path) -> None:
    small.series, small.cap = 150, 100
    write_key(tmp_path / "key")
    given = ["collect", "--orthanc", small.url, "--key", tmp_path / "key", "--out", tmp_path / "c"]
    done = CliRunner().invoke(app, [str(one) for one in given])
    assert done.exit_code == 0, done.output
    assert "Orthanc listed 101 series: if its LimitFindResults is 100" in done.output


def test_our_own_orthanc_lists_everything() -> None:
    assert json.loads((ROOT / "orthanc.json").read_text("utf-8"))["LimitFindResults"] == 0


def test_labels_are_asked_of_studies_and_need_a_new_orthanc(small: Small) -> None:
    small.series = 3
    items = list(Orthanc(Access(small.url), {}, ["thyroid"]).items())
    assert len(items) == 6
    assert (small.asked[0]["Level"], small.asked[0]["Labels"]) == ("Study", ["thyroid"])
    small.version = "1.10.1"
    with pytest.raises(SourceFault, match=r"labels need Orthanc 1\.12\.0 or newer, .* 1\.10\.1"):
        list(Orthanc(Access(small.url), {}, ["thyroid"]).items())


def test_dicomweb_is_asked_page_by_page_and_gives_the_file_itself(small: Small) -> None:
    small.series = 130
    items = list(DicomWeb(Access(f"{small.url}/web"), {"PatientID": "7"}).items())
    assert len(items) == 130
    assert items[0].fetch() == b"DICM--data"
    pages = [query for path, query in small.asked if path == "/series"]
    assert [page["offset"] for page in pages] == [["0"], ["100"]]
    assert pages[0]["PatientID"] == ["7"]
    assert pages[0]["Modality"] == ["NM"]


def test_an_answer_that_is_cut_short_is_refused() -> None:
    kind = "multipart/related; boundary=b"
    with pytest.raises(SourceFault, match="cut short"):
        first_part(b"--b\r\n\r\nhalf", kind)
    assert first_part(b"plain", "application/dicom") == b"plain"


@pytest.mark.parametrize(
    ("status", "said"), [(401, "user or password are not accepted"), (404, "answered 404")]
)
def test_a_refusal_of_the_server_is_told_without_its_text(
    small: Small, status: int, said: str
) -> None:
    small.status = status
    with pytest.raises(SourceFault, match=said):
        list(Orthanc(Access(small.url, "user", "secret"), {}).items())


def test_an_address_without_its_protocol_is_told() -> None:
    with pytest.raises(SourceFault, match="begins with http:// or https://"):
        Orthanc(Access("localhost:8042"), {})


def test_a_server_that_is_not_there_or_speaks_nonsense_is_told(small: Small) -> None:
    small.garbage = True
    with pytest.raises(SourceFault, match="POST /tools/find: the answer is not JSON"):
        list(Orthanc(Access(small.url), {}).items())


FILE = json.dumps({"the": "file"}).encode()


def correction(instance: str, state: str, **about: str) -> dict[str, str]:
    sha256 = hashlib.sha256(FILE).hexdigest()
    return {"instance": instance, "state": state, "sha256": sha256, **about}


def test_corrections_are_left_alone_until_they_are_accepted_and_asked_for(small: Small) -> None:
    small.series = 8
    small.corrections = [
        correction("study0-c", "open"),
        correction("study1-c", "rejected"),
        correction("study2-c", "accepted"),
    ]
    access = Access(small.url)
    plain = {item.key for item in Orthanc(access, {}).items()}
    assert plain == {f"orthanc study{n}-a" for n in range(4)} | {"orthanc study3-c"}
    source = Orthanc(access, {}, corrections=True)
    items = {item.key: item for item in source.items()}
    (key,) = items.keys() - plain
    assert items[key].accepted
    assert json.loads(items[key].fetch()) == {"the": "file"}
    assert source.accepted() == {key: "study2-c"}
    # Seen before it was accepted, it is not passed over afterwards.
    assert key != "orthanc study2-c"


def test_one_that_was_drawn_on_two_scans_has_to_be_accepted_for_both(small: Small) -> None:
    small.corrections = [correction("study0-c", "accepted"), correction("study0-c", "open")]
    assert Orthanc(Access(small.url), {}, corrections=True).accepted() == {}


def test_a_file_that_is_not_the_accepted_one_is_a_fault(small: Small) -> None:
    small.series = 2
    small.corrections = [correction("study0-c", "accepted", sha256="0" * 64)]
    *_, item = Orthanc(Access(small.url), {}, corrections=True).items()
    with pytest.raises(SourceFault, match="not the file that was accepted"):
        item.fetch()


def test_without_a_list_of_corrections_nothing_is_taken_on_trust(small: Small) -> None:
    small.series = 2
    source = Orthanc(Access(small.url), {}, corrections=True)
    with pytest.raises(SourceFault, match="this Orthanc has no list of corrections"):
        source.accepted()
    small.adjuvant = 500
    with pytest.raises(SourceFault, match="GET /adjuvant/corrections: the server answered 500"):
        list(Orthanc(Access(small.url), {}).items())
