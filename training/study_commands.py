"""The commands that answer a question with several networks or methods: what more scans are worth,
how good a recipe is, what else would outline a gland."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from training.plain import plain_errors
from training.recipes import find_recipe

Recipe = Annotated[str, typer.Option(help="A TOML file, or the name of a recipe here.")]
Data = Annotated[Path, typer.Option(help="Folder of scans to learn from.")]
Begin = Annotated[
    Path | None, typer.Option("--from", help="A released model that each of them begins with.")
]

GlandModel = Annotated[
    Path | None,
    typer.Option(help="For a network that looks for nodules: the model that outlines the gland."),
]


def learning_curve(
    recipe: Recipe,
    data: Data,
    test: Annotated[Path, typer.Option(help="Folder of scans of other patients to measure on.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, the table and the figure.")],
    sizes: Annotated[
        list[int] | None, typer.Option("--size", help="So many scans: 94, 200 and 1800.")
    ] = None,
    start_from: Begin = None,
) -> None:
    """Train on 94, 200 and 1800 scans, and show what each number is worth on the same test scans.

    As long as a training for each. An interrupted one goes on with the same command.
    """
    from training.dataset import any_simulated, read_index
    from training.foundation import read_foundation
    from training.learning_curve import SIZES, Question, content, draw, markdown
    from training.learning_curve import learning_curve as study
    from training.recipe import read_recipe

    with plain_errors():
        plan = read_recipe(find_recipe(recipe))
        foundation = None if start_from is None else read_foundation(start_from)
        wanted = tuple(sizes) if sizes else SIZES
        points = study(Question(plan, data, test, out, wanted, foundation), Console())
        simulated = any_simulated(read_index(test))
        table = markdown(points, simulated=simulated)
        _write(out, "learning-curve", table, content(points))
        draw(points, out / "learning-curve.svg", simulated=simulated)
    typer.echo(table)
    typer.echo(f"drawn in {out / 'learning-curve.svg'}")


def cross_validate(
    recipe: Recipe,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the runs and the table.")],
    folds: Annotated[int, typer.Option(min=2, max=20, help="So many networks.")] = 5,
    start_from: Begin = None,
    gland: GlandModel = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Make one network of all of them, to be released.")
    ] = False,
) -> None:
    """Train a network for each fold of the patients, and measure each patient by the one whose
    training left him out: how good a recipe is where scans are too few for a test set.

    As long as a training for each. An interrupted one goes on with the same command.
    """
    from training import cross_validation, nodule_folds
    from training.dataset import any_simulated, read_index
    from training.ensemble import Folds, combine
    from training.foundation import read_foundation
    from training.recipe import read_recipe

    with plain_errors():
        plan = read_recipe(find_recipe(recipe))
        foundation = None if start_from is None else read_foundation(start_from)
        console = Console()
        question = cross_validation.Question(plan, data, out, folds, foundation, gland)
        simulated = any_simulated(read_index(data))
        result: Folds
        if gland is None:
            result = glands = cross_validation.cross_validate(question, console)
            table = cross_validation.markdown(glands, simulated=simulated)
            figures = cross_validation.content(glands)
        else:
            result = nodules = nodule_folds.cross_validate_nodules(question, gland, console)
            table = nodule_folds.markdown(nodules, simulated=simulated)
            figures = nodule_folds.content(nodules)
        _write(out, "cross-validation", table, figures)
        typer.echo(table)
        if ensemble:
            run = combine(question, result, console)
            typer.echo(f"the mean of all {folds} networks is a run to be released: {run}")


def methods(
    data: Annotated[Path, typer.Option(help="Folder of scans to compare on.")],
    out: Annotated[Path, typer.Option(help="Folder for the table.")],
    model: Annotated[
        list[Path], typer.Option(help="A released version; all others are compared with the first.")
    ],
    masks: Annotated[
        list[str] | None,
        typer.Option(help="Another program's masks, one PNG for each case: NAME=FOLDER."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first scans.")] = None,
) -> None:
    """Compare released versions with fixed thresholds, Otsu's, and the masks of other programs."""
    from adjuvant.network import load_network
    from training.dataset import any_simulated, read_index
    from training.loading import watched_cases
    from training.methods import compare, content, markdown, masks_in, network, otsu, threshold
    from training.seen import seen_by_model

    with plain_errors():
        others = [_named(one) for one in masks or ()]
        loaded = [load_network(one) for one in model]
        chosen = [network(one, seen_by_model(one.model)) for one in loaded]
        chosen += [masks_in(folder, name) for name, folder in others]
        chosen += [threshold(0.2), threshold(0.4), otsu()]
        results = compare(watched_cases(data, limit, Console()), chosen)
        simulated = any_simulated(read_index(data))
        table = markdown(results, simulated=simulated)
        _write(out, "methods", table, content(results))
    typer.echo(table)


def _write(out: Path, name: str, table: str, content: dict[str, Any]) -> None:
    """A study as `name`.md for reading and `name`.json."""
    from training.collect.collection import write_whole

    write_whole(out / f"{name}.md", table.encode())
    write_whole(out / f"{name}.json", json.dumps(content, indent=1).encode())


def _named(text: str) -> tuple[str, Path]:
    """NAME=FOLDER. Raises BadParameter for anything else."""
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise typer.BadParameter(f"--masks is NAME=FOLDER, got {text!r}")
    return name, Path(folder)


COMMANDS = (learning_curve, cross_validate, methods)
