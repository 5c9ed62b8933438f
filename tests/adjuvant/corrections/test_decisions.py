"""A person accepts or rejects: over REST, once, with a name, for exactly what was saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.change_record import ChangeRecord
from adjuvant.corrections import office as office_module
from adjuvant.corrections.desk import METADATA, CorrectionDesk
from adjuvant.corrections.office import Office
from adjuvant.corrections.register import INDEX_FILE, RECORD_FILE, Found, Register, Undecidable
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc

INSTANCE, SCAN, OURS, OTHER, ANOTHER_SCAN = ("-".join(5 * [8 * one]) for one in "abcde")
FOUND = Found(
    instance=INSTANCE,
    source=SCAN,
    result=OURS,
    interpretation="thyroid",
    model="thyroid 0.2.0",
    model_digest="0" * 64,
    scanner="GE Discovery",
    month="2026-01",
    evidence="SegmentAlgorithmType is MANUAL in 1 of 1 segments",
    tool="Unspecified",
    changed=("Thyroid gland",),
    added=4,
    removed=0,
    dice=0.9,
    sha256="1" * 64,
)


class Front:
    """A desk with a list, and the Orthanc behind it."""

    def __init__(self, orthanc: SmallOrthanc, folder: Path) -> None:
        self.orthanc, self.folder = orthanc, folder
        self.archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        self.open()

    def open(self) -> None:
        self.register = Register(self.folder)
        self.desk = Desk(Health("0.1.0"), Inbox())
        self.desk.corrections = CorrectionDesk(self.register, self.archive, Log.silent())

    def ask(self, path: str, user: str = "", **query: str) -> tuple[int, Any]:
        return self._answer(Request("GET", path, query, b"", user))

    def post(self, path: str, user: str = "gina", **body: Any) -> tuple[int, Any]:
        return self._answer(Request("POST", path, {}, json.dumps(body).encode(), user))

    def _answer(self, request: Request) -> tuple[int, Any]:
        status, document, _ = answer(request, self.desk)
        return status, json.loads(json.dumps(document))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Front]:
    with small_orthanc() as orthanc:
        orthanc.put(INSTANCE, b"")
        office = Front(orthanc, tmp_path)
        office.register.put(FOUND)
        yield office
        office.register.close()
        office.archive.close()


def test_it_is_accepted_by_a_person_whose_name_is_kept_for_good(office: Front) -> None:
    status, one = office.post("corrections/1/accept")
    assert (status, one["state"], one["decided_by"]) == (200, "accepted", "gina")
    line = json.loads((office.folder / RECORD_FILE).read_text())
    assert (line["decision"], line["who"], line["sha256_of_file"]) == ("accepted", "gina", "1" * 64)
    assert one["decided_at"] == line["at"]
    # The index may be lost: what was decided is not.
    office.register.close()
    (office.folder / INDEX_FILE).unlink()
    office.open()
    office.register.put(FOUND)
    assert office.ask("corrections/1")[1]["decided_by"] == "gina"


def test_it_is_said_beside_the_segmentation_too(office: Front) -> None:
    office.post("corrections/1/accept")
    office.post("corrections/1/reject")
    path = f"PUT /instances/{INSTANCE}/metadata/{METADATA}"
    assert office.orthanc.requests == [path, path]
    office.orthanc.broken.add("metadata")
    assert office.post("corrections/1/accept")[0] == 200


def test_nobody_is_no_person(office: Front) -> None:
    status, problem = office.post("corrections/1/accept", user="")
    assert (status, problem["error"]) == (422, "Nobody decided")
    assert office.post("corrections/1/accept", user="", Who=" ")[0] == 422
    assert office.post("corrections/1/accept", user="", Who="Dr G.")[1]["decided_by"] == "Dr G."
    # Where Orthanc knows who asks, nobody can say that it was another one.
    assert office.post("corrections/1/reject", user="gina", Who="x")[1]["decided_by"] == "gina"


def test_a_name_that_is_no_text_is_refused_and_never_written_down(office: Front) -> None:
    status, problem = office.post("corrections/1/reject", user="", Who="\ud800")
    assert (status, problem["error"]) == (400, "Bad request")
    assert problem["details"].startswith("Who has to be a text of 1 to 64 characters")
    assert not (office.folder / RECORD_FILE).exists()


@pytest.mark.parametrize("who", ["\ud800", 2**70, ["x"], None])
def test_a_line_of_the_record_that_no_database_holds_is_passed_over(
    office: Front, who: object
) -> None:
    decided = {"instance": INSTANCE, "source": SCAN, "sha256_of_file": FOUND.sha256}
    office.register.close()
    record = ChangeRecord(office.folder / RECORD_FILE)
    record.append({**decided, "decision": "accepted", "who": "gina"})
    record.append({**decided, "decision": "rejected", "who": who})
    office.open()
    assert office.ask("corrections/1")[1]["decided_by"] == "gina"
    assert office.post("corrections/1/reject")[1]["state"] == "rejected"


def test_what_nobody_changed_is_accepted_only_by_saying_so(office: Front) -> None:
    office.register.put(replace(FOUND, instance=OTHER, source=ANOTHER_SCAN, changed=(), dice=1.0))
    status, problem = office.post("corrections/2/accept")
    assert status == 409
    assert "it is the network's own outline" in problem["details"]
    assert office.ask("corrections/2")[1]["state"] == "open"
    assert office.post("corrections/2/accept", Unchanged=True)[1]["state"] == "accepted"
    assert '"details":"unchanged"' in (office.folder / RECORD_FILE).read_text()


def test_only_the_file_that_was_looked_at_is_decided_about(office: Front) -> None:
    looked_at = office.ask("corrections/1")[1]["sha256"]
    office.register.put(replace(FOUND, sha256="e" * 64))
    for decision in ("accept", "reject"):
        status, problem = office.post(f"corrections/1/{decision}", Sha256=looked_at)
        assert (status, problem["error"]) == (409, "Not as things stand")
        assert f"its sha256 is {'e' * 64}, not {looked_at}" in problem["details"]
        assert office.ask("corrections/1")[1]["state"] == "open"
    assert office.post("corrections/1/accept", Sha256="E" * 64)[1]["state"] == "accepted"
    status, problem = office.post("corrections/1/reject", Sha256="e")
    assert (status, problem["error"]) == (400, "Bad request")


def test_a_file_that_is_replaced_while_somebody_decides_is_not_decided_about(
    office: Front,
) -> None:
    (seen,), _ = office.register.corrections({}, 1, 0)
    office.register.put(replace(FOUND, sha256="e" * 64))
    with pytest.raises(Undecidable, match="correction 1 was replaced by another file"):
        office.register.decide(seen, "accepted", "gina", None)
    assert not (office.folder / RECORD_FILE).exists()


def test_of_one_scan_one_correction_is_accepted(office: Front) -> None:
    office.register.put(replace(FOUND, instance=OTHER))
    office.post("corrections/1/accept")
    status, problem = office.post("corrections/2/accept")
    assert status == 409
    assert problem["details"].startswith("correction 1 of the same scan is accepted")
    assert office.post("corrections/1/reject")[1]["state"] == "rejected"
    assert office.post("corrections/2/accept")[0] == 200
    assert office.post("corrections/2/accept")[1]["details"].endswith("accepted already, by gina")


def test_a_decision_is_about_one_file_and_not_about_what_replaced_it(office: Front) -> None:
    office.post("corrections/1/accept")
    assert not office.register.put(FOUND)
    assert office.ask("corrections/1")[1]["state"] == "accepted"
    assert office.register.put(replace(FOUND, sha256="2" * 64, dice=0.5))
    one = office.ask("corrections/1")[1]
    assert (one["state"], one["decided_by"], one["dice"]) == ("open", None, 0.5)
    office.register.put(FOUND)
    assert office.ask("corrections/1")[1]["state"] == "accepted"


def test_the_list_is_paged_and_filtered(office: Front) -> None:
    for number in range(2, 8):
        name = f"{number:08x}" + INSTANCE[8:]
        office.register.put(
            replace(
                FOUND, instance=name, source=name, month=f"2026-0{number}", model="thyroid 0.3.0"
            )
        )
    status, page = office.ask("corrections", limit="2", offset="1")
    assert (status, page["total"], page["record_fault"]) == (200, 7, None)
    assert [one["id"] for one in page["corrections"]] == [6, 5]
    for which, number in (
        ({"state": "open"}, 7),
        ({"state": "accepted"}, 0),
        ({"model": "thyroid 0.2.0"}, 1),
        ({"model": "thyroid 0.2.0 + cold-nodules 0.2.0"}, 0),
        ({"month": "2026-03"}, 1),
        ({"scanner": "GE Discovery", "source": SCAN}, 1),
    ):
        assert office.ask("corrections", **which)[1]["total"] == number, which
    assert office.ask("corrections", month="2026-13")[0] == 400
    schemas = office.ask("openapi.json")[1]["components"]
    for name, path in (
        ("Corrections", "corrections"),
        ("CorrectionSummary", "corrections/summary"),
    ):
        schema = {"$ref": f"#/components/schemas/{name}", "components": schemas}
        Draft202012Validator(schema).validate(office.ask(path)[1])


def test_the_drift_is_told_by_version_scanner_and_month(office: Front) -> None:
    for number, (dice, changed) in enumerate(((0.7, ("Thyroid gland",)), (1.0, ()))):
        name = f"{number:08x}" + INSTANCE[8:]
        office.register.put(replace(FOUND, instance=name, source=name, dice=dice, changed=changed))
    office.post("corrections/2/reject")
    (group,) = office.ask("corrections/summary")[1]["groups"]
    assert group == {
        "model": "thyroid 0.2.0", "scanner": "GE Discovery", "month": "2026-01",
        "corrections": 3, "unchanged": 1, "accepted": 0, "rejected": 1,
        "mean_dice": pytest.approx(0.8), "lowest_dice": 0.7,
    }  # fmt: skip


def test_there_is_no_correction_without_a_number(office: Front) -> None:
    assert office.ask("corrections/9")[0] == 404
    assert office.post("corrections/9/accept")[0] == 404
    assert office.ask("corrections/x")[0] == 400


def test_a_damaged_list_is_set_aside_and_an_unreadable_record_is_an_alarm(
    office: Front, tmp_path: Path
) -> None:
    health, folder = Health("0.1.0"), tmp_path / "other"
    folder.mkdir()
    (folder / INDEX_FILE).write_bytes(b"no database" * 1000)
    told = (health, Log.silent())
    opened = Office(folder, office.archive, told)
    assert opened.open((), 60, 0, lambda: False) is not None
    opened.close()
    assert len(list(folder.glob("*.corrupt-*"))) == 1
    (folder / RECORD_FILE).mkdir()
    opened = Office(folder, office.archive, told)
    assert opened.open((), 60, 0, lambda: False) is None
    opened.close()
    (alarm,) = health.snapshot()["alarms"]
    assert "corrections are not looked for until Orthanc restarts: " in alarm["what"]


def test_an_altered_record_of_decisions_is_an_alarm(office: Front) -> None:
    office.post("corrections/1/accept")
    office.register.close()
    record = office.folder / RECORD_FILE
    record.write_text(record.read_text().replace("gina", "hugo"))
    health = Health("0.1.0")
    opened = Office(office.folder, office.archive, (health, Log.silent()))
    assert opened.open((), 60, 0, lambda: False) is not None
    opened.close()
    (alarm,) = health.snapshot()["alarms"]
    assert alarm["what"].startswith(
        "the record of decisions about corrections was altered: line 1 of "
    )


def test_whatever_keeps_the_list_from_being_opened_is_an_alarm_and_no_end(
    office: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(folder: Path) -> Register:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(office_module, "Register", unforeseen)
    health = Health("0.1.0")
    opened = Office(tmp_path / "other", office.archive, (health, Log.silent()))
    assert opened.open((), 60, 0, lambda: False) is None
    opened.close()
    (alarm,) = health.snapshot()["alarms"]
    assert "not looked for until Orthanc restarts: unexpected UnicodeEncodeError" in alarm["what"]
