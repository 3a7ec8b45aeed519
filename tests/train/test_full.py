"""Full fine-tuning: the whole base learns, everything is measured, and there is nothing to publish."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapterhub.errors import RecipeError, RunError
from adapterhub.recipe import Full
from adapterhub.tasks import get_task
from adapterhub.train import TrainingInterrupted, train
from adapterhub.train.loop.optimizer import optimizer_of
from adapterhub.train.model import trainee
from adapterhub.train.run import refuse_without_adapter
from tests.train.support import Recipes
from tests.train.test_resume import InterruptAt

FULL = 'kind = "full"'


@pytest.mark.parametrize(("data", "metric"), [("chat", "macro_f1"), ("names", "entity_f1")])
def test_it_learns_with_every_parameter_and_leaves_figures_only(
    data: str, metric: str, recipes: Recipes, tmp_path: Path
) -> None:
    recipe = recipes.make(method=FULL, data=data, training="epochs = 3\nlearning_rate = 3e-3")
    result = train(recipe, tmp_path / "run")
    assert result.before[metric].value < 0.7 < result.after[metric].value
    assert result.trainable_share > 1  # the backbone and a head
    assert (result.digest, result.adapter) == (None, None)
    assert {path.name for path in result.folder.iterdir()} == {"recipe.toml", "metrics.jsonl", "checkpoints"}

    kept = load_file(result.folder / "checkpoints" / f"checkpoint-{result.best_step}" / "trainable.safetensors")
    base = {f"bert.{name}": tensor for name, tensor in load_file(recipes.base / "model.safetensors").items()}
    moved = [name for name in kept.keys() & base.keys() if not torch.equal(kept[name], base[name])]
    assert any("word_embeddings" in name for name in moved)
    assert any("layer.1.output" in name for name in moved)
    assert train(recipe, tmp_path / "run") == result  # finished: it answers with its result


def test_it_is_resumed_to_the_same_figures(recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(method=FULL)
    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(TrainingInterrupted):
        train(recipe, tmp_path / "run", progress=InterruptAt(7))
    with pytest.raises(RunError, match="unfinished run"):
        refuse_without_adapter(tmp_path / "run")
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert (resumed.before, resumed.after, resumed.best_step) == (whole.before, whole.after, whole.best_step)
    with pytest.raises(RunError, match="leaves no adapter"):
        refuse_without_adapter(tmp_path / "run")


def test_the_head_has_a_rate_of_its_own(recipes: Recipes) -> None:
    student = trainee.load(recipes.base, get_task("text-classification", {"max_length": 32}, ["a", "b"]), Full())
    training = recipes.make(training="head_learning_rate = 0.5").training
    fast = [group for group in optimizer_of(student.model, training, Full()).param_groups if group["lr"] == 0.5]
    sizes = {tuple(parameter.shape) for group in fast for parameter in group["params"]}
    assert sizes == {(2,), tuple(student.model.classifier.weight.shape)}


def test_it_starts_from_the_base_alone(recipes: Recipes) -> None:
    with pytest.raises(RecipeError, match="init_from: full fine-tuning starts from the base"):
        recipes.make(method=FULL, top='init_from = "acme/chat"')


def test_rows_that_the_base_cannot_read_are_refused(recipes: Recipes, tmp_path: Path) -> None:
    text = recipes.text(method=FULL).replace("max_length = 32", "max_length = 65")
    with pytest.raises(RecipeError, match="exceeds the base's 64 positions"):
        train(recipes.make().parse(text), tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
