"""``[search]`` is read whole or refused with its place, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapterhub.errors import RecipeError
from adapterhub.recipe import Recipe
from adapterhub.recipe.search import Choices, Range, Search

PLAIN = (Path(__file__).parents[2] / "recipes" / "sms-spam-lora.toml").read_text(encoding="utf-8")


def search(space: str, top: str = "") -> Search:
    return Search.parse(f"{PLAIN}\n[search]\n{top}\n[search.space]\n{space}\n", "r.toml")


def refusal(space: str, top: str = "") -> RecipeError:
    with pytest.raises(RecipeError) as refused:
        search(space, top)
    assert refused.value.message.startswith("r.toml: search.")
    return refused.value


def test_a_search_holds_its_space_and_a_recipe_that_is_whole_without_it() -> None:
    found = search(
        """
        "training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
        "training.weight_decay" = { low = 0, high = 1 }
        "training.epochs" = { low = 2, high = 6, step = 2 }
        "task.options.max_length" = { low = 64, high = 128 }
        "data.max_rows.train" = { low = 10, high = 20 }
        "method.targets" = { choices = [["query"], "query|value"] }
        """,
        'metric = "accuracy"\ntrials = 7\npruner = "halving"\nseed = 5',
    )
    assert found.space == {
        "training.learning_rate": Range(low=1e-4, high=1e-2, log=True),
        "training.weight_decay": Range(low=0, high=1),  # a rate takes fractions, however its ends are written
        "training.epochs": Range(low=2, high=6, step=2, whole=True),
        "task.options.max_length": Range(low=64, high=128, whole=True),
        "data.max_rows.train": Range(low=10, high=20, whole=True),
        "method.targets": Choices(choices=[["query"], "query|value"]),
    }
    assert (found.metric, found.trials, found.pruner, found.seed) == ("accuracy", 7, "halving", 5)
    assert found.recipe == Recipe.parse(found.recipe.text)
    assert "search" not in found.recipe.text
    assert found.variant({"training.epochs": 3, "method.targets": ["query"]}).training.epochs == 3


def test_choices_that_are_no_scalars_go_by_their_json() -> None:
    assert Choices(choices=[["query"], 4, True]).by_label() == {'["query"]': ["query"], 4: 4, True: True}


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ('"training.learning_rat" = { low = 1e-4, high = 1e-2 }', "training.learning_rat: unknown key"),
        ('"method.length" = { low = 1, high = 2 }', "method.length: unknown key"),
        ('"training.epochs" = { low = 4, high = 2 }', '"training.epochs": low 4 is above high 2'),
        ('"training.epochs" = { low = 1.5, high = 3 }', "training.epochs takes whole numbers"),
        ('"training.epochs" = { low = 1, high = 3, step = 0.5 }', "training.epochs takes whole numbers"),
        ('"training.schedule" = { low = 1, high = 2 }', "training.schedule takes no numbers"),
        ('"training.epochs" = { choices = [] }', '"training.epochs": choices: empty'),
        ('"training.epochs" = { choices = [1, "two"] }', "= 'two': training.epochs: expected `int`, got `str`"),
        ('"method.rank" = { low = 0, high = 4 }', "= 0: method.rank: expected `int` >= 1"),
        ('"training.warmup" = { low = 0.0, high = 1.0 }', "= 1.0: training.warmup: expected `float` < 1.0"),
        ('"training.learning_rate" = { low = 0, high = 1, log = true }', "log: there is no logarithm of low 0"),
        ('"training.epochs" = { low = 1, high = 8, log = true, step = 2 }', "log: excludes step"),
        ('"training.epochs" = { low = 1, hig = 2 }', '"training.epochs".hig: unknown key'),
        ('"training.epochs" = { low = 1 }', '"training.epochs": object missing required field `high`'),
        ('"training.epochs" = { low = 1, high = "2" }', '"training.epochs".high: expected'),
        ("training.epochs = { low = 1, high = 2 }", '"training": has neither choices nor low and high'),
        ('"a b" = { low = 1, high = 2 }', '"a b": not a key'),
        ('"data.test" = { choices = ["a", "b"] }', "not be compared on the same validation rows"),
        ("", "search.space: empty"),
    ],
)
def test_a_dimension_that_cannot_be_searched_is_refused_with_its_place(space: str, said: str) -> None:
    assert said in refusal(space).message


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("trails = 3", "search.trails: unknown key"),
        ("trials = 0", "search.trials: expected `int` >= 1"),
        ('pruner = "hope"', "search.pruner: invalid enum value"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_place(top: str, said: str) -> None:
    assert said in refusal('"training.epochs" = { low = 1, high = 2 }', top).message


def test_a_recipe_without_a_search_cannot_be_searched_and_one_with_it_not_trained() -> None:
    with pytest.raises(RecipeError, match="search: missing"):
        Search.parse(PLAIN, "r.toml")
    with pytest.raises(RecipeError, match="search: is for `adapterhub tune`"):
        Recipe.parse(PLAIN + '\n[search.space]\n"training.epochs" = { low = 1, high = 2 }\n')
