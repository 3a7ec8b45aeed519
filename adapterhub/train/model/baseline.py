"""The base before training, as something that answers rows: what an adapter has to be better than."""

from __future__ import annotations

from pathlib import Path

from transformers import set_seed

from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.recipe import Recipe
from adapterhub.tasks import Task
from adapterhub.train.model import trainee


def untrained(recipe: Recipe, task: Task, base: Path | None = None) -> ModelPredictor:
    """The base of `recipe` with the head that its training began with: what its figures before training are of.

    A run that started from another version (``init_from``) began with that one's head; here it is a fresh one.

    Args:
        base: the base's folder or GGUF file, where its id alone does not find it.

    Raises:
        BackboneError: the base is not here, or cannot be loaded.
        RecipeError: the method does not fit it.
    """
    with quiet():
        source = locate(recipe.base.id, base or recipe.base.path, recipe.base.revision)
        set_seed(recipe.training.seed)
        student = trainee.load(source.folder, task, recipe.method)
        return ModelPredictor(student.model, task, student.tokenizer)
