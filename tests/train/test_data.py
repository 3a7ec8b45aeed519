"""A recipe's data in a run: what is refused before a model is loaded, and what the run says of its rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapterhub.errors import AdapterHubError, DataError, RecipeError
from adapterhub.recipe import Recipe
from adapterhub.tasks.data import fingerprint
from adapterhub.train import TrainingResult, train
from adapterhub.train.model import trainee
from tests.train.support import Recipes, assert_same_weights

Edit = Callable[[str], str]


def rows_of(recipe: Recipe, part: str) -> list[dict[str, Any]]:
    path = Path(str(getattr(recipe.data, part)))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def data_of(result: TrainingResult) -> dict[str, Any]:
    lines = (result.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(lines[0])["data"]
    return found


@pytest.mark.parametrize(
    ("change", "rows", "message"),
    [
        (lambda text: text.replace('"label"', '"lable"', 1), "", r"chat-train\.jsonl:1: no column 'label'"),
        (lambda text: text + '{"text": "", "label": "chat"}\n', "", r"chat-train\.jsonl:45: text is empty"),
        (lambda text: text + text.splitlines()[0] + "{", "", r"chat-train\.jsonl:45: not JSON"),
        (lambda text: text.replace("complaint", "chat"), "", r"chat-train\.jsonl:1: the 44 train rows"),
        (lambda text: text, 'columns = { text = "texts" }', r"chat-train\.jsonl:1: no column 'texts'"),
        (lambda text: text, "shots = 1\nmax_rows = { test = 0 }", r"data\.max_rows\.test: expected `int` >= 1"),
    ],
    ids=["column", "empty", "json", "one-class", "columns", "cap"],
)
def test_bad_data_is_named_before_a_model_is_loaded(
    change: Edit, rows: str, message: str, recipes: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainee, "load", lambda *_: pytest.fail("a model was loaded"))
    name = "chat-train.jsonl"
    path = tmp_path / name
    path.write_text(change((recipes.data / name).read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(AdapterHubError, match=message) as error:
        train(Recipe.parse(recipes.text(rows=rows).replace(str(recipes.data / name), str(path))), tmp_path / "run")
    assert "\n" not in error.value.message and error.value.hint


def test_rows_in_two_splits_are_refused_unless_the_recipe_allows_them(recipes: Recipes, tmp_path: Path) -> None:
    text = recipes.text().replace('leakage = "warn"', "").replace("chat-validation", "chat-test")
    with pytest.raises(DataError, match=r"data: rows .*12 of validation are in another split too \(12 the same"):
        train(Recipe.parse(text), tmp_path / "refused")
    kept = train(Recipe.parse(recipes.text().replace("chat-validation", "chat-test")), tmp_path / "kept")
    found = data_of(kept)["leakage"]
    assert (found["policy"], found["same"], found["dropped"]) == ("warn", 12, 0)
    assert f"{12 + found['near']} rows are in two splits" in (kept.adapter / "README.md").read_text()


def test_rows_that_are_dropped_are_counted(recipes: Recipes, tmp_path: Path) -> None:
    extra = "".join(json.dumps(row) + "\n" for row in rows_of(recipes.make(), "test")[:5])
    path = tmp_path / "train.jsonl"
    path.write_text((recipes.data / "chat-train.jsonl").read_text() + extra)
    text = recipes.text(rows="leakage_threshold = 1").replace('"warn"', '"drop-train"')
    result = train(Recipe.parse(text.replace(str(recipes.data / "chat-train.jsonl"), str(path))), tmp_path / "run")
    assert result.dropped_rows == 5
    assert data_of(result)["rows"]["train"] == 44
    assert "no rows are in two splits (the same)" in (result.adapter / "README.md").read_text()


@pytest.mark.parametrize(
    ("rows", "train_rows", "unused"),
    [
        ("shots = 5", 10, {"train": 34}),
        ("max_rows = { train = 20, test = 7 }", 20, {"train": 24, "test": 5}),
        ("max_tokens = 100", None, None),
    ],
)
def test_fewer_rows_are_what_the_run_and_the_manifest_say(
    rows: str, train_rows: int | None, unused: dict[str, int] | None, recipes: Recipes, tmp_path: Path
) -> None:
    result = train(recipes.make(rows=rows, training="epochs = 1"), tmp_path / "run")
    said = data_of(result)
    document = json.loads((result.adapter / "manifest.json").read_text())
    parts = {part["split"]: part for part in document["data"]}
    if train_rows is None:
        assert 0 < said["rows"]["train"] < 44
        assert said["unused"] == {"train": 44 - said["rows"]["train"]}
    else:
        assert (said["rows"]["train"], said["unused"]) == (train_rows, unused)
    assert {part: facts["rows"] for part, facts in parts.items()} == said["rows"]
    assert result.after["accuracy"].n == said["rows"]["test"]
    whole = recipes.make()
    assert parts["validation"]["fingerprint"] == fingerprint(rows_of(whole, "validation"))
    assert parts["train"]["fingerprint"] != fingerprint(rows_of(whole, "train"))
    assert all(part["licence"] == "cc0-1.0" and part["name"] == "chat" for part in parts.values())


def test_a_csv_file_trains_the_same_adapter(recipes: Recipes, tmp_path: Path) -> None:
    text = recipes.text(training="epochs = 1")
    for part in ("train", "validation", "test"):
        with (tmp_path / f"{part}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerows(
                [("body", "queue"), *((row["text"], row["label"]) for row in rows_of(recipes.make(), part))]
            )
        text = text.replace(str(recipes.data / f"chat-{part}.jsonl"), str(tmp_path / f"{part}.csv"))
    text = text.replace("[method]", '[data.columns]\ntext = "body"\nlabel = "queue"\n[method]')
    one, other = (
        train(recipe, tmp_path / name)
        for recipe, name in ((recipes.make(training="epochs = 1"), "jsonl"), (Recipe.parse(text), "csv"))
    )
    assert_same_weights(one, other)
    manifests = [json.loads((run.adapter / "manifest.json").read_text()) for run in (one, other)]
    assert manifests[0]["data"] == manifests[1]["data"]


def test_class_weights_change_what_is_learned(recipes: Recipes, tmp_path: Path) -> None:
    shares = {}
    for name, weights in (("none", ""), ("heavy", "class_weights = { chat = 50 }")):
        result = train(recipes.make(training="\n".join(filter(None, ("epochs = 1", weights)))), tmp_path / name)
        lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
        shares[name] = next(line["loss"] for line in lines if line["kind"] == "step")
    assert shares["heavy"] > 5 * shares["none"]


@pytest.mark.parametrize(
    ("data", "training", "rows", "message"),
    [
        ("chat", "class_weights = { chatt = 2.0 }", "", r"training\.class_weights\.chatt: unknown key"),
        ("spans", 'class_weights = "balanced"', "", r"training\.class_weights: there are no classes in question"),
        ("grades", "", "shots = 3", r"data\.shots: there are no classes in regression"),
    ],
)
def test_what_has_no_classes_is_refused(
    data: str,
    training: str,
    rows: str,
    message: str,
    recipes: Recipes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainee, "load", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(RecipeError, match=message):
        train(recipes.make(data=data, training=training, rows=rows), tmp_path / "run")


@pytest.mark.parametrize("data", ["names", "themes"])
def test_balanced_weights_of_tags_and_of_several_labels(data: str, recipes: Recipes, tmp_path: Path) -> None:
    training = 'epochs = 1\nclass_weights = "balanced"'
    assert train(recipes.make(data=data, training=training), tmp_path / "run").adapter.is_dir()
