"""The commands about which scan to draw next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.data_commands import PASSWORD, DataSet
from training.plain import plain_errors


def propose(
    collection: Annotated[Path, typer.Option(help="Folder written by `collect`.")],
    data: DataSet,
    model: Annotated[Path, typer.Option(help="Folder of the released model that drafts.")],
    out: Annotated[Path, typer.Option(help="Folder for the list, the scans and the drafts.")],
    n: Annotated[int, typer.Option(min=1, help="Number of scans to draw.")] = 50,
    store: Annotated[
        str | None, typer.Option(help="Store scans and drafts in this Orthanc too: its URL.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help=f"User of the server; the password is in {PASSWORD}.")
    ] = None,
) -> None:
    """Rank the scans that nobody has drawn, and draft them to correct in OHIF or 3D Slicer."""
    from adjuvant.network import load_network
    from training.collect.rest import Access, Rest
    from training.propose.proposing import Request
    from training.propose.proposing import propose as run

    with plain_errors():
        rest = None if store is None else Rest(Access(store, user, os.environ.get(PASSWORD)))
        request = Request(collection, data, n)
        send = None if rest is None else rest.store
        found = run(request, load_network(model), out, Console(stderr=True), send)
        for one in found.proposals:
            typer.echo(f"{one.rank:3}  expected error {one.looked.error:.3f}  {one.draft}")
        typer.echo(
            f"{len(found.proposals)} of {found.undrawn} undrawn scans in {out}"
            + (f", {found.refused} cannot be read" if found.refused else "")
        )


COMMANDS = (propose,)
