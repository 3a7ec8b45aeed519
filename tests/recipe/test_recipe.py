"""What a recipe says is taken as it stands, and what it says wrongly is named with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from adapterhub.errors import RecipeError
from adapterhub.recipe import EarlyStopping, Lora, Prefix, Recipe

TEXT = """
name = "intent"
licence = "apache-2.0"  # of the adapter

[base]
id = "acme/encoder"
# the copy on this machine
path = "/models/encoder"
revision = "abc"

[task]
name = "text-classification"
options = { max_length = 64 }

[data]
name = "tickets"
licence = "cc0-1.0"
file = "tickets.jsonl"
columns = { text = "body", label = "queue" }

[data.split]
validation = 0.1
test = 0.2

[method]
kind = "lora"
rank = 4
targets = ["query"]

[training]
learning_rate = 1e-3
epochs = 3

[training.early_stopping]
patience = 2
"""
FILE = 'file = "tickets.jsonl"'
PREFIX = 'kind = "prefix"\nlength = 16'
LORA = 'kind = "lora"\nrank = 4\ntargets = ["query"]'


def changed(before: str, after: str) -> str:
    assert before in TEXT
    return TEXT.replace(before, after, 1)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert Recipe.read(path).text == TEXT


def test_values_arrive() -> None:
    recipe = Recipe.parse(TEXT)
    assert recipe.base.path == "/models/encoder"
    assert recipe.task.options == {"max_length": 64}
    assert recipe.data.columns == {"text": "body", "label": "queue"}
    assert recipe.data.split is not None
    assert recipe.data.split.test == 0.2
    assert recipe.method == Lora(rank=4, targets=["query"])
    assert recipe.training.early_stopping == EarlyStopping(patience=2)
    assert recipe.text == TEXT


def test_a_prefix() -> None:
    assert Recipe.parse(changed(LORA, PREFIX)).method == Prefix(length=16)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Recipe.parse(TEXT).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("before", "after", "place", "hint"),
    [
        (FILE, FILE + '\nleakage = "drop"', "data.leakage: invalid enum value 'drop'", "Correct"),
        (FILE, FILE + "\nleakage_threshold = 0.4", "data.leakage_threshold: expected `float` >= 0.5", "Correct"),
        (FILE, FILE + '\nformat = "xls"', "data.format: invalid enum value 'xls'", "Correct"),
        (FILE, FILE + '\nformat = "csv"\nhub = { id = "acme/t" }', "data.format: excludes data.hub", "own format"),
        (FILE, FILE + '\nhub = { name = "acme/t" }', "data.hub.name: unknown key", "config, id, revision"),
        (FILE, FILE + "\nmax_rows = { trian = 3 }", "data.max_rows.trian: unknown key", "data.max_rows.train"),
        (FILE, FILE + "\nshots = 2\nmax_rows = { train = 3 }", "data.shots: excludes data.max_rows.train", "one"),
        (FILE, FILE + "\nshots = 0", "data.shots: expected `int` >= 1", "Correct"),
        ("epochs = 3", "epochs = 3\nclass_weights = { a = 0 }", "training.class_weights[...]: expected", "Correct"),
        ("epochs = 3", "epoch = 3", "training.epoch: unknown key", "training.epochs"),
        ("rank = 4", "rnak = 4", "method.rnak: unknown key", "method.rank"),
        ("[training]", "[trainign]", "trainign: unknown key", "training"),
        (
            "patience = 2",
            "patience = 2\nmetrc = 'f1'",
            "training.early_stopping.metrc:",
            "early_stopping.metric",
        ),
        ("validation = 0.1", "valid = 0.1", "data.split.valid: unknown", "data.split.validation"),
        (LORA, PREFIX + "\nrank = 4", "method.rank: unknown key", "kind, length, projection"),
        ('name = "intent"', 'name = "intent"\ntext = "x"', "text: unknown key", "task"),
        ("epochs = 3", 'epochs = "3"', "training.epochs: expected `int`", "Correct"),
        ("epochs = 3", "epochs = 0", "training.epochs: expected `int` >= 1", "Correct"),
        ("1e-3", "0", "training.learning_rate: expected", "Correct"),
        ("rank = 4", "rank = 4\ndropout = 1.0", "method.dropout: expected", "Correct"),
        ('targets = ["query"]', "targets = []", "method.targets: expected", "Correct"),
        ('targets = ["query"]', "", "method.targets: missing", "Add it"),
        ('id = "acme/encoder"', "", "base.id: missing", "Add it"),
        ('"lora"', '"lorra"', "method.kind: unknown kind 'lorra'", "'lora'? Known kinds: lora, prefix"),
        (LORA, 'kind = "full"\nrank = 4', "method.rank: unknown key", "Known keys here: kind"),
        (LORA, 'kind = "promt"\nlength = 4', "method.kind: unknown kind 'promt'", "Did you mean 'prompt'?"),
        (LORA, 'kind = "prompt"\nlenght = 4', "method.lenght: unknown key", "method.length"),
        (LORA, 'kind = "ia3"\ntargets = ["key"]\nfedforward = ["key"]', "method.fedforward:", "method.feedforward"),
        (
            LORA,
            'kind = "ia3"\ntargets = ["key"]\nfeedforward = ["v"]',
            "method.feedforward: 'v' is not among method.targets",
            "both",
        ),
        (LORA, 'kind = "ia3"\ntargets = "("', "method.targets: not a regular expression", "fullmatch"),
        (LORA, 'kind = "head"\ntargets = ["key"]', "method.targets: unknown key", "Known keys here: kind"),
        ("rank = 4", "rate_ration = 4", "method.rate_ration: unknown key", "method.rate_ratio"),
        ("rank = 4", "rate_ratio = 0.5", "method.rate_ratio: expected `float` >= 1", "Correct"),
        ("rank = 4", 'init = "pisa"', "method.init: invalid enum value 'pisa'", "Correct"),
        ("rank = 4", 'rank = 513\ninit = "pissa"', "method.rank: pissa saves twice the rank, 1026", "512 or less"),
        ("rank = 4", 'init = "olora"\nrank_pattern = { query = 600 }', "method.rank_pattern.query: olora saves", "512"),
        ("rank = 4", 'init = "pissa"\ndora = true', "method.init: pissa excludes method.dora", "Choose one"),
        (
            "rank = 4",
            'init = "pissa"\nrslora = true\nalpha_pattern = { query = 6 }',
            "method.init: pissa with method.rslora excludes method.rank_pattern",
            "Leave",
        ),
        (LORA, "kind = 3", "method.kind: expected `str`", "Correct"),
        (LORA, "", "method.kind: missing", "Add it"),
        ('kind = "lora"', "", "method.kind: missing", "Add it"),
        ('"intent"', '"In tent"', "name: expected `str` matching", "Correct"),
        ('file = "tickets.jsonl"', 'train = "a"', "data: give train, validation and test, or one", "All three"),
        (
            'file = "tickets.jsonl"',
            'file = "a"\ntest = "b"',
            "data.file: needs data.split",
            "one of the two",
        ),
        ("test = 0.2", "test = 0.9", "data.split: nothing is left to train on", "below 1"),
        (LORA, 'kind = "lora"\nlayers = [1]\ntargets = "q.*"', "method.layers: excludes a regular", "a list"),
        (LORA, 'kind = "lora"\nrank = 1025\ntargets = ["q"]', "method.rank: expected `int` <= 1024", "Correct"),
        (LORA, LORA + "\nrank_pattern = { q = 1025 }", "method.rank_pattern[...]: expected `int` <= 1024", "Correct"),
        (LORA, 'kind = "prefix"\nlength = 4097', "method.length: expected `int` <= 4096", "Correct"),
        (LORA, 'kind = "lora"\ntargets = "q["', "method.targets: not a regular expression", "fullmatch"),
        (LORA, LORA + '\nrank_pattern = { "q[" = 2 }', "method.rank_pattern: 'q[': not a regular", "fullmatch"),
    ],
)
def test_what_is_wrong_is_named(before: str, after: str, place: str, hint: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse(changed(before, after), "intent.toml")
    assert error.value.message.startswith(f"intent.toml: {place}")
    assert hint in error.value.hint


def test_what_is_not_toml_is_named_with_its_line() -> None:
    with pytest.raises(RecipeError, match=r"intent\.toml: not TOML: .*line 3"):
        Recipe.parse("\nname = [\n[base]\n", "intent.toml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.toml: cannot be read"):
        Recipe.read(tmp_path / "nowhere.toml")


def test_the_portable_text_differs_in_the_path_alone() -> None:
    text = Recipe.parse(TEXT).portable_text()
    assert text == TEXT.replace('path = "/models/encoder"\n', "")
    assert tomllib.loads(text)["base"] == {"id": "acme/encoder", "revision": "abc"}


@pytest.mark.parametrize(
    "base",
    ['base.id = "acme/encoder"\nbase.path = "/x"', 'base = { id = "acme/encoder", path = "/x" }'],
)
def test_a_path_that_cannot_be_taken_out_is_refused(base: str) -> None:
    table = TEXT[TEXT.index("[base]") : TEXT.index("[task]")]
    recipe = Recipe.parse(base + TEXT.replace(table, ""))
    with pytest.raises(RecipeError, match=r"base\.path"):
        recipe.portable_text()


def test_without_a_path_the_text_is_untouched() -> None:
    text = TEXT.replace('path = "/models/encoder"\n', "")
    assert Recipe.parse(text).portable_text() == text


def test_a_parent_excludes_an_initialisation() -> None:
    text = changed("rank = 4", 'rank = 4\ninit = "pissa"').replace("[base]", 'init_from = "acme/a"\n[base]', 1)
    with pytest.raises(RecipeError, match=r"init_from: excludes method\.init"):
        Recipe.parse(text)
