"""What has to be sent is remembered, once for each destination, through whatever happens."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adjuvant.routing.outbox import LONGEST_DELAY_S, Outbox, OutboxCorrupt, OutboxFault, Sending


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(tmp_path / "routing.sqlite")
    yield outbox
    outbox.close()


def due(outbox: Outbox, destination: str = "pacs") -> Sending:
    sending = outbox.due(destination)
    assert sending is not None
    return sending


def test_what_is_offered_twice_is_sent_once(outbox: Outbox) -> None:
    outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    outbox.become(due(outbox), "sent")
    outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    counts = outbox.counts("pacs")
    assert (counts["sent"], counts["waiting"]) == (1, 1)
    assert due(outbox).instance == "b"


def test_what_was_made_anew_with_another_content_is_sent_again(outbox: Outbox) -> None:
    outbox.offer("pacs", [("a", "SR")], {"a": "wrong"})
    outbox.become(due(outbox), "sent")
    outbox.offer("pacs", [("a", "SR")], {"a": "wrong"})
    outbox.offer("pacs", [("a", "SR")])  # not known: taken for the same
    assert outbox.due("pacs") is None
    outbox.offer("pacs", [("a", "SR")], {"a": "right"})
    assert (due(outbox).state, due(outbox).content) == ("waiting", "right")
    outbox.become(due(outbox), "sent")
    outbox.offer("pacs", [("a", "SR")], {"a": "right"})
    assert outbox.counts("pacs")["sent"] == 1


@pytest.mark.parametrize(
    ("state", "since_now"), [("sent", True), ("gone", True), ("failed", False)]
)
def test_what_had_arrived_is_on_its_way_since_it_was_made_anew(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, state: str, since_now: bool
) -> None:
    outbox.offer("pacs", [("a", "SR")], {"a": "wrong"})
    outbox.become(due(outbox), state)
    later = time.time() + 90 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    outbox.offer("pacs", [("a", "SR")], {"a": "right"})
    assert (outbox.oldest("pacs") == later) == since_now


@pytest.mark.parametrize("state", ["waiting", "sending", "committing"])
def test_what_was_on_its_way_with_an_earlier_content_is_not_taken_for_sent(
    outbox: Outbox, state: str
) -> None:
    outbox.offer("pacs", [("a", "SR")], {"a": "wrong"})
    outbox.become(due(outbox), state, ticket="job-1")
    before = _only(outbox)
    outbox.offer("pacs", [("a", "SR")], {"a": "right"})
    outbox.become(before, "sent")  # by a thread that does not know yet
    outbox.postpone(before, "refused", 30.0)
    outbox.look_again(before, 30.0)
    after = due(outbox)
    assert (after.state, after.content, after.ticket) == ("waiting", "right", None)


def test_a_list_of_an_earlier_version_goes_on_and_learns_the_contents(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite"
    first = Outbox(path)
    first.offer("pacs", [("a", "SR"), ("b", "SC")])
    first.become(due(first), "sent")
    first._database.execute("ALTER TABLE sendings DROP COLUMN content")  # as it was
    first.close()
    second = Outbox(path)
    assert due(second).instance == "b"
    second.offer("pacs", [("a", "SR")], {"a": "known from now on"})
    assert second.counts("pacs")["sent"] == 1  # what was sent cannot be told
    second.offer("pacs", [("a", "SR")], {"a": "another"})
    assert second.counts("pacs")["waiting"] == 2
    second.close()


def test_what_is_on_its_way_the_longest_is_known_until_it_has_ended(outbox: Outbox) -> None:
    assert outbox.oldest("pacs") is None
    outbox.offer("pacs", [("a", "SEG")])
    since = outbox.oldest("pacs") or 0
    for state in ("sending", "committing", "waiting"):
        outbox.become(_only(outbox), state)
        assert outbox.oldest("pacs") == since
    assert abs(time.time() - since) < 60
    assert outbox.oldest("cloud") is None
    outbox.become(_only(outbox), "failed", "no")
    assert outbox.oldest("pacs") is None


def _only(outbox: Outbox) -> Sending:
    sending = outbox.due("pacs") or outbox.under_way("pacs")
    assert sending is not None
    return sending


def test_each_destination_has_its_own(outbox: Outbox) -> None:
    for name in ("pacs", "cloud"):
        outbox.offer(name, [("a", "SEG")])
    outbox.become(due(outbox), "sent")
    assert outbox.due("pacs") is None
    assert due(outbox, "cloud").instance == "a"


@pytest.mark.parametrize("state", ["failed", "gone"])
def test_what_was_given_up_begins_anew_when_it_is_offered_again(outbox: Outbox, state: str) -> None:
    outbox.offer("pacs", [("a", "SEG")])
    outbox.become(due(outbox), state, "no")
    assert outbox.due("pacs") is None
    outbox.offer("pacs", [("a", "SEG")])
    assert (due(outbox).attempts, due(outbox).reason) == (0, None)


def test_the_oldest_goes_first_and_what_failed_waits_for_its_time(outbox: Outbox) -> None:
    outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    outbox.postpone(due(outbox), "refused", 30.0)
    assert due(outbox).instance == "b"
    outbox.become(due(outbox), "sent")
    assert outbox.due("pacs") is None
    assert 25 < (outbox.wait_s("pacs") or 0) <= 30
    (troubled,) = outbox.troubled("pacs", 10)
    assert (troubled.instance, troubled.attempts, troubled.reason) == ("a", 1, "refused")


def test_a_clock_that_was_wrong_keeps_nothing_for_ever(outbox: Outbox) -> None:
    outbox.offer("pacs", [("a", "SEG")])
    outbox.postpone(due(outbox), "refused", 10 * LONGEST_DELAY_S)
    assert due(outbox).instance == "a"


def test_a_retry_takes_what_failed_and_what_waits_after_a_failure(outbox: Outbox) -> None:
    outbox.offer("pacs", [("a", "SEG"), ("b", "SC"), ("c", "SR")])
    outbox.become(due(outbox), "failed", "no")
    outbox.postpone(due(outbox), "later", 100.0)
    assert outbox.retry("cloud") == 0
    assert outbox.retry("pacs") == 2
    assert outbox.counts("pacs")["waiting"] == 3
    assert [due(outbox).instance, due(outbox).attempts] == ["a", 0]


def test_it_is_all_there_after_the_process_was_killed(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "routing.sqlite")
    first.offer("pacs", [("a", "SEG"), ("b", "SC")])
    first.become(due(first), "sending", ticket="job-1")
    second = Outbox(tmp_path / "routing.sqlite")  # the first was never closed
    under_way = second.under_way("pacs")
    assert under_way is not None
    assert (under_way.instance, under_way.ticket) == ("a", "job-1")
    assert due(second).instance == "b"
    for outbox in (first, second):
        outbox.close()


def test_it_says_what_nobody_confirmed_and_when_something_was_sent(outbox: Outbox) -> None:
    assert outbox.last_success("pacs") is None
    outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    outbox.become(due(outbox), "sent", "not confirmed")
    outbox.become(due(outbox), "sent")
    counts = outbox.counts("pacs")
    assert (counts["sent"], counts["uncommitted"]) == (2, 1)
    assert time.time() - (outbox.last_success("pacs") or 0) < 10


def test_the_file_does_not_grow_for_ever_and_nothing_open_is_forgotten(outbox: Outbox) -> None:
    outbox.offer("pacs", [(str(number), "SEG") for number in range(20)])
    for _ in range(15):
        outbox.become(due(outbox), "sent")
    outbox.prune(most=3)
    counts = outbox.counts("pacs")
    assert (counts["sent"], counts["waiting"]) == (0, 5)


def test_a_damaged_file_is_told_from_one_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(OutboxCorrupt, match="cannot be used: file is not a database"):
        Outbox(tmp_path / "broken.sqlite")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutboxFault, match="cannot be used") as caught:
        Outbox(tmp_path / "file" / "routing.sqlite")
    assert not isinstance(caught.value, OutboxCorrupt)


def test_a_list_that_replaces_a_lost_one_says_so_until_it_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "routing.sqlite"
    outbox = Outbox(path, lost=True)
    outbox.close()
    again = Outbox(path)  # the process ended before the list was filled
    assert again.lost
    again.found()
    assert not again.lost
    again.close()


def test_a_closed_file_is_a_fault(outbox: Outbox) -> None:
    outbox.close()
    with pytest.raises(OutboxFault):
        outbox.offer("pacs", [("a", "SEG")])


def test_it_holds_no_more_than_identifiers(outbox: Outbox) -> None:
    names = {row[1] for row in sqlite3.connect(outbox.path).execute("PRAGMA table_info(sendings)")}
    known = {"id", "destination", "instance", "kind", "state", "reason", "attempts", "ticket"}
    assert names == known | {"created", "due", "ended", "content"}
