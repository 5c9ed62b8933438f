"""The progress bar that all commands share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def tracked(things: Sequence[T], title: str, console: Console | None) -> Iterator[T]:
    """Each of them in turn, under a bar where there is a console to draw it on."""
    if console is None:
        yield from things
        return
    with progress_bar(console) as bar:
        yield from bar.track(things, description=title)


def progress_bar(console: Console) -> Progress:
    """A bar with counts, elapsed and remaining time; it leaves no trace when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
