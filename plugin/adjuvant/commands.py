"""What `python -m adjuvant` offers: the pipeline without Orthanc, for trying and for batches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from adjuvant.batch import Batch, Report, find_files, newest_models, read_file
from adjuvant.chain import Algorithm
from adjuvant.doctor.command import SUMMARY
from adjuvant.doctor.command import main as see_the_doctor
from adjuvant.errors import Fault, ModelFault, Refusal, RuleFault
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.network import linked, load_network
from adjuvant.results.presentation import STANDARD, ColourMap, Language, Presentation
from adjuvant.rules.ruleset import RuleSet
from adjuvant.site_rules import site_rules

MODELS = Path(__file__).resolve().parents[2] / "models"
INTERPRETATION = "thyroid"
COLOURS = {"done": "green", "skipped": "dim", "refused": "yellow", "failed": "red"}

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Configuration = Annotated[
    Path | None,
    typer.Option(exists=True, help="orthanc.json, or its folder: whose rules to use."),
]
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
    configuration: Configuration = None,
) -> None:
    """Analyse the scans that the rules choose: NAME.seg.dcm, NAME.sc.dcm and NAME.sr.dcm for each.

    The exit code is 0 if at least one scan was analysed and no file was refused or failed. Images
    to which no rule applies are skipped and do not count. It is 1 otherwise, and 2 if
    nothing could be tried. Sources are never changed; earlier results of ours are replaced.
    """
    if source.is_dir() and out.resolve() in (source.resolve(), *source.resolve().parents):
        raise typer.BadParameter("must not be the folder of the sources, nor above it")
    rules = _rules(configuration)
    console, errors = Console(), Console(stderr=True)
    files = find_files(source, out)
    try:
        interpretation = INTERPRETATIONS[INTERPRETATION]
        with errors.status("Loading the network"):
            newest = newest_models(models, interpretation)
            network = linked([load_network(folder) for folder in newest])
    except ModelFault as fault:
        errors.print(Text(f"{fault}", style="red"))
        raise typer.Exit(2) from fault
    batch = Batch(
        interpretation, network, Limits(), out, png, Presentation(language, colour_map), rules
    )
    reports = _run(batch, source, files, errors)
    console.print(_table(reports, source))
    console.print(_summary(reports, network.algorithm))
    if not _all_worked(reports):
        raise typer.Exit(1)


@app.command()
def explain(source: Source, configuration: Configuration = None) -> None:
    """Say of each file whether it would be analysed, by which rule, and why or why not.

    The exit code is 1 if a file would be refused or cannot be read, and 0 otherwise, whatever the
    answers are.
    """
    rules = _rules(configuration)
    console = Console(soft_wrap=True)
    files, bad = find_files(source), 0
    if not files:
        console.print("no files")
    for path in files:
        try:
            lines = _explanations(read_file(path), rules)
        except Refusal as refusal:
            bad, lines = bad + 1, [(COLOURS["refused"], f"no: {refusal.reason}")]
        except OSError as fault:
            reason = fault.strerror or type(fault).__name__
            bad, lines = bad + 1, [(COLOURS["failed"], f"failed: {reason}")]
        for style, line in lines:
            console.print(Text.assemble(f"{_shown(path, source)}  ", (line, style)))
    if bad:
        raise typer.Exit(1)


@app.command(
    help=SUMMARY,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def doctor(context: typer.Context) -> None:
    """`adjuvant.__main__` goes there directly; this is for who lists the commands."""
    raise typer.Exit(see_the_doctor(context.args))


def _rules(configuration: Path | None) -> RuleSet:
    """Those of a configuration, else those that are in force where nobody says otherwise."""
    try:
        return site_rules(configuration)
    except (Fault, RuleFault) as fault:
        raise typer.BadParameter(str(fault)) from fault


def _explanations(data: bytes, rules: RuleSet) -> list[tuple[str, str]]:
    """Style and line of every rule; raises Refusal for a scan that cannot be read after all."""
    judgements = rules.judge(read_header(data))
    if any(one.decides for one in judgements):
        read_scan(data, Limits())
    lines = []
    for one in judgements:
        answer, style = ("yes", "green") if one.verdict.applies else ("no", "dim")
        named = f"{one.rule.name}: " if len(rules.rules) > 1 else ""
        shadowed = "" if one.decides or not one.verdict.applies else " (a rule before decides)"
        lines.append((style, f"{named}{answer}: {one.verdict.reason}{shadowed}"))
    return lines


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


def _summary(reports: list[Report], made_by: Algorithm) -> Text:
    counts = {state: sum(report.state == state for report in reports) for state in COLOURS}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no files"
    text = Text(f"{told}. Model {made_by.title}.")
    if made_by.simulated:
        text.append(" Trained on simulated scans - not for clinical use.", style="bold")
    return text


def _all_worked(reports: list[Report]) -> bool:
    analysed = any(report.state == "done" for report in reports)
    return analysed and all(report.worked for report in reports)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if root.is_dir() else path.name
