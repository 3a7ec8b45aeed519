"""Every recipe that is shipped loads, and is headed by the command that runs it and the result that it gave."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapterhub.errors import RecipeError
from adapterhub.recipe import Recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted([*ROOT.glob("recipes/**/*.toml"), *ROOT.glob("demo/*.toml")])


def test_there_are_recipes() -> None:
    assert {path.parent.name for path in RECIPES} == {"demo", "recipes", "augmentation", "references"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_loads_and_says_what_it_gives(path: Path) -> None:
    from adapterhub.tasks import get_task

    recipe = Recipe.read(path)
    get_task(recipe.task.name, recipe.task.options)
    assert recipe.base.path is None, "a shipped recipe names its base by id"
    heading = path.read_text(encoding="utf-8").partition("\nname")[0]
    assert f"adapterhub train {path.relative_to(ROOT)}" in heading
    assert "Result" in heading


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_data_that_the_readme_shows_is_a_recipes(readme: str) -> None:
    (block,) = re.findall(
        r"^```toml\n(\[data\]\n.*?)^```$", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    demo = (ROOT / "demo/topic.toml").read_text(encoding="utf-8")
    table = re.search(r"^\[data\]\n(?:(?!\[).*\n)*", demo, re.MULTILINE)
    assert table is not None
    recipe = Recipe.parse(demo.replace(table.group(), block))
    assert recipe.data.leakage == "drop-train"
    assert recipe.data.columns == {"text": "body", "label": "queue"}


def test_a_broken_recipe_is_refused() -> None:
    with pytest.raises(RecipeError):
        Recipe.parse("name = 3")
