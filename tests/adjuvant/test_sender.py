"""One destination: what it accepts is sent once, what it does not is tried again and told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from adjuvant.config import RouteSettings
from adjuvant.errors import ArchiveFault
from adjuvant.health import Health, Log
from adjuvant.routing.destination import Destination, Gone, Progress
from adjuvant.routing.outbox import LONGEST_DELAY_S, Outbox
from adjuvant.routing.sender import Sender

ONE = [("a", "SEG")]


@dataclass
class Elsewhere:
    """A destination as the sender sees it, with the troubles that it is to make."""

    settings: RouteSettings
    name: str = "pacs"
    trouble: str | None = None
    up: bool = True
    unwanted: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    hangs: bool = False
    forgets: bool = False
    offers_commitment: bool = True
    committed: str = "done"
    submitted: list[str] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def fault(self) -> str | None:
        self.asked["fault"] += 1
        return self.trouble

    def answers(self) -> bool:
        return self.up

    def submit(self, instance: str) -> str:
        if instance in self.gone:
            raise Gone
        self.submitted.append(instance)
        return f"job of {instance}"

    def progress(self, job: str) -> Progress:
        instance = job.removeprefix("job of ")
        if self.forgets:
            self.forgets = False
            return Progress("unknown")
        if self.hangs:
            return Progress("running")
        if not self.up or instance in self.unwanted:
            return Progress("failed", "Error in the network protocol")
        self.arrived.append(instance)
        return Progress("done")

    def cancel(self, job: str) -> None:
        self.asked["cancel"] += 1
        self.hangs, self.up = False, False

    def ask_commitment(self, instance: str) -> str | None:
        self.asked["commitment"] += 1
        if not self.up:
            raise ArchiveFault("Orthanc answered 500")
        return "2.25.1" if self.offers_commitment else None

    def commitment(self, transaction: str) -> Progress:
        answer, self.committed = self.committed, "done"
        return Progress(cast(Any, answer), "the peer does not commit itself")


@dataclass
class Bench:
    """A sender whose thread does not run: its steps are taken one by one, without waiting."""

    outbox: Outbox
    elsewhere: Elsewhere
    health: Health
    lines: list[str]
    sender: Sender

    def steps(self, count: int = 12) -> None:
        for _ in range(count):
            self.sender._step()

    def pause_is_over(self) -> None:
        self.sender._paused_until = 0.0

    def counts(self) -> dict[str, int]:
        return {name: n for name, n in self.outbox.counts("pacs").items() if n}

    def alarms(self) -> list[str]:
        return [alarm["what"] for alarm in self.health.snapshot()["alarms"]]


def bench(tmp_path: Path, **settings: Any) -> Bench:
    outbox, lines = Outbox(tmp_path / "routing.sqlite"), list[str]()
    chosen = RouteSettings.model_validate({"Kind": "modality", "Target": "PACS", **settings})
    elsewhere, health = Elsewhere(chosen), Health("0")
    log = Log(lines.append, lines.append, lines.append)
    sender = Sender(cast(Destination, elsewhere), outbox, health, log, retry_s=10.0)
    return Bench(outbox, elsewhere, health, lines, sender)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Bench]:
    made = bench(tmp_path)
    yield made
    made.outbox.close()


@pytest.fixture
def committing(tmp_path: Path) -> Iterator[Bench]:
    made = bench(tmp_path, StorageCommitment=True)
    yield made
    made.outbox.close()


def test_everything_that_waits_is_sent_in_its_order_and_once(plain: Bench) -> None:
    plain.outbox.offer("pacs", [("a", "SEG"), ("b", "SC"), ("c", "SR")])
    plain.steps()
    assert plain.elsewhere.submitted == plain.elsewhere.arrived == ["a", "b", "c"]
    assert plain.counts() == {"sent": 3}
    assert plain.sender.status()["state"] == "ok"


def test_what_is_on_its_way_is_not_sent_again(plain: Bench) -> None:
    plain.outbox.offer("pacs", ONE)
    plain.elsewhere.hangs = True
    plain.steps()
    again = Sender(
        cast(Destination, plain.elsewhere), plain.outbox, plain.health, plain.sender._log, 10.0
    )  # as after a restart of the process
    again._step()
    assert plain.counts() == {"sending": 1}
    plain.elsewhere.hangs = False
    again._step()
    assert plain.elsewhere.submitted == ["a"]
    assert plain.counts() == {"sent": 1}


def test_a_destination_that_is_down_rests_ever_longer_and_nothing_is_held_against_what_waits(
    plain: Bench,
) -> None:
    plain.outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    plain.elsewhere.up = False
    pauses = []
    for _ in range(9):
        plain.steps(2)
        pauses.append(round(plain.sender._step()))
        plain.pause_is_over()
    assert pauses == [10, 20, 40, 80, 160, 320, *[round(LONGEST_DELAY_S)] * 3]
    assert set(plain.elsewhere.submitted) == {"a"}
    assert plain.counts() == {"waiting": 2}
    assert plain.outbox.troubled("pacs", 9) == []
    assert plain.alarms() == [
        "route pacs: 9 attempts in a row failed: Error in the network protocol"
    ]
    assert len([line for line in plain.lines if "alarm" in line]) == 1
    assert plain.sender.status()["state"] == "down"
    plain.elsewhere.up = True
    plain.pause_is_over()
    plain.steps()
    assert plain.elsewhere.arrived == ["a", "b"]
    assert plain.alarms() == []
    assert plain.lines[-1] == "route pacs works again"


def down_for_long(bench: Bench) -> None:
    bench.outbox.offer("pacs", ONE)
    bench.elsewhere.up = False
    for _ in range(4):
        bench.steps(2)
        bench.pause_is_over()
    assert bench.sender.status()["state"] == "down"
    bench.elsewhere.up = True


def test_a_destination_that_answers_is_not_down_also_where_it_refuses_the_object(
    plain: Bench,
) -> None:
    down_for_long(plain)
    plain.elsewhere.unwanted = {"a"}
    plain.steps()
    assert plain.counts() == {"waiting": 1}
    assert plain.sender.status()["state"] == "ok"
    assert plain.alarms() == []


def test_a_destination_that_answers_is_not_down_also_where_nothing_is_left_to_send(
    plain: Bench,
) -> None:
    down_for_long(plain)
    plain.elsewhere.gone = {"a"}
    plain.steps()
    assert plain.counts() == {"gone": 1}
    assert plain.sender.status()["state"] == "ok"
    assert plain.alarms() == []


def test_what_is_not_accepted_keeps_nothing_else(plain: Bench) -> None:
    plain.elsewhere.unwanted = {"a"}
    plain.outbox.offer("pacs", [("a", "SEG"), ("b", "SC"), ("c", "SR")])
    plain.steps()
    assert plain.elsewhere.arrived == ["b", "c"]
    assert plain.counts() == {"waiting": 1, "sent": 2}
    assert plain.sender.status()["state"] == "ok"
    assert [one["instance"] for one in plain.sender.status()["troubled"]] == ["a"]


def test_it_is_given_up_after_its_attempts_and_begins_anew_on_demand(tmp_path: Path) -> None:
    made = bench(tmp_path, MaximumAttempts=4)
    made.elsewhere.unwanted = {"a"}
    made.outbox.offer("pacs", ONE)
    for _ in range(6):
        made.steps(2)
        made.outbox._database.execute("UPDATE sendings SET due=0")
    assert made.elsewhere.submitted == 4 * ["a"]
    assert made.counts() == {"failed": 1}
    assert made.alarms() == [
        "route pacs: SEG a failed 4 times: Error in the network protocol; it was given up"
    ]
    made.elsewhere.unwanted.clear()
    assert made.sender.retry() == 1
    made.steps(3)
    assert made.counts() == {"sent": 1}
    assert made.alarms() == []
    made.outbox.close()


def test_what_was_given_up_is_an_alarm_after_a_restart_until_it_is_sent_or_gone(
    tmp_path: Path,
) -> None:
    made = bench(tmp_path, MaximumAttempts=1)
    made.elsewhere.unwanted = {"a", "b"}
    made.outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    made.steps()
    made.outbox.close()
    again = bench(tmp_path, MaximumAttempts=1)
    again.sender.recall()
    retry = "mend the cause, then POST /adjuvant/routing/pacs/retry"
    assert again.alarms() == [f"route pacs: 2 objects were given up: {retry}"]
    again.outbox.offer("pacs", [("c", "SR")])
    again.steps()
    assert (again.counts(), len(again.alarms())) == ({"failed": 2, "sent": 1}, 1)
    again.elsewhere.gone = {"b"}  # deleted from Orthanc
    assert again.sender.retry() == 2
    again.steps()
    assert (again.counts(), again.alarms()) == ({"sent": 2, "gone": 1}, [])
    again.sender.recall()
    assert again.alarms() == []
    again.outbox.close()


def test_what_was_given_up_and_then_deleted_is_no_alarm_any_more(tmp_path: Path) -> None:
    made = bench(tmp_path, MaximumAttempts=1)
    made.elsewhere.unwanted = {"a"}
    made.outbox.offer("pacs", ONE)
    made.steps()
    assert len(made.alarms()) == 1
    made.elsewhere.gone = {"a"}
    made.sender.retry()
    made.steps()
    assert (made.counts(), made.alarms()) == ({"gone": 1}, [])
    made.outbox.close()


def test_what_takes_too_long_is_broken_off_and_tried_again(tmp_path: Path) -> None:
    made = bench(tmp_path, TimeoutSeconds=1)
    made.outbox.offer("pacs", ONE)
    made.elsewhere.hangs = True
    made.steps(3)
    assert made.elsewhere.asked["cancel"] == 0
    made.sender._since = {number: since - 1.1 for number, since in made.sender._since.items()}
    made.steps(3)
    assert made.elsewhere.asked["cancel"] == 1
    assert made.counts() == {"waiting": 1}
    assert "takes more than 1 s" in made.alarms()[0]
    made.outbox.close()


def test_a_job_that_orthanc_forgot_is_done_again_and_counted(plain: Bench) -> None:
    plain.elsewhere.forgets = True
    plain.outbox.offer("pacs", ONE)
    plain.steps(2)
    (troubled,) = plain.outbox.troubled("pacs", 1)
    assert (troubled.attempts, troubled.state) == (1, "waiting")
    plain.sender.retry()
    plain.steps(2)
    assert plain.counts() == {"sent": 1}


def test_what_was_deleted_meanwhile_keeps_nothing(plain: Bench) -> None:
    plain.elsewhere.gone = {"a"}
    plain.outbox.offer("pacs", [("a", "SEG"), ("b", "SC")])
    plain.steps()
    assert plain.counts() == {"gone": 1, "sent": 1}
    assert plain.alarms() == []


def test_a_name_that_orthanc_does_not_know_is_one_line_until_it_does(plain: Bench) -> None:
    plain.elsewhere.trouble = "Orthanc's DicomModalities has no 'PACS' (it has: none)"
    plain.outbox.offer("pacs", ONE)
    plain.steps()
    assert plain.elsewhere.submitted == []
    told = f"route pacs: {plain.elsewhere.trouble}"
    assert plain.alarms() == [told]
    assert plain.lines == [f"alarm: {told}"]
    assert plain.sender.status()["state"] == "unusable"
    assert plain.elsewhere.asked["fault"] == 1  # and not at every step
    plain.elsewhere.trouble = None
    plain.sender.retry()
    plain.steps()
    assert plain.counts() == {"sent": 1}
    assert plain.alarms() == []


def test_what_the_peer_commits_itself_to_is_sent(committing: Bench) -> None:
    committing.outbox.offer("pacs", ONE)
    committing.steps()
    assert committing.counts() == {"sent": 1}
    assert committing.elsewhere.asked["commitment"] == 1


def test_what_the_peer_does_not_have_is_sent_again(committing: Bench) -> None:
    committing.elsewhere.committed = "failed"
    committing.outbox.offer("pacs", ONE)
    committing.steps()
    assert committing.counts() == {"waiting": 1}
    committing.sender.retry()
    committing.steps()
    assert committing.elsewhere.arrived == ["a", "a"]
    assert committing.counts() == {"sent": 1}


def test_a_commitment_that_orthanc_forgot_is_asked_for_again(committing: Bench) -> None:
    committing.elsewhere.committed = "unknown"
    committing.outbox.offer("pacs", ONE)
    committing.steps()
    assert committing.elsewhere.asked["commitment"] == 2
    assert committing.elsewhere.arrived == ["a"]
    assert committing.counts() == {"sent": 1}


def test_a_confirmation_that_takes_its_time_holds_up_nothing_else(committing: Bench) -> None:
    committing.elsewhere.committed = "running"
    committing.outbox.offer("pacs", ONE)
    committing.steps(4)
    committing.outbox.offer("pacs", [("b", "SC")])
    committing.steps(6)
    assert committing.counts() == {"committing": 1, "sent": 1}


def test_who_does_not_confirm_within_an_hour_is_an_alarm_until_he_does(
    committing: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjuvant.routing.sender.COMMITMENT_LIMIT_S", 0.0)
    committing.outbox.offer("pacs", ONE)
    with monkeypatch.context() as silent:
        silent.setattr(committing.elsewhere, "commitment", lambda transaction: Progress("running"))
        committing.steps(4)
        for _ in range(4):
            assert committing.alarms() == ["route pacs: the peer has not confirmed within an hour"]
            committing.steps(1)
    assert committing.elsewhere.asked["commitment"] > 1
    committing.steps(4)
    assert committing.counts() == {"sent": 1}
    assert committing.alarms() == []


def test_a_peer_without_storage_commitment_is_an_alarm_and_no_obstacle(committing: Bench) -> None:
    committing.elsewhere.offers_commitment = False
    committing.outbox.offer("pacs", ONE)
    for _ in range(8):
        committing.steps(1)
        committing.outbox._database.execute("UPDATE sendings SET due=0")
    assert committing.counts() == {"sent": 1, "uncommitted": 1}
    assert committing.elsewhere.arrived == ["a"]
    assert committing.alarms() == ["route pacs: sent, but the peer offers no storage commitment"]


def test_its_thread_works_when_woken_and_ends_when_told(plain: Bench) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=plain.sender.run, args=(stop,))
    thread.start()
    plain.outbox.offer("pacs", ONE)
    plain.sender.wake()
    for _ in range(500):
        if plain.counts() == {"sent": 1}:
            break
        threading.Event().wait(0.01)
    stop.set()
    plain.sender.wake()
    thread.join(5)
    assert not thread.is_alive()
    assert plain.counts() == {"sent": 1}
