"""The commands that pretend to be a department, a physician, an annotator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.plain import plain_errors

Simulated = Annotated[Path, typer.Option("--data", help="Folder written by `simulate`.")]


def simulate_department(
    data: Simulated,
    out: Annotated[Path, typer.Option(help="Folder for scans/ (DICOM) and rois/ (PNG).")],
    drawn: Annotated[int, typer.Option(min=0, help="So many scans have an outline.")] = 100,
) -> None:
    """Write simulated scans as a department has them: DICOM files, some of them with an outline."""
    from training.phantom.department import write_department

    with plain_errors():
        scans, outlines = write_department(data, out, drawn)
    typer.echo(f"{scans} scans and {outlines} outlines in {out}")


def simulate_corrections(
    data: Simulated,
    orthanc: Annotated[str, typer.Option(help="The Orthanc that holds scans and results: URL.")],
    n: Annotated[int, typer.Option(min=1, help="Number of results to correct.")] = 10,
) -> None:
    """Pretend to be the physician who corrects our results of simulated scans in a viewer."""
    from training.collect.rest import Access, Rest
    from training.phantom.physician import correct

    with plain_errors():
        corrected = correct(Rest(Access(orthanc)), data, n)
    typer.echo(f"{corrected} results corrected, as a viewer saves them")


def annotator(
    data: Simulated,
    out: Annotated[Path, typer.Option(help="Folder for study.json and study.png.")],
    repeats: Annotated[int, typer.Option(min=1, help="How often all begins anew.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 8,
    drawn: Annotated[
        list[int] | None, typer.Option(help="Drawn scans at each round; 6, 12, 24 and 48.")
    ] = None,
) -> None:
    """Let a simulated annotator show how many drawn scans `propose` saves against chance."""
    from training.propose.annotator import Plan, simulate_annotator
    from training.propose.curves import draw_study, table

    with plain_errors():
        rounds = tuple(drawn) if drawn else Plan().drawn
        plan = Plan(drawn=rounds, repeats=repeats, epochs=epochs)
        study = simulate_annotator(data, out, plan, Console(stderr=True))
        draw_study(study, out / "study.png")
    typer.echo(table(study))


COMMANDS = (simulate_department, simulate_corrections, annotator)
