"""`python -m training`: simulate, train, evaluate, release; data sets and studies are beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adjuvant.screen import print_any_name
from training import data_commands, pretend_commands, propose_commands, study_commands
from training.plain import all_installed, plain_errors
from training.recipes import find_recipe
from training.study_commands import GlandModel

# TensorFlow and Keras are imported inside the commands that need them: help stays instant, and
# TensorFlow's own chatter is silenced before it starts.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow leaves oneDNN off on processors without VNNI, where it is still twice as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

NOTICE = "Everything here is trained on simulated scans – not for clinical use."  # noqa: RUF001

app = typer.Typer(
    help=f"Simulate thyroid scans, train networks on them, measure and release them. {NOTICE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataFolder = Annotated[Path, typer.Option("--data", help="Data set of `outlines` or `simulate`.")]


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to; an interrupted run goes on.")],
    n: Annotated[int, typer.Option(min=1, help="Number of scans.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Other seed, other patients.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as cores by default.")
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DISEASE=SHARE",
            help='Another share of patients with a disease than in a clinic: "cold nodule=0.4". '
            "More than once for several; the others divide what is left.",
        ),
    ] = None,
) -> None:
    """Simulate thyroid scans with their true outlines."""
    from training.simulate import shares_of
    from training.simulate import simulate as run

    with plain_errors():
        run(out, n, seed, workers, shares_of(share or []))


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
    gland: GlandModel = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, time a few steps, stop.")
    ] = False,
) -> None:
    """Train a network by a recipe; run the same command again to resume."""
    from training.foundation import read_foundation
    from training.loading import load_data
    from training.outlines import read_outliner
    from training.recipe import read_recipe
    from training.rehearsal import describe, rehearse
    from training.train import check
    from training.train import train as start

    console = Console()
    with plain_errors():
        plan = read_recipe(find_recipe(recipe))
        foundation = None if start_from is None else read_foundation(start_from)
        check(plan, foundation)  # before scans are read, which takes its time
        outliner = None if gland is None else read_outliner(gland)
        scans = load_data(data, plan, console, outliner=outliner)
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
    out: Annotated[Path, typer.Option(help="Folder for report.html, evaluation.json and .md.")],
    run: Annotated[
        Path | None, typer.Option(help="The model's run: compare patients, not only seeds.")
    ] = None,
    gland: GlandModel = None,
    against: Annotated[
        Path | None, typer.Option(help="Another released version to compare with, scan by scan.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first scans.")] = None,
) -> None:
    """Measure a released model on scans of patients that training never saw."""
    from adjuvant.network import load_network
    from training.loading import watched_cases
    from training.measuring import Question, measure, measure_nodules
    from training.seen import seen_by_model

    console = Console()
    with plain_errors():
        network = load_network(model)
        seen = seen_by_model(network.model, run)
        cases = watched_cases(data, limit, console)
        question = Question(model, out, seen, run, against)
        if gland is not None:
            typer.echo(measure_nodules(cases, (load_network(gland), network), question))
        else:
            typer.echo(measure(cases, network, question))
        typer.echo(f"to look at, or to hand on: {out / 'report.html'}")


@app.command()
def release(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    data: DataFolder,
    folder: Annotated[Path, typer.Option("--to", help="For example models/thyroid/1.0.0.")],
    gland: GlandModel = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="For nodules: scans of other patients to choose the threshold on."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The version in service; the newest one beside --to by default."),
    ] = None,
    mirrored: Annotated[
        bool,
        typer.Option("--mirrored", help="Read the mirror image too: a bit better, twice the time."),
    ] = False,
    foundation_share: Annotated[
        float | None,
        typer.Option(
            min=0.05, max=0.95, help="Go back this part of the way to what the run began with."
        ),
    ] = None,
) -> None:
    """Turn a finished run into a model version, unless it is worse than the one in service.

    DATA must be scans of patients that the run never saw: the frozen test set of a divided data
    set, or all of another one (simulate with another seed). Both versions read the same scans;
    the margins are the recipe's. A network for nodules needs --gland and --validation too.
    """
    from training.datasets.split import frozen_digest
    from training.errors import ReleaseError
    from training.in_service import newest_beside, require_name
    from training.loading import watched_cases
    from training.next_steps import next_steps
    from training.release import REPORT, Request
    from training.release import release as publish
    from training.release_nodules import Scans, release_nodules
    from training.run_folder import read_run

    console = Console()
    with plain_errors():
        # Before anything is said: it may be no run.
        require_name(folder, read_run(run)["recipe"]["model"])
        in_service = against or newest_beside(folder)
        typer.echo(f"compared with {in_service or 'no other version: this is the first'}")
        version, frozen = folder.name, frozen_digest(data)
        request = Request(run, folder, version, in_service, frozen, mirrored, foundation_share)
        cases = watched_cases(data, None, console)
        if gland is not None or validation is not None:
            if gland is None or validation is None:
                raise ReleaseError("a network for nodules needs both --gland and --validation")
            others = watched_cases(validation, None, console, "validation")
            release_nodules(request, gland, Scans(others, cases))
        else:
            publish(request, cases, lambda *_: None)
        typer.echo((folder / "evaluation.md").read_text("utf-8"))
        typer.echo(f"released {folder}; to look at, or to hand on: {folder / REPORT}\n")
        typer.echo(next_steps(folder.resolve().parent.name, folder.name))


@app.command()
def leave_out(
    run: Annotated[Path, typer.Option(help="Folder of a finished run: the training with all.")],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")],
    by: Annotated[
        str, typer.Option(help="Property that tells the groups: camera, centre, collimator …")
    ] = "camera",
    only: Annotated[
        list[str] | None, typer.Option(help="Leave out these; else each one, in turn.")
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="The model that the run began with, if any.")
    ] = None,
) -> None:
    """Train again without one scanner or centre, and say what is lost on its scans.

    As long as a training for each group. An interrupted one goes on with the same command.
    """
    import json

    from training.collect.collection import write_whole
    from training.dataset import any_simulated, read_index
    from training.foundation import read_foundation
    from training.leaving_out import Question
    from training.leaving_out import leave_out as measure
    from training.pages.leaving_out import content, leaving_out_report, markdown
    from training.run_folder import read_run

    with plain_errors():
        foundation = None if start_from is None else read_foundation(start_from)
        losses = measure(Question(run, data, out, by, tuple(only or ()), foundation), Console())
        simulated = any_simulated(read_index(data))
        report = leaving_out_report(by, losses, read_run(run), simulated=simulated)
        write_whole(out / "leaving-out.html", report.encode())
        write_whole(out / "leaving-out.json", json.dumps(content(by, losses), indent=1).encode())
        typer.echo(markdown(by, losses))
        typer.echo(f"to look at, or to hand on: {out / 'leaving-out.html'}")


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


COMMANDS = (
    *data_commands.COMMANDS,
    *propose_commands.COMMANDS,
    *study_commands.COMMANDS,
    *pretend_commands.COMMANDS,
)
for command in COMMANDS:
    app.command()(command)


if __name__ == "__main__":
    print_any_name()
    with all_installed():  # around the imports inside the commands, too
        app()
