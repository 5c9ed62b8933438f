"""What is offered goes to the routes that want it, and survives whatever becomes of the list."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.config import ConfigFault, RouteSettings, read_settings
from adjuvant.errors import ArchiveFault
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.job import End, Task
from adjuvant.ledger import Ledger, LedgerFault
from adjuvant.routing.destination import Destination, Ourselves, is_local
from adjuvant.routing.outbox import Outbox, OutboxFault
from adjuvant.routing.routing import Routing, Way

TASK = Task("scan", "thyroid", "thyroid 0.1.0", "digest")
RESULTS = [{"instance": f"the-{kind}", "kind": kind} for kind in ("SEG", "SC", "SR")]
NOWHERE = Connection("http://127.0.0.1:9", "token")  # nothing listens there


class Holding(Archive):
    """It can tell what files are held, and nothing else."""

    def md5(self, instance: str) -> str | None:
        return CONTENTS.get(instance, f"MD5 of {instance}")


CONTENTS: dict[str, str] = {}


def route(**settings: Any) -> RouteSettings:
    return RouteSettings.model_validate({"Kind": "peer", "Target": "elsewhere", **settings})


@contextmanager
def routing(
    folder: Path, routes: dict[str, RouteSettings], **way: Any
) -> Iterator[tuple[Routing, Health]]:
    health, log = Health("0"), Log(*(3 * [lambda text: None]))
    archive = Holding(NOWHERE, 1 << 20)
    with closing(archive), closing(Ledger(folder / "ledger.sqlite")) as ledger:
        planned = Way(routes, folder / "routing.sqlite", Ourselves(8042, 4242), 0.05, **way)
        made = Routing(planned, archive, ledger, health, log)
        made.start()
        try:
            yield made, health
        finally:
            made.close()


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def waiting(folder: Path, name: str) -> set[str]:
    """Read beside the threads, which find no Orthanc at all."""
    with closing(Outbox(folder / "routing.sqlite")) as outbox:
        rows = outbox._read("SELECT instance FROM sendings WHERE destination=?", name)
        return {row["instance"] for row in rows}


def alarms(health: Health) -> list[str]:
    return [alarm["what"] for alarm in health.snapshot()["alarms"]]


def test_a_route_gets_the_kinds_that_it_is_to_send(tmp_path: Path) -> None:
    routes = {
        "all": route(),
        "some": route(Send=["SR", "SC"]),
        "scan-too": route(Send=["SEG", "source"]),
        "lung": route(Interpretations=["lung"]),
    }
    with routing(tmp_path, routes) as (made, _):
        made.offer(TASK, RESULTS)
    assert waiting(tmp_path, "all") == {"the-SEG", "the-SC", "the-SR"}
    assert waiting(tmp_path, "some") == {"the-SC", "the-SR"}
    assert waiting(tmp_path, "scan-too") == {"the-SEG", "scan"}
    assert waiting(tmp_path, "lung") == set()


def test_a_rule_sends_to_the_routes_that_it_names(tmp_path: Path) -> None:
    routes = {name: route(Always=False) for name in ("named", "other")}
    with routing(tmp_path, routes) as (made, _):
        made.offer(TASK, RESULTS, ["named"])
    assert len(waiting(tmp_path, "named")) == 3
    assert waiting(tmp_path, "other") == set()


def test_a_scan_without_results_is_not_sent(tmp_path: Path) -> None:
    with routing(tmp_path, {"all": route(Send=["SEG", "source"])}) as (made, _):
        made.offer(TASK, [])
    assert waiting(tmp_path, "all") == set()


def test_a_new_model_version_is_sent_beside_the_old_one(tmp_path: Path) -> None:
    with routing(tmp_path, {"all": route(Send=["SEG", "source"])}) as (made, _):
        made.offer(TASK, RESULTS)
        made.offer(TASK, [{"instance": "the-new-SEG", "kind": "SEG"}])
    assert waiting(tmp_path, "all") == {"the-SEG", "the-new-SEG", "scan"}


def test_a_report_that_was_made_anew_is_sent_again_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its UID is the same: the sensitivity of the camera had been configured wrongly."""
    with routing(tmp_path, {"all": route(Send=["SEG", "SR", "source"])}) as (made, _):
        made.offer(TASK, RESULTS)
        outbox = made._open_outbox()
        for row in outbox._read("SELECT id FROM sendings"):
            outbox._read("UPDATE sendings SET state='sent', due=0 WHERE id=?", row["id"])
        made.offer(TASK, RESULTS)
        assert outbox.counts("all")["sent"] == 3
        monkeypatch.setitem(CONTENTS, "the-SR", "MD5 of the right uptake")
        made.offer(TASK, RESULTS)
        waits = outbox._read("SELECT instance FROM sendings WHERE state<>'sent'")
        assert [row["instance"] for row in waits] == ["the-SR"]


def test_without_routes_no_file_is_made(tmp_path: Path) -> None:
    with routing(tmp_path, {}) as (made, _):
        made.offer(TASK, RESULTS)
        assert made.status() == []
        assert made.retry("pacs") is None
    assert not (tmp_path / "routing.sqlite").exists()


def test_a_list_that_cannot_be_opened_fails_the_job_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "routing.sqlite").mkdir()
    with routing(folder, {"all": route()}) as (made, health):
        with pytest.raises(OutboxFault, match="is not open: see the alarms"):
            made.offer(TASK, RESULTS)
        (alarm,) = health.snapshot()["alarms"]
        assert alarm["what"].startswith("nothing is sent: ")
        (folder / "routing.sqlite").rmdir()
        wait_for(lambda: made._outbox)
        made.offer(TASK, RESULTS)
        assert [a for a in health.snapshot()["alarms"] if "nothing is sent" in a["what"]] == []
    assert len(waiting(folder, "all")) == 3


def test_a_damaged_list_is_set_aside_and_filled_from_the_ledger(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        for number in range(3):
            ledger.add([Task(f"scan-{number}", "thyroid", "thyroid 0.1.0", "d")])
            job = ledger.claim()
            assert job is not None
            results = [{"instance": f"SEG of {number}", "kind": "SEG"}]
            ledger.finish(job, End("refused" if number else "done", results=results))
    (tmp_path / "routing.sqlite").write_bytes(b"no database" * 1000)
    with routing(tmp_path, {"all": route()}):
        found = waiting(tmp_path, "all")
    assert found == {"SEG of 0", "SEG of 1", "SEG of 2"}
    assert len(list(tmp_path.glob("routing.sqlite.corrupt-*Z"))) == 1


def with_a_damaged_list(folder: Path) -> None:
    """Of three results of a scan, none of which is known to have been sent."""
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        ledger.add([TASK])
        job = ledger.claim()
        assert job is not None
        ledger.finish(job, End("done", results=RESULTS))
    (folder / "routing.sqlite").write_bytes(b"no database" * 1000)


class FullDisk(Outbox):
    """There is room for a new list the second time only."""

    full = True

    def __init__(self, path: Path, lost: bool = False) -> None:
        if not path.exists() and FullDisk.full:
            FullDisk.full = False
            raise OutboxFault("database or disk is full")
        super().__init__(path, lost)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FullDisk, "full", True)
    monkeypatch.setattr("adjuvant.routing.routing.Outbox", FullDisk)


@pytest.mark.usefixtures("full_disk")
def test_where_a_new_list_can_be_made_only_later_nothing_is_forgotten(tmp_path: Path) -> None:
    with_a_damaged_list(tmp_path)
    with routing(tmp_path, {"all": route()}) as (made, health):
        wait_for(lambda: made._outbox)
        wait_for(lambda: not any("nothing is sent" in what for what in alarms(health)))
    assert waiting(tmp_path, "all") == {"the-SEG", "the-SC", "the-SR"}


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_who_is_killed_while_the_list_is_replaced_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    with_a_damaged_list(tmp_path)
    with monkeypatch.context() as killed:
        killed.setattr(Routing, "_tend", lambda self: None)  # it is not tried again
        with routing(tmp_path, {"all": route()}):
            pass
    assert not (tmp_path / "routing.sqlite").exists()
    if left == "an empty file":
        (tmp_path / "routing.sqlite").touch()
    for _ in range(2):
        with routing(tmp_path, {"all": route()}) as (made, _):
            wait_for(lambda made=made: made._outbox)  # type: ignore[misc]
            assert made.status()[0]["waiting"] == 3
    names = sorted(path.name.split("-")[0] for path in tmp_path.glob("routing.sqlite*"))
    assert names == ["routing.sqlite", "routing.sqlite.corrupt"]


def test_a_list_that_cannot_be_filled_at_once_is_filled_later_and_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_damaged_list(tmp_path)
    jobs, faults = Ledger.jobs, [LedgerFault("disk I/O error")]

    def not_at_once(ledger: Ledger, *asked: Any) -> Any:
        if faults:
            raise faults.pop()
        return jobs(ledger, *asked)

    monkeypatch.setattr(Ledger, "jobs", not_at_once)
    with routing(tmp_path, {"all": route()}) as (made, health):
        wait_for(lambda: made._outbox and made.status()[0]["last_failure"])  # it is tried to send
        assert not any("nothing is sent" in what for what in alarms(health))
    assert waiting(tmp_path, "all") == {"the-SEG", "the-SC", "the-SR"}


def test_a_list_that_breaks_while_it_is_used_is_replaced(tmp_path: Path) -> None:
    with routing(tmp_path, {"all": route()}) as (made, _):
        made.offer(TASK, RESULTS)
        first = made._outbox
        assert first is not None
        with first._lock:
            for pragma in ("wal_checkpoint(TRUNCATE)", "cache_size=0", "shrink_memory"):
                first._database.execute(f"PRAGMA {pragma}")
            file = tmp_path / "routing.sqlite"
            file.write_bytes(file.read_bytes()[:100] + b"\xff" * 40000)
        with suppress(OutboxFault):
            made.retry("all")
        wait_for(lambda: made._outbox not in (None, first))
        made.offer(TASK, RESULTS)
        assert made.status()[0]["waiting"] == 3


@pytest.mark.parametrize("left", [{}, {"new": route()}], ids=["removed", "renamed"])
def test_what_waits_for_a_route_that_is_not_there_any_more_is_an_alarm_until_it_is_forgotten(
    tmp_path: Path, left: dict[str, RouteSettings]
) -> None:
    with routing(tmp_path, {"old": route()}) as (made, _):
        made.offer(TASK, RESULTS)

    def forget(made: Routing, name: str) -> tuple[int, dict[str, Any]]:
        desk = Desk(Health("0"), Inbox(), routing=made)
        status, document, _ = answer(Request("POST", f"routing/{name}/forget"), desk)
        return status, document

    told = "objects wait for routes that orthanc.json does not have: 3 for 'old'"
    with routing(tmp_path, left) as (made, health):
        assert alarms(health) == [told]
        assert forget(made, "older")[0] == 404
        for name in left:
            made.offer(TASK, RESULTS)
            assert forget(made, name)[0] == 409
            assert made.status()[0]["waiting"] + made.status()[0]["sending"] == 3
        assert forget(made, "old") == (200, {"forgotten": 3})
        assert forget(made, "old")[0] == 404
        assert told not in alarms(health)
    assert waiting(tmp_path, "old") == set()


def test_a_route_that_has_its_name_back_goes_on(tmp_path: Path) -> None:
    with routing(tmp_path, {"old": route()}) as (made, _):
        made.offer(TASK, RESULTS)
    with routing(tmp_path, {"old": route()}) as (made, health):
        assert made.status()[0]["waiting"] == 3
        assert not any("orthanc.json" in what for what in alarms(health))


def test_the_alarm_of_before_a_restart_stands_again(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "routing.sqlite")) as outbox:
        outbox.offer("all", [("a", "SEG")])
        sending = outbox.due("all")
        assert sending is not None
        outbox.become(sending, "failed", "no")
    with routing(tmp_path, {"all": route()}) as (_, health):
        retry = "mend the cause, then POST /adjuvant/routing/all/retry"
        assert f"route all: 1 objects were given up: {retry}" in alarms(health)


def test_the_routes_of_rest_show_it_and_ask_for_it(tmp_path: Path) -> None:
    with routing(tmp_path, {"all": route()}) as (made, health):
        desk = Desk(health, Inbox(), routing=made)
        made.offer(TASK, RESULTS)
        status, document, _ = answer(Request("GET", "routing"), desk)
        (shown,) = document["destinations"]
        assert (status, shown["name"], shown["waiting"]) == (200, "all", 3)
        status, document, _ = answer(Request("POST", "routing/all/retry"), desk)
        assert (status, document) == (200, {"retried": 0})
        status, document, _ = answer(Request("POST", "routing/none/retry"), desk)
        assert (status, document["details"]) == (404, "There is no route 'none'")
        status, _, _ = answer(Request("POST", "routing/UPPER/retry"), desk)
        assert status == 400
    closed = answer(Request("GET", "routing"), Desk(Health("0"), Inbox()))
    assert closed.status == 503


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Kind": "ftp", "Target": "x"}, r"Adjuvant\.Routes\.pacs\.Kind: .*, got 'ftp'"),
        ({"Kind": "peer"}, r"Adjuvant\.Routes\.pacs\.Target: field required"),
        ({"Kind": "peer", "Target": "x", "Sent": []}, r"Sent: unknown key, got \[\] \(known.*Send"),
        ({"Kind": "peer", "Target": "x", "Send": []}, r"Routes\.pacs\.Send: "),
        ({"Kind": "peer", "Target": "x", "Send": ["CT"]}, r"Routes\.pacs\.Send\.0: .*got 'CT'"),
        (
            {"Kind": "peer", "Target": "x", "StorageCommitment": True},
            r"StorageCommitment: value error, is there for a modality only, got True",
        ),
    ],
)
def test_a_wrong_route_is_one_line(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigFault, match=message):
        read_settings({"Adjuvant": {"Routes": {"pacs": wrong}}})


def test_the_name_of_a_route_can_stand_in_a_path() -> None:
    with pytest.raises(ConfigFault, match=r"Adjuvant\.Routes\.\.\./pacs"):
        read_settings({"Adjuvant": {"Routes": {"../pacs": {"Kind": "peer", "Target": "x"}}}})


class Answers:
    """An archive that answers as Orthanc was seen to, by path."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self.asked.append(path)
        found = self.answers.get(path.split("?")[0].strip("/").split("/")[-1])
        if isinstance(found, Exception):
            raise found
        return found

    def holds(self, instance: str) -> bool:
        return instance != "gone"


def destination(kind: str, target: str = "x", **answers: Any) -> Destination:
    settings = RouteSettings.model_validate({"Kind": kind, "Target": target})
    return Destination("pacs", settings, Answers(**answers), Ourselves(8042, 4242))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "known", "fault"),
    [
        ("modality", {"modalities": {"x": {"Host": "192.0.2.7", "Port": 4242}}}, None),
        ("modality", {"modalities": {"x": {"Host": "127.0.0.1", "Port": 104}}}, None),
        ("modality", {"modalities": {"x": {"Host": "localhost", "Port": 4242}}}, "itself"),
        ("modality", {"modalities": {"y": {}}}, r"DicomModalities has no 'x' \(it has: y\)"),
        ("peer", {"peers": {"x": {"Url": "http://192.0.2.7:8042/"}}}, None),
        ("peer", {"peers": {"x": {"Url": "http://127.0.0.1:8042/"}}}, "itself"),
        ("peer", {"peers": {}}, r"OrthancPeers has no 'x' \(it has: none\)"),
        ("dicom-web", {"servers": {"x": {"Url": "http://[::1]:8042/dicom-web/"}}}, "itself"),
        ("dicom-web", {"servers": {"x": {"Url": "https://192.0.2.7/dicom-web/"}}}, None),
        ("dicom-web", {}, "its DICOMweb plugin is not loaded"),
    ],
)
def test_names_are_checked_and_nothing_is_sent_in_a_circle(
    kind: str, known: dict[str, Any], fault: str | None
) -> None:
    found = destination(kind, **known).fault()
    if fault is None:
        assert found is None
    else:
        assert re.search(fault, found or ""), found


def test_this_machine_is_known_by_all_its_addresses() -> None:
    assert is_local("127.0.0.1")
    assert is_local("localhost")
    assert not is_local("192.0.2.7")  # RFC 5737: for documentation
    assert not is_local("no-such-host.invalid")


def test_the_reason_of_a_failure_holds_no_words_of_the_other_side() -> None:
    job = {
        "State": "Failure",
        "ErrorDescription": "Error in the network protocol",
        "ErrorDetails": "C-STORE of Geheimnis^Gudrun failed with DIMSE status 0xA700",
        "Content": {},
    }
    progress = destination("modality", one=job).progress("one")
    assert progress.reason == "Error in the network protocol (DIMSE status 0xA700)"


def test_the_name_of_a_target_is_no_path() -> None:
    sent = destination("modality", "../../tools/shutdown", store={"ID": "job"})
    assert sent.submit("instance") == "job"
    (path,) = sent._archive.asked  # type: ignore[attr-defined]
    assert path == "/modalities/..%2F..%2Ftools%2Fshutdown/store"


def test_who_does_not_answer_is_down() -> None:
    assert destination("modality", echo={}).answers()
    assert destination("dicom-web").answers()  # 404: there is somebody
    assert not destination("peer", system=ArchiveFault("500")).answers()
