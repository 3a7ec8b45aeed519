from __future__ import annotations

import tomllib

import pytest

from adapterhub.errors import RecipeError
from adapterhub.recipe.changes import assignment, changed, without

TEXT = """# why
name = "a"
[task]
options = { max_length = 128 }
[training]
epochs = 4  # enough
[search]
trials = 3
[search.space]
"training.epochs" = { low = 1, high = 2 }
"""


def test_values_change_and_comments_stay() -> None:
    text = changed(TEXT, {"training.epochs": 2, "task.options.max_length": 64, "training.early_stopping.patience": 1})
    assert "# why" in text
    assert "epochs = 2  # enough" in text
    document = tomllib.loads(text)
    assert document["task"]["options"] == {"max_length": 64}
    assert document["training"] == {"epochs": 2, "early_stopping": {"patience": 1}}


def test_a_part_of_a_key_may_hold_dots() -> None:
    text = changed(TEXT, {'training.pattern."layer.0.query"': 2})
    assert tomllib.loads(text)["training"]["pattern"] == {"layer.0.query": 2}


def test_a_table_goes_with_all_that_is_in_it() -> None:
    kept = without(TEXT, "search")
    assert set(tomllib.loads(kept)) == {"name", "task", "training"}
    assert "# why" in kept


@pytest.mark.parametrize("key", ["", "a b", "a = 1\nb", "name.inner"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(RecipeError):
        changed(TEXT, {key: 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("training.epochs=3", 3),
        ("training.rate = 1e-3", 1e-3),
        ("method.targets=['query', \"value\"]", ["query", "value"]),
        ("training.schedule=cosine", "cosine"),
        ('training.schedule="cosine"', "cosine"),
        ("name=a=b", "a=b"),
        ("method.dora=true", True),
    ],
)
def test_an_assignment_holds_a_value_of_toml_or_a_bare_word(text: str, value: object) -> None:
    assert assignment(text) == (text.partition("=")[0].strip(), value)


@pytest.mark.parametrize("text", ["training.epochs", "=3", "two words=3"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        assignment(text)
