"""One whole set is in force at any time, and after a restart the one of whoever spoke last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adjuvant.errors import Fault, RuleFault
from adjuvant.rulebook import RULES_FILE, Rulebook, Written
from adjuvant.rules.syntax import DEFAULT_RULES, Known, default_rules, read_rules
from tests.adjuvant.rules.rule_sets import rule

KNOWN = Known(("thyroid",))
OTHER = [rule({"Thyroid": True}, "other", Priority=5)]
THIRD = [rule({"Thyroid": True}, "third")]


class Disk:
    """orthanc.json, and the folder that outlives a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: Any = DEFAULT_RULES

    def start(self) -> tuple[Rulebook, str | None]:
        rulebook = Rulebook(read_rules(self.written, KNOWN))
        written = Written(rulebook.active.rules, KNOWN, lambda: self.written)
        return rulebook, rulebook.open(self.folder, written)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "state")


def names(rulebook: Rulebook) -> list[str]:
    return [one.name for one in rulebook.active.rules.rules]


def test_without_anything_else_the_written_rules_are_in_force(disk: Disk) -> None:
    rulebook, wrong = disk.start()
    assert (names(rulebook), rulebook.active.source, wrong) == (["thyroid"], "orthanc.json", None)


def test_what_is_activated_stays_in_force_after_a_restart(disk: Disk) -> None:
    rulebook, _ = disk.start()
    assert rulebook.activate(OTHER).source == "REST"
    assert names(rulebook) == ["other"]
    again, wrong = disk.start()
    assert (names(again), again.active.source, wrong) == (["other"], "REST", None)
    assert again.active.since == rulebook.active.since
    assert again.active.rules.digest == rulebook.active.rules.digest


def test_rules_that_were_written_since_are_in_force_instead(disk: Disk) -> None:
    disk.start()[0].activate(OTHER)
    disk.written = THIRD
    rulebook, wrong = disk.start()
    assert (names(rulebook), rulebook.active.source, wrong) == (["third"], "orthanc.json", None)
    assert [path.name for path in disk.folder.iterdir()] == [f"{RULES_FILE}.old"]


def test_an_invalid_set_changes_nothing(disk: Disk) -> None:
    rulebook, _ = disk.start()
    rulebook.activate(OTHER)
    kept = (disk.folder / RULES_FILE).read_bytes()
    with pytest.raises(RuleFault, match=r"^Rules\[1\] 'bad' When: has to be an object, got 1$"):
        rulebook.activate([*THIRD, rule(1, "bad")])
    assert names(rulebook) == ["other"]
    assert (disk.folder / RULES_FILE).read_bytes() == kept


def test_a_set_that_cannot_be_kept_is_not_in_force(disk: Disk) -> None:
    rulebook, _ = disk.start()
    disk.folder.write_text("a file where the folder has to be")
    with pytest.raises(Fault, match=r"rules\.json cannot be written: "):
        rulebook.activate(OTHER)
    assert names(rulebook) == ["thyroid"]


def test_a_reload_reads_what_is_written_now_and_forgets_what_was_activated(disk: Disk) -> None:
    rulebook, _ = disk.start()
    rulebook.activate(OTHER)
    disk.written = THIRD
    assert rulebook.reload().source == "orthanc.json"
    assert names(rulebook) == names(disk.start()[0]) == ["third"]
    rulebook.activate(OTHER)
    assert names(disk.start()[0]) == ["other"]


def test_a_reload_of_something_invalid_changes_nothing(disk: Disk) -> None:
    rulebook, _ = disk.start()
    rulebook.activate(OTHER)
    disk.written = []
    with pytest.raises(RuleFault, match=r"^Adjuvant\.Rules: has to be a list"):
        rulebook.reload()
    assert names(rulebook) == ["other"]
    assert (disk.folder / RULES_FILE).exists()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (b"", "it is damaged"),
        (b"\xff\xfe", "it is damaged"),
        (b"[]", "it is damaged"),
        (b'{"Configured": 1}', None),
        (b"[" * 100_000, "it is damaged"),
    ],
)
def test_a_damaged_file_is_told_and_the_written_rules_are_in_force(
    disk: Disk, damage: bytes, why: str | None
) -> None:
    disk.folder.mkdir()
    (disk.folder / RULES_FILE).write_bytes(damage)
    rulebook, wrong = disk.start()
    assert names(rulebook) == ["thyroid"]
    assert (wrong or "").endswith(why or "")
    assert (wrong is None) is (why is None)
    rulebook.activate(OTHER)
    assert names(disk.start()[0]) == ["other"]


def test_a_kept_set_that_has_become_invalid_is_told(disk: Disk) -> None:
    disk.start()[0].activate(OTHER)
    path = disk.folder / RULES_FILE
    kept = json.loads(path.read_text())
    kept["Rules"][0]["Interpretation"] = "bone"
    path.write_text(json.dumps(kept))
    rulebook, wrong = disk.start()
    assert names(rulebook) == ["thyroid"]
    assert wrong is not None
    assert "'other' Interpretation: has to be one of thyroid" in wrong


def test_opening_it_again_changes_nothing(disk: Disk) -> None:
    rulebook, _ = disk.start()
    rulebook.activate(OTHER)
    written = Written(rulebook.active.rules, KNOWN, lambda: disk.written)
    assert rulebook.open(disk.folder, written) is None
    assert names(rulebook) == ["other"]
    assert names(disk.start()[0]) == ["other"]


def test_before_it_is_open_nothing_can_be_changed() -> None:
    with pytest.raises(Fault, match="the rules are not open yet"):
        Rulebook().activate(OTHER)
    assert Rulebook().active.rules.digest == default_rules().digest
