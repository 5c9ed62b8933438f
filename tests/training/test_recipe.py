"""Every released recipe is valid; a wrong one names file, key and value."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.architectures import ARCHITECTURES, Design
from training.errors import RecipeError
from training.recipe import read_recipe
from training.recipes import RECIPES

STAGE = "[[stages]]\nsize = 256\nepochs = 1\nbatch = 1\nlearning_rate = 1e-3\n"
HEAD = 'name = "a"\nmodel = "thyroid"\n'


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_package_are_valid_and_named_as_their_file(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "sead = 3\n" + STAGE, "sead: Extra inputs are not permitted, got 3"),
        (HEAD + STAGE.replace("1e-3", "-2.0"), r"stages.0.learning_rate: .*, got -2.0"),
        (HEAD + STAGE.replace("256", "250"), "multiple of 16 .*, got 250"),
        (HEAD + STAGE.replace("256", "128"), r"preprocessing.size \(256\), got 128"),
        (
            HEAD + "images_per_epoch = 4\n" + STAGE.replace("batch = 1", "batch = 5"),
            r"stages.0.batch must not be above images_per_epoch \(4\), got 5",
        ),
        (
            HEAD + '[network]\narchitecture = "net"\n' + STAGE,
            "architectures are coarse-unet, unet, got 'net'",
        ),
        (
            HEAD + '[network]\narchitecture = "coarse-unet"\n' + STAGE.replace("256", "272"),
            "multiple of 32 .*, got 272",
        ),
        (
            HEAD + STAGE + 'architecture = "coarse-unet"\n',
            "the last stage has the architecture of the section network",
        ),
        ("name = ", "is not TOML"),
    ],
)
def test_a_wrong_recipe_names_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)


def test_a_missing_recipe_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read .*none\.toml"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_architectures_take_any_size_and_stay_small(name: str) -> None:
    network = ARCHITECTURES[name](Design())
    assert network.input_shape == (None, None, None, 2)
    assert network.output_shape == (None, None, None, 1)
    assert network.count_params() < 2_000_000
