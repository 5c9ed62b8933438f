"""Errors as a user of the commands sees them: one line that says what to mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from adjuvant.errors import AdjuvantError


@contextmanager
def all_installed() -> Iterator[None]:
    """A package that only training needs and that is missing is one line, too."""
    try:
        yield
    except ModuleNotFoundError as fault:
        package = (fault.name or str(fault)).partition(".")[0]
        hint = "make setup-dev installs what training needs"
        typer.echo(f"error: {package} is not installed; {hint}", err=True)
        raise SystemExit(1) from fault


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user can mend is one line and exit code 1, not a traceback."""
    from training.collect.source import SourceFault
    from training.dataset import DatasetError
    from training.errors import RecipeError, ReleaseError, TrainingError
    from training.pseudonyms import KeyFault

    try:
        yield
    except (
        AdjuvantError,
        DatasetError,
        KeyFault,
        RecipeError,
        ReleaseError,
        SourceFault,
        TrainingError,
        ValueError,
        OSError,
    ) as fault:
        typer.echo(f"error: {fault}", err=True)
        raise typer.Exit(1) from fault
