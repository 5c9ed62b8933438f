"""The report on what is lost where a group was left out of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from training.card import NOTICE
from training.difference import Difference, shown, signed
from training.leaving_out import Loss
from training.pages.charts import interval
from training.pages.page import Safe, markup, page, section, table
from training.pages.parts import MEASURED_NOTICE, cases_of

WHO = {"truth": "truth", "candidate": "learnt without them", "in-service": "learnt with them"}
HEAD = ("left out", "scans left", "scans less", "test scans", "Dice with", "Dice without",
        "difference", "95 % interval", "", "on all others", "95 % interval")  # fmt: skip
MEANING = """Each row is a training of its own, by the same recipe, without the scans of one group;
both networks then read the same test scans. The difference is without minus with: below zero is
lost. On all other scans it shows what fewer scans to learn from cost by themselves, and how much
two trainings differ anyway. Intervals are by paired bootstrap over patients."""


def content(by: str, losses: Sequence[Loss]) -> dict[str, Any]:
    """For `leaving-out.json`."""
    rows = []
    for one in losses:
        row = {name: value for name, value in vars(one).items() if name != "gallery"}
        row["on_group"] = asdict(one.on_group)
        row["on_others"] = None if one.on_others is None else asdict(one.on_others)
        rows.append(row)
    return {"by": by, "losses": rows}


def markdown(by: str, losses: Sequence[Loss]) -> str:
    """The same table for the screen."""
    head = [by, *HEAD[1:8], *HEAD[9:]]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for one in losses:
        row = [str(cell) for cell in _row(one) if not isinstance(cell, Safe)]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def leaving_out_report(
    by: str, losses: Sequence[Loss], about: Mapping[str, Any], *, simulated: bool
) -> str:
    """The whole page as HTML; `about` is the run's."""
    told = [NOTICE] if about["data"] != "clinical" else []
    told += [MEASURED_NOTICE] if simulated else []
    head = (
        f"<h1>{markup(about['recipe']['model'])} <small>what is lost where a {markup(by)} is left "
        "out of the training</small></h1>"
    )
    rows = [_row(one) for one in losses]
    began = (about.get("foundation") or {}).get("model")
    warning = (
        f" Both began with {began}, which may have learnt from what was left out: the loss may be "
        "larger than it seems."
        if began
        else ""
    )
    lead = " ".join(MEANING.split()) + warning
    galleries = (
        section(
            f"Scans of {by} {one.value}",
            cases_of(one.gallery, WHO),
            lead="Worst first is by the network that learnt without them.",
        )
        for one in losses
    )
    return page(
        f"Leaving out by {by}",
        "; ".join(told).capitalize(),
        (head, section(f"By {by}", table((by, *HEAD[1:]), rows), lead=lead), *galleries),
    )


def _row(one: Loss) -> tuple[object, ...]:
    here, others = one.on_group, one.on_others
    reach = max(abs(here.low), abs(here.high), 0.01)
    return (
        one.value,
        one.learnt_from,
        one.left_out,
        here.scans,
        shown(here.in_service, ""),
        shown(here.candidate, ""),
        signed(here.value, ""),
        _range(here),
        Safe(interval(here.value, here.low, here.high, (-reach, reach), 0)),
        "" if others is None else signed(others.value, ""),
        "" if others is None else _range(others),
    )


def _range(one: Difference) -> str:
    return f"{signed(one.low, '')} to {signed(one.high, '')}"
