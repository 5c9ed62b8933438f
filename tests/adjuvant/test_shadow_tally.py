"""The tally of a shadow: sums, the worst cases, bounded, over restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adjuvant.comparison import Comparison
from adjuvant.shadow_tally import EARLIER, WORST, Seen, Tally, TallyFile

EMPTY = Tally("0.1.0", "a", "0.2.0", "b", "2026-01-31T10:00:00.000Z")


def seen(number: int, dice: float | None, gained: int = 0, area: float | None = 1.0) -> Seen:
    return Seen(f"i{number}", None, Comparison(dice, area, gained, 0), 10.0, 30.0)


def test_means_leave_out_what_could_not_be_measured() -> None:
    tally = (
        EMPTY.add(seen(1, 0.8, area=-1.0)).add(seen(2, 1.0, area=2.0)).add(seen(3, None, 0, None))
    )
    report = tally.report
    assert (report["scans"], report["glands"], report["mean_dice"]) == (3, 2, 0.9)
    assert report["mean_area_difference_cm2"] == 0.5
    assert report["mean_absolute_area_difference_cm2"] == 1.5
    assert (report["active_ms"], report["candidate_ms"]) == (10.0, 30.0)
    assert report["below_dice_0_9"] == 1


def test_nothing_compared_is_no_mean() -> None:
    assert EMPTY.report["mean_dice"] is None


def test_the_worst_are_kept_and_no_more() -> None:
    tally = EMPTY
    for number in range(WORST * 3):
        tally = tally.add(seen(number, 1 - number / 1000))
    tally = tally.add(seen(999, 0.99, gained=1))
    worst = [case["instance"] for case in tally.worst]
    assert len(worst) == WORST
    assert worst[:2] == ["i999", f"i{WORST * 3 - 1}"]
    assert tally.scans == WORST * 3 + 1


def test_a_tally_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "shadow" / "thyroid.json"
    TallyFile(path).keep(EMPTY.add(seen(1, 0.5)))
    tally = TallyFile(path).current(EMPTY)
    assert (tally.scans, tally.worst[0]["dice"]) == (1, 0.5)


def test_another_pair_of_versions_begins_another_tally(tmp_path: Path) -> None:
    path = tmp_path / "thyroid.json"
    for number in range(EARLIER * 2):
        file = TallyFile(path)
        other = replace(EMPTY, candidate_digest=str(number))
        assert file.current(other).scans == 0
        file.keep(other.add(seen(1, 0.5)))
    kept = TallyFile(path).tallies
    assert len(kept) == EARLIER + 1
    assert [len(one.worst) for one in kept] == [*EARLIER * [0], 1]


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "thyroid.json"
    for text in ("", "[", "{}", '[{"scans": 1}]', "[1]"):
        path.write_text(text)
        assert TallyFile(path).tallies == []
