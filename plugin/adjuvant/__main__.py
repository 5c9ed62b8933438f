"""`python -m adjuvant`: the pipeline without Orthanc, for trying and for batches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from adjuvant.batch import Batch, Report, find_files, newest_model, read_file
from adjuvant.errors import ModelFault, Refusal
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.model import Model
from adjuvant.network import load_network
from adjuvant.results.presentation import STANDARD, ColourMap, Language, Presentation

MODELS = Path(__file__).resolve().parents[2] / "models"
INTERPRETATION = "thyroid"
COLOURS = {"done": "green", "skipped": "dim", "refused": "yellow", "failed": "red"}

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Source = Annotated[Path, typer.Argument(exists=True, help="A DICOM file, or a folder of them.")]


@app.command()
def analyze(
    source: Source,
    out: Annotated[Path, typer.Option(file_okay=False, help="Results are written here.")],
    models: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The folder of the models.")
    ] = MODELS,
    png: Annotated[bool, typer.Option("--png", help="Write the fused picture as PNG too.")] = False,
    language: Annotated[
        Language, typer.Option(help="The language of the picture.")
    ] = STANDARD.language,
    colour_map: Annotated[
        ColourMap, typer.Option(help="The colours of counts on the picture.")
    ] = STANDARD.colour_map,
) -> None:
    """Analyse planar thyroid scans: NAME.seg.dcm, NAME.sc.dcm and NAME.sr.dcm for each.

    The exit code is 0 if at least one scan was analysed and no file was refused or failed. Images
    that are no planar thyroid scans are skipped and do not count. It is 1 otherwise, and 2 if
    nothing could be tried. Sources are never changed; earlier results of ours are replaced.
    """
    if source.is_dir() and out.resolve() in (source.resolve(), *source.resolve().parents):
        raise typer.BadParameter("must not be the folder of the sources, nor above it")
    console, errors = Console(), Console(stderr=True)
    files = find_files(source, out)
    try:
        interpretation = INTERPRETATIONS[INTERPRETATION]
        with errors.status("Loading the network"):
            network = load_network(newest_model(models, interpretation.model))
    except ModelFault as fault:
        errors.print(Text(f"{fault}", style="red"))
        raise typer.Exit(2) from fault
    batch = Batch(interpretation, network, Limits(), out, png, Presentation(language, colour_map))
    reports = _run(batch, source, files, errors)
    console.print(_table(reports, source))
    console.print(_summary(reports, network.model))
    if not _all_worked(reports):
        raise typer.Exit(1)


@app.command()
def explain(source: Source) -> None:
    """Say of each file whether it would be analysed as a thyroid scan, and why or why not.

    The exit code is 1 if a file would be refused, and 0 otherwise, whatever the answers are.
    """
    console = Console(soft_wrap=True)
    refused = 0
    for path in find_files(source):
        try:
            data = read_file(path)
            verdict = INTERPRETATIONS[INTERPRETATION].rule(read_header(data))
            if verdict.applies:
                read_scan(data, Limits())
            answer, style = ("yes", "green") if verdict.applies else ("no", "dim")
            line = f"{answer}: {verdict.reason}"
        except Refusal as refusal:
            refused, style, line = refused + 1, "yellow", f"no: {refusal.reason}"
        console.print(Text.assemble(f"{_shown(path, source)}  ", (line, style)))
    if refused:
        raise typer.Exit(1)


def _run(batch: Batch, root: Path, files: list[Path], console: Console) -> list[Report]:
    """Analyse with a progress bar; what goes wrong is said at once, in one line."""
    columns = (TextColumn("Analysing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reports: list[Report] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("files", total=len(files))
        for report in batch.run(root, files):
            if not report.worked:
                line = f"{_shown(report.source, root)}: {report.state}: {report.reason}"
                console.print(Text(line, style=COLOURS[report.state]), soft_wrap=True)
            reports.append(report)
            progress.advance(task)
    return reports


def _table(reports: list[Report], root: Path) -> Table:
    table = Table("file", "result", "view", "gland cm²", "gland / background", "ms", "remarks")
    for report in reports:
        # Texts, because a name with square brackets is no markup.
        name = Text(_shown(report.source, root))
        state = Text(report.state, COLOURS[report.state])
        if not report.measures:
            table.add_row(name, state, "", "", "", "", Text(report.reason))
        for measured in report.measures:
            first = measured is report.measures[0]
            table.add_row(
                name if first else "",
                state if first else "",
                measured.view or "not told",
                _number(measured.gland_area_cm2),
                _number(measured.gland_to_background),
                f"{report.milliseconds:.0f}" if first else "",
                Text("\n".join(report.remarks) if first else ""),
            )
    return table


def _summary(reports: list[Report], model: Model) -> Text:
    counts = {state: sum(report.state == state for report in reports) for state in COLOURS}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no files"
    text = Text(f"{told}. Model {model.name} {model.version}.")
    if model.simulated:
        text.append(" Trained on simulated scans - not for clinical use.", style="bold")
    return text


def _all_worked(reports: list[Report]) -> bool:
    analysed = any(report.state == "done" for report in reports)
    return analysed and all(report.worked for report in reports)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if root.is_dir() else path.name


if __name__ == "__main__":
    app()
