"""`python -m training`: data sets (data_commands.py), simulate, train, evaluate, release."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training import data_commands, pretend_commands, propose_commands
from training.plain import plain_errors

if TYPE_CHECKING:
    from adjuvant.network import Network
    from training.phantom.case import Case
    from training.seen import Seen

# TensorFlow and Keras are imported inside the commands that need them: help stays instant, and
# TensorFlow's own chatter is silenced before it starts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow leaves oneDNN off on processors without VNNI, where it is still twice as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

NOTICE = "Everything here is trained on simulated scans – not for clinical use."  # noqa: RUF001
RECIPES = Path(__file__).parent / "recipes"

app = typer.Typer(
    help=f"Simulate thyroid scans, train networks on them, measure and release them. {NOTICE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

GlandModel = Annotated[
    Path | None,
    typer.Option(help="For a network that looks for nodules: the model that outlines the gland."),
]
DataFolder = Annotated[Path, typer.Option("--data", help="Folder written by `simulate`.")]


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to; an interrupted run goes on.")],
    n: Annotated[int, typer.Option(min=1, help="Number of scans.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Other seed, other patients.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as cores by default.")
    ] = None,
) -> None:
    """Simulate thyroid scans with their true outlines."""
    from training.simulate import simulate as run

    with plain_errors():
        run(out, n, seed, workers)


@app.command()
def sheet(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    n: Annotated[int, typer.Option(min=1, help="Number of scans to show.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Which scans.")] = 1,
) -> None:
    """Draw a contact sheet of simulated scans with their outlines."""
    from training.sheet import sheet as run

    with plain_errors():
        run(data, out, n, seed)


@app.command()
def train(
    recipe: Annotated[str, typer.Option(help="A TOML file, or the name of a recipe here.")],
    data: DataFolder,
    run: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one resumes.")],
    start_from: Annotated[
        Path | None,
        typer.Option("--from", help="A released model to begin with: models/thyroid/0.1.0."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, time a few steps, stop.")
    ] = False,
) -> None:
    """Train a network by a recipe; run the same command again to resume."""
    from training.foundation import read_foundation
    from training.loading import load_data
    from training.recipe import read_recipe
    from training.rehearsal import describe, rehearse
    from training.train import train as start

    console = Console()
    with plain_errors():
        plan = read_recipe(find_recipe(recipe))
        foundation = None if start_from is None else read_foundation(start_from)
        scans = load_data(data, plan, console)
        describe(plan, scans, console)
        if dry_run:
            rehearse(plan, scans, console)
            return
        try:
            state = start(plan, scans, run, console, foundation)
        except KeyboardInterrupt:
            console.print(f"interrupted; the same command resumes from the last epoch in {run}")
            raise typer.Exit(130) from None
        console.print(f"done: validation Dice {state.best_dice:.4f}, weights in {run}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of a released model version.")],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json, .md and worst.png.")],
    run: Annotated[
        Path | None, typer.Option(help="The model's run: compare patients, not only seeds.")
    ] = None,
    gland: GlandModel = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first scans.")] = None,
) -> None:
    """Measure a released model on scans of patients that training never saw."""
    from adjuvant.network import load_network
    from training.evaluate import evaluate as measure
    from training.loading import watched_cases
    from training.pictures import Worst, draw_worst
    from training.report import markdown, write_evaluation
    from training.seen import seen_by_model

    console = Console()
    with plain_errors():
        network = load_network(model)
        seen = seen_by_model(network.model, run)
        if gland is not None:
            cases = watched_cases(data, limit, console)
            typer.echo(_evaluate_nodules((load_network(gland), network), seen, cases, out))
            return
        worst = Worst()
        measured = measure(watched_cases(data, limit, console), network, seen, worst.see)
        write_evaluation(measured, out)
        draw_worst(worst, out / "worst.png")
        typer.echo(markdown(measured))


@app.command()
def release(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    data: DataFolder,
    folder: Annotated[Path, typer.Option("--to", help="For example models/thyroid/0.1.0.")],
    gland: GlandModel = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="For nodules: scans of other patients to choose the threshold on."),
    ] = None,
) -> None:
    """Turn a finished run into a model version: weights, contract, measured figures, card.

    DATA must be scans of patients that the run never saw: simulate them with another seed.
    A network for nodules needs --gland and --validation too.
    """
    from training.errors import ReleaseError
    from training.loading import watched_cases
    from training.release import Request
    from training.release import release as publish
    from training.release_nodules import Scans, release_nodules
    from training.report import markdown

    console = Console()
    with plain_errors():
        request = Request(run, folder, folder.name)
        if gland is not None or validation is not None:
            if gland is None or validation is None:
                raise ReleaseError("a network for nodules needs both --gland and --validation")
            scans = Scans(
                watched_cases(validation, None, console, "validation"),
                watched_cases(data, None, console),
            )
            release_nodules(request, gland, scans)
            typer.echo((folder / "evaluation.md").read_text("utf-8"))
            typer.echo(f"released {folder}")
            return
        measured = publish(request, watched_cases(data, None, console), lambda *_: None)
        typer.echo(markdown(measured))
        typer.echo(f"released {folder}")


def _evaluate_nodules(
    networks: tuple[Network, Network], seen: Seen, cases: Iterable[Case], out: Path
) -> str:
    """Measure (gland, nodules) and write the files; the report."""
    from training.lesion_report import lesion_markdown, write_lesions
    from training.lesions import read_cases, summarise
    from training.seen import seen_by_model

    gland, nodules = networks
    readings = read_cases(cases, networks, (seen, seen_by_model(gland.model)))
    measured = summarise(readings, nodules.model.output.threshold)
    about = f"Glands by {gland.model.name} {gland.model.version}."
    write_lesions(measured, about, out)
    return lesion_markdown(measured, about)


@app.command()
def sample(
    model: Annotated[Path, typer.Option(help="Folder of a released version without a sample.")],
) -> None:
    """Give a model version that was released without one its sample: inputs and its answers.

    The plugin checks it where the model is to run. Neither the weights nor the digest change.
    """
    from training.release import write_contract
    from training.sample import completed

    with plain_errors():
        write_contract(completed(model), model)
        typer.echo(f"{model} has a sample now")


def find_recipe(name: str) -> Path:
    """A path as it is; a bare name among the recipes of this package."""
    bundled = RECIPES / f"{name}.toml"
    return bundled if bundled.exists() else Path(name)


COMMANDS = (*data_commands.COMMANDS, *propose_commands.COMMANDS, *pretend_commands.COMMANDS)
for command in COMMANDS:
    app.command()(command)


if __name__ == "__main__":
    app()
