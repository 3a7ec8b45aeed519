"""``train`` before it trains: other values for a recipe's keys, and what a run would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapterhub.recipe import Recipe
from tests.cli.conftest import Run
from tests.train.support import Recipes


@pytest.fixture
def recipe(recipes: Recipes, tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(recipes.text(rows="max_rows = { train = 41 }"), encoding="utf-8")
    return path


def test_what_is_set_is_in_the_recipe_of_the_run(adapterhub: Run, recipe: Path) -> None:
    done = adapterhub(
        "train", recipe, "--run", "run", "--set", "training.epochs=1", "--set", "method.rank = 2", "--json"
    )
    assert done.code == 0, done.err
    ran = Recipe.read(Path("run", "recipe.toml"))
    assert (ran.training.epochs, ran.training.batch_size) == (1, 4)
    assert 'leakage = "warn"  # the rows are made of few words' in ran.text
    again = adapterhub("train", recipe, "--run", "run", "--set", "training.epochs=1", "--json")
    assert "holds a run of another recipe" in again.document["error"]["message"]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("training.epoch=3", "--set training.epoch=3: training.epoch: unknown key"),
        ("training.epochs=many", "training.epochs: expected `int`, got `str`"),
        ("training.epochs", "sets nothing"),
        ("name.inner=1", "name is a value, not a table"),
    ],
)
def test_what_cannot_be_set_is_refused(adapterhub: Run, recipe: Path, assignment: str, said: str) -> None:
    refused = adapterhub("train", recipe, "--set", assignment, "--json")
    assert refused.code == 1
    assert said in refused.document["error"]["message"]
    assert not Path("runs").exists()


def test_a_dry_run_counts_and_leaves_nothing(adapterhub: Run, recipe: Path) -> None:
    done = adapterhub("train", recipe, "--dry-run", "--set", "training.gradient_accumulation=2", "--json")
    assert done.code == 0, done.err
    counted = done.document
    assert counted["rows"] == {"train": 41, "validation": 12, "test": 12}
    assert counted["unused_rows"] == {"train": 3}
    assert sum(counted["labels"].values()) == 41
    assert set(counted["labels"]) == {"chat", "complaint"}
    assert counted["steps"] == 12, "11 batches of 4 make 6 steps of 2, twice"
    assert 0 < counted["longest"] <= 32 < counted["tokens"]
    assert not Path("runs").exists()
    assert "Nothing was trained." in adapterhub("train", recipe, "--dry-run").err


def test_a_dry_run_refuses_what_training_would(adapterhub: Run, recipe: Path) -> None:
    refused = adapterhub("train", recipe, "--dry-run", "--set", 'method.targets=["nowhere"]', "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "recipe")
    assert "nowhere" in refused.document["error"]["message"]
