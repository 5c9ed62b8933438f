"""Several interpretations read the same scan: each by its own rules, with its own model, at its own
urgency, and its results go their own way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjuvant.archive import Archive, Connection
from adjuvant.findings import Findings
from adjuvant.health import Health, Log
from adjuvant.image import Limits
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import Filter, Job
from adjuvant.ledger import Ledger
from adjuvant.model import Model
from adjuvant.network import Network
from adjuvant.reader import Reader, choose
from adjuvant.results.presentation import STANDARD
from adjuvant.rulebook import Rulebook
from adjuvant.rules.syntax import Known, read_rules
from adjuvant.surroundings import Plan, Surroundings
from adjuvant.worker import Worker
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes
from tests.integration.tiny import BRIGHT, contract

THYROID = INTERPRETATIONS["thyroid"]


def as_iodine(*args: Any) -> Findings:
    return replace(THYROID.interpret(*args), interpretation="iodine")


# As one would write its line: another name, another model, another way to look at the answer.
IODINE = replace(THYROID, name="iodine", model="iodine", interpret=as_iodine, nodules=None)
MODELS = {
    name: Model.model_validate({**contract(), "name": name}) for name in ("thyroid", "iodine")
}
READERS = tuple(Reader(one, MODELS[one.model], Path(one.model)) for one in (THYROID, IODINE))
RULES = [
    {
        "Name": "radioiodine",
        "When": {"Tag": "StudyDescription", "Matches": "I-131"},
        "Interpretation": "iodine",
        "Results": ["SC"],
        "Routing": ["therapy"],
        "Priority": 5,
    },
    {"Name": "every thyroid", "When": {"Thyroid": True}, "Interpretation": "thyroid"},
]


@dataclass
class Bench:
    """A worker with two readers, and where what it would send goes."""

    orthanc: SmallOrthanc
    around: Surroundings
    plan: Plan
    sent: list[tuple[str, tuple[str, ...]]]

    def read(self, **descriptions: str) -> dict[tuple[str, str], Job]:
        """Scan and interpretation -> its job, when every scan was read."""
        for name, description in descriptions.items():
            scan = nm_dataset(thyroid_counts(128, 128), StudyDescription=description)
            self.orthanc.put(name, to_bytes(scan))
            self.around.inbox.offer(name, None)
        stop = threading.Event()
        thread = threading.Thread(target=Worker(self.around, self.plan, stop).run)
        thread.start()
        deadline = time.monotonic() + 150  # on a busy machine
        wanted = len(READERS) * len(descriptions)
        while len(self.ended()) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        self.around.inbox.wake()
        thread.join(60)
        return {(job.task.instance, job.task.interpretation): job for job in self.ended()}

    def ended(self) -> list[Job]:
        jobs, _ = self.around.ledger.jobs(Filter(), 100, 0)
        return [job for job in jobs if job.state in ("done", "refused", "failed")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    def bright(inputs: Any) -> Any:
        return (inputs[..., :1] > BRIGHT).astype(np.float32)

    ledger = Ledger(tmp_path / "ledger.sqlite")
    sent: list[tuple[str, tuple[str, ...]]] = []
    with small_orthanc() as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 26)
        log = Log(print, print, print)
        around = Surroundings(
            archive,
            ledger,
            Inbox(),
            Health("0.1.0"),
            log,
            lambda task, results, named: sent.append((task.interpretation, tuple(named))),
        )
        plan = Plan(
            readers=lambda: READERS,
            load=lambda folder: Network(MODELS[folder.name], "CPU", bright),
            limits=Limits(),
            presentation=STANDARD,
            replace_earlier=False,
            maximum_attempts=1,
            retry_s=0.01,
            job_s=60.0,
            sweep_s=60.0,
            keep_s=86400.0,
            maximum_jobs=1000,
            rulebook=Rulebook(read_rules(RULES, Known(("thyroid", "iodine"), ("therapy",)))),
        )
        yield Bench(orthanc, around, plan, sent)
        archive.close()
    ledger.close()


def test_each_reads_what_its_own_rules_say_and_delivers_its_own_results(bench: Bench) -> None:
    jobs = bench.read(plain="Thyroid Tc-99m", therapy="Thyroid I-131")
    assert {whose: job.state for whose, job in jobs.items()} == {
        ("plain", "thyroid"): "done",
        ("plain", "iodine"): "refused",
        ("therapy", "thyroid"): "done",
        ("therapy", "iodine"): "done",
    }
    refused = jobs["plain", "iodine"]
    assert refused.code == "not-applicable"
    assert refused.reason == "StudyDescription does not match the pattern"
    kinds = {whose: [one["kind"] for one in job.results] for whose, job in jobs.items()}
    assert kinds["therapy", "thyroid"] == ["SEG", "SC", "SR"]
    assert kinds["therapy", "iodine"] == ["SC"]
    uids = [one["sop_instance_uid"] for job in jobs.values() for one in job.results]
    assert len(set(uids)) == len(uids) == 7
    assert {job.task.model for job in jobs.values()} == {"thyroid 0.1.0", "iodine 0.1.0"}


def test_each_has_its_own_urgency_and_its_own_routes(bench: Bench) -> None:
    bench.read(plain="Thyroid Tc-99m", therapy="Thyroid I-131")
    assert bench.sent == [("iodine", ("therapy",)), ("thyroid", ()), ("thyroid", ())]


def test_both_are_chosen_where_both_models_are_in_service() -> None:
    registry = {**INTERPRETATIONS, "iodine": IODINE}
    assert choose({"thyroid": "0.1.0", "iodine": "0.1.0"}, registry) == (THYROID, IODINE)
    assert choose({"iodine": "0.1.0"}, registry) == (IODINE,)
