"""Which version reads scans follows from the record, and from what orthanc.json newly says."""

from __future__ import annotations

from typing import Any

import pytest

from adjuvant.choice import chosen, wanted


def entry(change: str, to: str | None, before: str | None = None, configured: str = "0.1.0") -> Any:
    """A line as the record holds it."""
    return {
        "change": change,
        "model": "thyroid",
        "to": {"version": to} if to else None,
        "from": {"version": before} if before else None,
        "configured": configured,
        "who": "configuration" if change == "configured" else "alice",
        "at": "2026-01-31T10:00:00.000Z",
    }


FIRST = entry("configured", "0.1.0")
UP = entry("activated", "0.2.0", "0.1.0")


def test_at_first_the_configuration_decides() -> None:
    assert chosen([]) is None
    assert wanted(None, "0.1.0") == "0.1.0"


def test_an_activation_holds_until_the_configuration_names_another() -> None:
    choice = chosen([FIRST, UP])
    assert choice is not None
    assert (choice.version, choice.previous, choice.who) == ("0.2.0", "0.1.0", "alice")
    assert wanted(choice, "0.1.0") == "0.2.0"
    assert wanted(choice, "0.3.0") == "0.3.0"


def test_a_newer_default_decides_only_where_no_person_chose() -> None:
    assert wanted(None, "0.3.0", named=False) == "0.3.0"
    assert wanted(chosen([FIRST]), "0.3.0", named=False) == "0.3.0"
    assert wanted(chosen([FIRST, UP]), "0.3.0", named=False) == "0.2.0"


def test_a_roll_back_can_be_rolled_back() -> None:
    choice = chosen([FIRST, UP, entry("rolled-back", "0.1.0", "0.2.0")])
    assert choice is not None
    assert (choice.version, choice.previous) == ("0.1.0", "0.2.0")


def test_a_refusal_changes_nothing() -> None:
    assert chosen([FIRST, UP, entry("refused", "0.3.0", "0.2.0")]) == chosen([FIRST, UP])


def test_a_shadow_lasts_over_switches_until_it_is_ended_or_activated() -> None:
    lines = [FIRST, entry("shadow", "0.3.0")]
    assert chosen(lines).shadow == "0.3.0"  # type: ignore[union-attr]
    assert chosen([*lines, UP]).shadow == "0.3.0"  # type: ignore[union-attr]
    assert chosen([*lines, entry("shadow", None)]).shadow is None  # type: ignore[union-attr]
    active = chosen([*lines, entry("activated", "0.3.0", "0.1.0")])
    assert active is not None
    assert (active.version, active.shadow) == ("0.3.0", None)


@pytest.mark.parametrize("damaged", [{}, {"change": "activated"}, {"change": "shadow", "to": []}])
def test_a_damaged_line_chooses_nothing(damaged: dict[str, Any]) -> None:
    choice = chosen([FIRST, damaged])
    assert choice is not None
    assert choice.version == "0.1.0"
