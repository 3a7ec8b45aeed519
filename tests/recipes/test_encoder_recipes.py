"""Each recipe on the encoder, from its file to answers: trained for one epoch over few of its own rows, published, and
served in one batch with all the others, as plain `peft` answers it alone.

What a recipe really gives stands in its heading.
"""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from adapterhub.backbone import Backbone, locate
from adapterhub.evaluate import Evaluation, inputs_of
from adapterhub.recipe import Recipe
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import Answer, SpanAnswer, get_task, task_of
from adapterhub.train import TrainingResult, train
from registry import Manifest, open_registry
from tests.support.plain_peft import by_plain_peft

pytestmark = pytest.mark.slow

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
RECIPES = {
    path.stem: Recipe.read(path)
    for path in sorted(Path(__file__).parents[2].glob("recipes/*.toml"))
    if Recipe.read(path).base.id == MINILM
}
ROWS = {"train": 8, "validation": 2, "test": 3}
LONGEST = 1000  # characters of a row: reading is not what takes time here


@dataclass(frozen=True)
class Trained:
    """A recipe that was run over `rows` of its test file."""

    result: TrainingResult
    rows: Sequence[Mapping[str, Any]]
    version: str


@dataclass(frozen=True)
class Shelf:
    """All recipes, trained and published, and the engine that answers them."""

    trained: Mapping[str, Trained]
    engine: Engine


def few(recipe: Recipe, source: Path, target: Path) -> None:
    """Copy the first short rows of each split; none has a label that no training row has."""
    task = get_task(recipe.task.name, recipe.task.options)
    known: set[str] = set()
    for split, count in ROWS.items():
        name = str(getattr(recipe.data, split))
        lines = [line for line in (source / name).read_text(encoding="utf-8").splitlines() if len(line) < LONGEST]
        rows = [json.loads(line) for line in lines]
        if split == "train":
            scope = recipe.task.options.get("out_of_scope")
            chosen = [*rows[:count], next(row for row in rows if row["label"] == scope)] if scope else rows[:count]
            known = set(task.labels_of(chosen))
        else:
            chosen = [row for row in rows if {*task.labels_of([row])} <= known][:count]
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")


@pytest.fixture(scope="module")
def shelf(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Train and publish them, one epoch each."""
    folder = tmp_path_factory.mktemp("recipes")
    gc.freeze()  # the Trainer collects garbage at the end of each run, which takes longer than these runs do
    registry = open_registry(folder / "registry")
    trained = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAPTERHUB_DATA", str(folder / "data"))
        for name, recipe in RECIPES.items():
            few(recipe, data_root, folder / "data")
            training = msgspec.structs.replace(recipe.training, epochs=1)
            result = train(msgspec.structs.replace(recipe, training=training), folder / name)
            registry.publish(result.folder, f"acme/{name}", "1.0.0")
            test = (folder / "data" / str(recipe.data.test)).read_text(encoding="utf-8")
            trained[name] = Trained(result, [json.loads(line) for line in test.splitlines()], f"acme/{name}@1.0.0")
    with Engine(Backbone.load(MINILM), registry) as engine:
        yield Shelf(trained, engine)
    gc.unfreeze()


@pytest.fixture(scope="module")
def mixed(shelf: Shelf) -> Mapping[str, Sequence[Answer]]:
    """The answers of one batch with all rows of all recipes, in random order."""
    places = [(name, index) for name, one in shelf.trained.items() for index in range(len(one.rows))]
    random.Random(1).shuffle(places)
    asked = [(shelf.trained[name].version, read(shelf.trained[name], name)[index]) for name, index in places]
    answers = dict(zip(places, shelf.engine.predict(asked), strict=True))
    return {name: [answers[name, index] for index in range(len(one.rows))] for name, one in shelf.trained.items()}


def read(one: Trained, name: str) -> list[Any]:
    """The rows under the names of the task's columns, without their targets."""
    task, columns = task_of(Manifest.read(one.result.adapter)), RECIPES[name].data.columns
    return inputs_of([{**row, **{key: row[column] for key, column in columns.items()}} for row in one.rows], task)


def logits(answer: Any) -> torch.Tensor:
    return torch.cat(answer.logits) if isinstance(answer, SpanAnswer) else answer.logits


def test_there_are_recipes_of_all_tasks() -> None:
    tasks = {recipe.task.name for recipe in RECIPES.values()}
    assert tasks >= {"text-classification", "token-classification"}


@pytest.mark.parametrize("name", RECIPES)
def test_the_mixed_batch_answers_as_plain_peft_does(
    name: str, shelf: Shelf, mixed: Mapping[str, Sequence[Answer]]
) -> None:
    one = shelf.trained[name]
    assert one.result.trainable_share <= 0.02
    expected = by_plain_peft(one.result.adapter, locate(MINILM).folder, read(one, name))
    assert len(mixed[name]) == len(expected) == ROWS["test"]
    for answer, right in zip(mixed[name], expected, strict=True):
        assert str(answer.version) == one.version
        assert not answer.truncated
        torch.testing.assert_close(logits(answer), right, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_figures_are_those_of_the_run(name: str, shelf: Shelf, mixed: Mapping[str, Sequence[Answer]]) -> None:
    one = shelf.trained[name]
    task = task_of(Manifest.read(one.result.adapter))
    figures = Evaluation(task, one.rows, mixed[name]).metrics
    assert {key: value.value for key, value in figures.items()} == pytest.approx(
        {key: value.value for key, value in one.result.after.items()}, abs=1e-6
    )
