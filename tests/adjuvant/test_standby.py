"""Who stands by, and what becomes of what arrives meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from adjuvant.api import Desk, Request, answer
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.standby import shares_index, stand_by, take_over


@pytest.mark.parametrize(
    ("section", "shared"),
    [
        ({"EnableIndex": True, "Lock": False}, True),
        ({"EnableIndex": True, "Lock": True}, False),
        ({"EnableIndex": True}, False),  # the lock is Orthanc's own default
        ({"EnableIndex": False, "Lock": False}, False),
        ("nonsense", False),
    ],
)
@pytest.mark.parametrize("name", ["PostgreSQL", "MySQL"])
def test_an_index_is_shared_where_its_plugin_keeps_no_lock(
    name: str, section: Any, shared: bool
) -> None:
    assert shares_index({name: section}) is shared


def test_without_such_a_plugin_no_index_is_shared() -> None:
    assert shares_index({}) is False


def test_it_says_once_who_reads_and_once_that_it_takes_over() -> None:
    lines: list[str] = []
    desk, log = Desk(Health("0.1.0"), Inbox()), Log(lines.append, lines.append, lines.append)
    take_over(desk, log)
    assert lines == []
    for _ in range(2):
        desk.inbox.offer("arrived", None)
        stand_by(desk, log, "process 7 on pacs")
        assert len(desk.inbox) == 0
    desk.inbox.offer("arrived", None)
    board: Any = answer(Request("GET", "status", {}, b"", ""), desk).document
    assert (board["state"], board["alarms"], board["queue"]["queued"]) == ("standby", [], 0)
    assert board["reason"] == (
        "another Orthanc on the same index reads (process 7 on pacs); this one does when it ends"
    )
    take_over(desk, log)
    assert desk.health.snapshot()["state"] == "starting"
    assert lines == [f"stands by: {board['reason']}", "takes over: the other Orthanc has ended"]
