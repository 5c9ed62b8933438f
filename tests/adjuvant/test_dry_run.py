"""A dry run counts what another rule set would change, and ends whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adjuvant import dry_run as module
from adjuvant.archive import Archive, Connection
from adjuvant.dry_run import DryRun
from tests.adjuvant.rules.rule_sets import rule, rules
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes

NOW = rules(rule({"Tag": "StudyDescription", "Matches": "a"}, "a"))
THEN = rules(
    rule({"Tag": "StudyDescription", "Equals": "ab"}, "special"),
    rule({"Tag": "StudyDescription", "Matches": "b"}, "b"),
)


@pytest.fixture
def orthanc(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallOrthanc]:
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    with small_orthanc() as orthanc:
        for name in ("a", "b", "ab", "c"):
            ds = nm_dataset(thyroid_counts(16, 16), StudyDescription=name)
            orthanc.put(name, to_bytes(ds))
        orthanc.put("broken", b"no DICOM")
        yield orthanc


def replay(orthanc: SmallOrthanc) -> DryRun:
    return DryRun(Archive(Connection(orthanc.url, TOKEN), 1 << 20), NOW, THEN)


def test_everything_that_is_stored_is_looked_at_page_by_page(orthanc: SmallOrthanc) -> None:
    run = replay(orthanc)
    run.run()
    report = run.report()
    assert (report["state"], report["reason"]) == ("done", None)
    assert (report["instances"], report["unreadable"]) == (5, 1)
    assert (report["read_now"], report["would_be_read"], report["changed"]) == (2, 2, 3)
    counted = {
        row["rule"]: (row["newly_applies"], row["no_longer_applies"], row["examples"])
        for row in report["rules"]
    }
    assert counted == {
        "a": (0, 2, {"newly_applies": [], "no_longer_applies": ["a", "ab"]}),
        "special": (1, 0, {"newly_applies": ["ab"], "no_longer_applies": []}),
        "b": (1, 0, {"newly_applies": ["b"], "no_longer_applies": []}),
    }


def test_an_archive_that_fails_ends_it_with_the_reason(orthanc: SmallOrthanc) -> None:
    orthanc.broken.add("/file")
    run = replay(orthanc)
    run.run()
    report = run.report()
    assert report["state"] == "failed"
    assert "Orthanc answered 500" in report["reason"]


def test_it_can_be_stopped(orthanc: SmallOrthanc) -> None:
    run = replay(orthanc)
    run.stop()
    run.run()
    assert (run.report()["state"], run.report()["instances"]) == ("stopped", 0)
