"""What the commands of data sets say at their end: counts first, then each thing to look at."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import typer

from training.collect.collection import Summary
from training.collect.withdrawn import Withdrawal
from training.dataset import Entry
from training.datasets.import_report import Report
from training.datasets.split import Split, side_of
from training.sheet import draw_pages

LONGEST_LIST = 200


def tell_collected(summary: Summary) -> None:
    """Outcomes and reasons of a collection, and what a person should look at."""
    outcomes = ", ".join(f"{number} {name}" for name, number in summary.outcomes.most_common())
    typer.echo(f"new: {outcomes or 'nothing'}; known before: {summary.known}")
    for reason, number in summary.reasons.most_common():
        typer.echo(f"  {number} x {reason}")
    _tell_all(summary.told)


def tell_withdrawn(found: Withdrawal, *, dry_run: bool) -> None:
    """How many corrections were taken back, and which stay that this Orthanc does not list."""
    done = "would be taken back" if dry_run else "taken back"
    typer.echo(f"{done}: {len(found.gone)} corrections that are not accepted any more")
    reasons = {
        "this Orthanc lists no accepted correction at all, its list may be lost": found.unlisted,
        "nobody noted which Orthanc accepted them": found.unknown,
    }
    for reason, lines in reasons.items():
        if lines:
            typer.echo(f"{len(lines)} stay: {reason}; --take-back-all takes them back")
    if found.elsewhere:
        typer.echo(f"{len(found.elsewhere)} stay: another Orthanc accepted them")


def tell_imported(report: Report, data: Path, *, dry_run: bool) -> None:
    """Counts and problems of an import; draws its contact sheets."""
    for name, number in report.counts.most_common():
        typer.echo(f"{number} {name}")
    sizes = Counter(
        f"{one.properties['rows']} x {one.properties['columns']}" for one in report.entries
    )
    if len(sizes) > 1:
        told = ", ".join(f"{size} ({number})" for size, number in sizes.most_common())
        typer.echo(f"mixed sizes: {told}")
    if not report.counts["cases"]:
        typer.echo("no case was made")
    _tell_all(report.problems)
    _tell_all([f"{place}: no outline" for place in report.undrawn])
    if report.entries and not dry_run:
        pages = draw_pages(data, [entry.case_id for entry in report.entries], data / "sheets")
        typer.echo(f"look at every outline: {', '.join(str(page) for page in pages)}")


def tell_division(split: Split, entries: list[Entry]) -> None:
    """Patients and cases of each side."""
    patients = Counter(split.patients[entry] for entry in {e.patient_id for e in entries})
    cases = Counter(side_of(split, entry) or "held back" for entry in entries)
    for side, number in cases.most_common():
        typer.echo(f"{side}: {number} cases of {patients.get(side, 0)} patients")
    if split.frozen is not None:
        typer.echo(f"the test set is frozen: SHA-256 {split.frozen.digest}")


def _tell_all(lines: list[str]) -> None:
    """All of them into a file or a pipe; as many as one reads on a screen."""
    shown = lines[:LONGEST_LIST] if sys.stdout.isatty() else lines
    for line in shown:
        typer.echo(line)
    if len(lines) > len(shown):
        typer.echo(f"... and {len(lines) - len(shown)} more: add `| less` to see all of them")
