"""Every recipe that is shipped loads, and is headed by the command that runs it and the result that it gave."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapterhub.errors import RecipeError
from adapterhub.recipe import Recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted([*ROOT.glob("recipes/*.toml"), *ROOT.glob("demo/*.toml")])


def test_there_are_recipes() -> None:
    assert {path.parent.name for path in RECIPES} == {"demo", "recipes"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_loads_and_says_what_it_gives(path: Path) -> None:
    from adapterhub.tasks import get_task

    recipe = Recipe.read(path)
    get_task(recipe.task.name, recipe.task.options)
    assert recipe.base.path is None, "a shipped recipe names its base by id"
    heading = path.read_text(encoding="utf-8").partition("\nname")[0]
    assert f"adapterhub train {path.relative_to(ROOT)}" in heading
    assert "Result" in heading


def test_a_broken_recipe_is_refused() -> None:
    with pytest.raises(RecipeError):
        Recipe.parse("name = 3")
