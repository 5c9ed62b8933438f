"""The recipes that come with this package, by their names."""

from __future__ import annotations

from pathlib import Path

RECIPES = Path(__file__).parent


def find_recipe(name: str) -> Path:
    """A path as it is; a bare name among the recipes of this package."""
    bundled = RECIPES / f"{name}.toml"
    return bundled if bundled.exists() else Path(name)
