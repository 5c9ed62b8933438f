"""The commands of `python -m training`: each works, and each error is one line and exit code 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from click.testing import Result
from ellipses import ellipse_case
from typer.testing import CliRunner

from training.__main__ import NOTICE, app
from training.dataset import write_case, write_index
from training.pseudonyms import write_key
from training.recipes import RECIPES, find_recipe

ROOT = Path(__file__).parents[2]
TINY = """
name = "tiny"
model = "thyroid"
images_per_epoch = 16
minimum_area_pixels = 3
split = 0.5
[network]
filters = 2
depth = 1
[preprocessing]
size = 32
[[stages]]
size = 32
epochs = 1
batch = 8
learning_rate = 0.01
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def data_set(folder: Path, first: int, count: int = 16) -> Path:
    cases = [ellipse_case(number) for number in range(first, first + count)]
    write_index(folder, [write_case(folder, case) for case in cases])
    return folder


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, scans to train on and scans of other patients."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "tiny.toml").write_text(TINY)
    data_set(folder / "data", 0)
    data_set(folder / "others", 100, 6)
    return folder


@pytest.fixture(scope="module")
def released(here: Path) -> Path:
    """A model trained and released by the commands themselves."""
    trained = call(
        "train", "--recipe", here / "tiny.toml", "--data", here / "data", "--run", here / "run"
    )
    assert trained.exit_code == 0, trained.output
    assert "done: validation Dice" in trained.output
    folder = here / "models" / "thyroid" / "0.0.1"
    answer = call("release", "--run", here / "run", "--data", here / "others", "--to", folder)
    assert answer.exit_code == 0, answer.output
    assert "Training never saw any of them (checked patient by patient)" in answer.output
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "",
        *sorted(
            command.name or command.callback.__name__.replace("_", "-")
            for command in app.registered_commands
        ),
    ],
)
def test_every_command_has_help(command: str) -> None:
    answer = call(*([command] if command else []), "--help")
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_every_option_of_every_command_is_explained() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) == len(app.registered_commands)
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in commands.items()
        for option in command.params
        if not getattr(option, "help", None)
    ]
    assert silent == []


def test_help_says_what_all_of_it_is_trained_on() -> None:
    assert "trained on simulated scans" in NOTICE
    assert "not for clinical use" in " ".join(call("--help").output.split())


def test_bundled_recipes_are_found_by_name(tmp_path: Path) -> None:
    assert find_recipe("thyroid-0.1") == RECIPES / "thyroid-0.1.toml"
    assert find_recipe(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"


def one_line(answer: Result) -> str:
    """The error of a command that failed as it should."""
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("error: ")
    return answer.stderr


def test_an_unknown_recipe_is_named(here: Path) -> None:
    answer = call("train", "--recipe", "lung-1.0", "--data", here / "data", "--run", here / "no")
    assert "cannot read lung-1.0: No such file" in one_line(answer)


def test_a_missing_data_folder_is_named(here: Path) -> None:
    arguments = ["--recipe", here / "tiny.toml", "--run", here / "no"]
    assert "none/index.csv" in one_line(call("train", *arguments, "--data", here / "none"))
    arguments = ["--out", here / "no.png", "--data", here / "none"]
    assert "none/index.csv" in one_line(call("sheet", *arguments))


def test_a_missing_model_or_run_is_named(here: Path) -> None:
    arguments = ["--data", here / "others", "--out", here / "no"]
    assert "none/model.json" in one_line(call("evaluate", "--model", here / "none", *arguments))
    arguments = ["--data", here / "others", "--to", here / "models" / "0.0.9"]
    assert "none is not a run" in one_line(call("release", "--run", here / "none", *arguments))


def test_a_dry_run_times_the_training_and_writes_nothing(here: Path) -> None:
    arguments = ["--recipe", here / "tiny.toml", "--data", here / "data", "--run", here / "dry"]
    answer = call("train", *arguments, "--dry-run")
    assert answer.exit_code == 0, answer.output
    assert "stage 1: 1 epochs of 16 images at 32 x 32, batches of 8" in answer.output
    assert "images/s" in answer.output
    assert not (here / "dry").exists()


def test_a_dry_run_checks_what_the_training_would_refuse(here: Path) -> None:
    frozen = (here / "tiny.toml").read_text("utf-8") + "frozen_encoder = true\n"
    (here / "frozen.toml").write_text(frozen, "utf-8")
    arguments = ["--recipe", here / "frozen.toml", "--data", here / "data", "--run", here / "dry"]
    answer = call("train", *arguments, "--dry-run")
    assert "begin with a released model (--from)" in one_line(answer)


def test_a_version_is_released_among_those_of_its_own_model(here: Path, released: Path) -> None:
    assert released.exists()
    arguments = ["--run", here / "run", "--data", here / "others"]
    answer = call("release", *arguments, "--to", here / "models" / "st-mary" / "1.0.0")
    right = here / "models" / "thyroid" / "1.0.0"
    assert f"is for the model thyroid: release it to {right}" in one_line(answer)
    assert not (here / "models" / "st-mary").exists()


def test_a_release_is_evaluated_against_its_run(here: Path, released: Path) -> None:
    arguments = ["--model", released, "--out", here / "out", "--run", here / "run"]
    answer = call("evaluate", *arguments, "--data", here / "others", "--limit", 4)
    assert answer.exit_code == 0, answer.output
    assert "Measured on 4 simulated scans of 2 patients. Training never saw" in answer.output
    assert json.loads((here / "out" / "evaluation.json").read_text())["scans"] == 4
    assert (here / "out" / "worst.png").exists()
    answer = call("evaluate", *arguments, "--data", here / "data")
    assert "case0 is of a patient of the training data" in one_line_after_progress(answer)


def one_line_after_progress(answer: Result) -> str:
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    return answer.stderr


def test_without_the_run_it_is_not_claimed_that_training_never_saw(
    here: Path, released: Path
) -> None:
    answer = call("evaluate", "--model", released, "--out", here / "o2", "--data", here / "others")
    assert answer.exit_code == 0, answer.output
    assert "Not checked: whether training saw them" in answer.output


def test_simulating_needs_no_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from training.__main__ import app\n"
        "runner = CliRunner()\n"
        "assert runner.invoke(app, ['--help']).exit_code == 0\n"
        "answer = runner.invoke(app, sys.argv[1:])\n"
        "assert answer.exit_code == 0, answer.output\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'plugin'}{os.pathsep}{ROOT}"}
    arguments = ["simulate", "--out", str(tmp_path), "--n", "1", "--workers", "1"]
    answer = subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.stdout == "[]\n", answer.stderr
    assert len(list((tmp_path / "cases").glob("*.npz"))) == 1


def test_a_missing_package_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import runpy, sys; sys.modules['dicomanonymizer'] = None;"
        "runpy.run_module('training', run_name='__main__', alter_sys=True)"
    )
    given = ["collect", "--folder", tmp_path, "--key", tmp_path / "key", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "plugin"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = "dicomanonymizer is not installed; make setup-dev installs what training needs"
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")


def test_a_file_whose_name_is_no_text_is_collected_and_named(tmp_path: Path) -> None:
    scans, key = tmp_path / "scans", tmp_path / "key"
    scans.mkdir()
    (scans / os.fsdecode(b"Schilddr\xfcse.dcm")).symlink_to("/proc/self/mem")  # cannot be read
    write_key(key)
    given = ["--folder", scans, "--key", key, "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "training", "collect", *map(str, given)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "plugin"), str(ROOT)]),
            "PYTHONIOENCODING": "utf-8:strict",  # as in every locale but C
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("new: 1 fault; known before: 0\n")
    assert r"Schilddr\udcfcse.dcm: cannot read" in done.stdout
