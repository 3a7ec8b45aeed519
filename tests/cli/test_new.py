"""A first recipe for rows that have none: it says what was found, and it runs."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from adapterhub.recipe import Lora, Recipe
from adapterhub.tasks import get_task
from adapterhub.tasks.data import read_splits
from adapterhub.train.model import trainee
from tests.cli.conftest import Run
from tests.support.tiny import make_tiny_chat
from tests.train.support import TASKS, Recipes

NEEDED = {
    "themes": "problem_type=multi_label_classification",
    "grades": "problem_type=regression",
    "spans": "no_answer=true",
}


@pytest.fixture
def folder(recipes: Recipes, tmp_path: Path) -> Path:
    """An empty folder of data."""
    made = tmp_path / "My rows"
    made.mkdir()
    return made


def copy_splits(recipes: Recipes, data: str, folder: Path) -> None:
    for split, name in {"train": "train", "validation": "dev", "test": "test"}.items():
        shutil.copy(recipes.data / f"{data}-{split}.jsonl", folder / f"{name}.jsonl")


def write_table(recipes: Recipes, path: Path) -> None:
    """All rows of the chats in one CSV file, with columns of other names."""
    lines = [line for file in sorted(recipes.data.glob("chat-*.jsonl")) for line in file.read_text().splitlines()]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["body", "queue"])
        writer.writerows((row["text"], row["label"]) for row in map(json.loads, lines))


@pytest.mark.parametrize("data", TASKS)
def test_its_recipe_fits_rows_and_base(data: str, adapterhub: Run, recipes: Recipes, folder: Path) -> None:
    copy_splits(recipes, data, folder)
    option = ("--option", NEEDED[data]) if data in NEEDED else ()
    given = ("--data", folder, "--base", "tests/tiny-bert", "--base-path", recipes.base)
    done = adapterhub("new", TASKS[data], *given, *option, "--json")
    assert done.code == 0, done.err

    recipe = Recipe.read(Path(done.document["recipe"]))
    assert recipe.name == "my-rows"
    reader = get_task(recipe.task.name, recipe.task.options)
    splits = read_splits(recipe.data, reader)
    assert {part: len(rows) for part, rows in splits.items()} == done.document["rows"]
    task = get_task(recipe.task.name, recipe.task.options, reader.labels_of(splits.train))
    assert isinstance(recipe.method, Lora)
    assert trainee.load(recipes.base, task, recipe.method).trainable_parameters > 0
    assert task.longest_input <= 64  # the base's positions
    if data == "relations":
        assert done.document["overlap"] > len(splits.train) // 2
        assert recipe.data.leakage == "warn", "nothing would be left to train on"


def test_a_decoder_is_given_what_decoders_need(
    adapterhub: Run, tiny_base: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = make_tiny_chat(tmp_path_factory.mktemp("chat") / "base", tiny_base)
    rows = [{"source": f"hello {number}", "target": f"fire {number}"} for number in range(60)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = ("--data", folder / "pairs.jsonl", "--base", "tests/tiny-chat", "--base-path", base)
    sampling = ("--option", "sampling={max_new_tokens = 6}")
    done = adapterhub("new", "translation", *given, *sampling, "--json")
    assert done.code == 0, done.err
    encoder = ("--data", folder / "pairs.jsonl", "--base", "tests/tiny-bert", "--base-path", tiny_base)
    refused = adapterhub("new", "translation", *encoder, "--out", "none.toml")
    assert refused.code == 1 and "tiny-bert is no decoder that translation could write with" in refused.err
    assert "saved as BertModel" in refused.err and not Path("none.toml").exists()
    refused = adapterhub(
        "new", "translation", *given, "--option", "sampling={max_new_tokens = 250}", "--out", "none.toml"
    )
    assert refused.code == 1 and "has 256 positions, which leave 6 for what a row of translation reads" in refused.err

    recipe = Recipe.read(Path("pairs.toml"))
    assert recipe.training.head_learning_rate is None, "the head is the base's own"
    assert recipe.task.options["sampling"] == {"max_new_tokens": 6}
    assert isinstance(recipe.method, Lora)
    task = get_task(recipe.task.name, recipe.task.options)
    assert trainee.load(base, task, recipe.method).trainable_parameters > 0


@pytest.mark.slow
def test_one_file_is_split_and_the_recipe_trains(
    adapterhub: Run, recipes: Recipes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(recipes, folder / "tickets.csv")
    monkeypatch.setenv("ADAPTERHUB_DATA", str(folder.parent))
    base = ("--base", "tests/tiny-bert", "--base-path", recipes.base)
    given = ("--data", folder / "tickets.csv", "--column", "text=body", "--column", "label=queue", *base)
    done = adapterhub("new", "text-classification", *given, "--licence", "mit", "--json")
    assert done.code == 0, done.err
    assert done.document["recipe"] == "tickets.toml"
    assert set(done.document["labels"]) == {"chat", "complaint"}

    recipe = Recipe.read(Path("tickets.toml"))
    assert recipe.licence == "mit"
    assert recipe.data.file == "My rows/tickets.csv", "from ADAPTERHUB_DATA on"
    assert recipe.data.columns == {"text": "body", "label": "queue"}
    assert done.document["overlap"] > 0, "the rows are made of few words"
    assert recipe.data.leakage == "drop-train"
    text = recipe.text.replace(f"epochs = {recipe.training.epochs} ", "epochs = 1 ")  # for the sake of time
    Path("tickets.toml").write_text(text, encoding="utf-8")
    trained = adapterhub("train", "tickets.toml", "--json")
    assert trained.code == 0, trained.err
    assert trained.document["run"] == "runs/tickets"


def test_rows_that_are_longer_than_the_base_reads_are_said_to_be_cut(
    adapterhub: Run, recipes: Recipes, folder: Path
) -> None:
    rows = [{"text": f"{number} " * (80 if number % 2 else 3), "label": "ab"[number % 2]} for number in range(100, 160)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    base = ("--base", "tests/tiny-bert", "--base-path", recipes.base)
    done = adapterhub("new", "text-classification", "--data", folder / "rows.jsonl", *base, "--out", "long.toml")
    assert done.code == 0, done.err
    text = Path("long.toml").read_text()
    assert "max_length = 64" in text
    assert "of the training rows are longer, and cut" in text


@pytest.mark.parametrize("labels", ["abcdef", "ababab"])
def test_too_few_rows_are_told_how_many_are_needed(
    labels: str, adapterhub: Run, recipes: Recipes, folder: Path
) -> None:
    rows = [{"text": f"hello {label} {number}", "label": label} for number, label in enumerate(labels)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    base = ("--base", "tests/tiny-bert", "--base-path", recipes.base)
    done = adapterhub("new", "text-classification", "--data", folder / "rows.jsonl", *base)
    assert done.code == 1
    assert "give it 50 rows or more, and several of each label" in done.err
    assert "data.split" not in done.err


def test_what_it_refuses_has_written_nothing(adapterhub: Run, recipes: Recipes, folder: Path) -> None:
    base = ("--base", "tests/tiny-bert", "--base-path", recipes.base)
    copy_splits(recipes, "chat", folder)
    (folder / "dev.jsonl").unlink()
    lacking = adapterhub("new", "text-classification", "--data", folder, *base)
    assert (lacking.code, "no file called validation or valid or val or dev" in lacking.err) == (1, True)
    write_table(recipes, folder / "rows.csv")
    named = adapterhub("new", "text-classification", "--data", folder / "rows.csv", *base)
    assert named.code == 1
    assert "no column 'text'" in named.err or "no column 'label'" in named.err
    assert "--column" in named.err and "body" in named.err
    assert adapterhub("new", "chess", "--data", folder / "rows.csv", *base).code == 1
    assert adapterhub("new", "text-classification", "--data", folder / "rows.csv", "--column", "label").code == 2
    assert list(Path().glob("*.toml")) == []

    Path("rows.toml").write_text("mine")
    columns = ("--column", "text=body", "--column", "label=queue")
    assert adapterhub("new", "text-classification", "--data", folder / "rows.csv", *columns, *base).code == 1
    assert Path("rows.toml").read_text() == "mine"
