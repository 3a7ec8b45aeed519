"""Everything up to a run's first step: rows read, model loaded, parent's weights put in, inputs encoded.

Knows what a recipe can ask of rows, base and parent that is not there, and refuses it before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from adapterhub.backbone import BaseSource, locate
from adapterhub.errors import RecipeError, RequestError
from adapterhub.evaluate import inputs_of
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.recipe import Recipe
from adapterhub.tasks import Encoded, Task, get_task
from adapterhub.tasks.data import Splits, class_weights, fingerprint, read_splits, within_tokens
from adapterhub.train.inputs import training_inputs
from adapterhub.train.loop.objective import choosing_figures
from adapterhub.train.misfit import refuse_beyond, refuse_unread
from adapterhub.train.model import trainee
from adapterhub.train.model.methods import refuse_unfit, room_behind
from adapterhub.train.view.progress import TrainingProgress

if TYPE_CHECKING:
    from registry import Manifest, Registry


@dataclass(frozen=True)
class Parent:
    """The published version that a run starts from."""

    folder: Path
    digest: str
    manifest: Manifest


@dataclass(frozen=True)
class Ready:
    """All that a run needs, read, checked and loaded; `inputs` are the model inputs of the training rows."""

    recipe: Recipe
    task: Task
    splits: Splits
    source: BaseSource
    student: trainee.Trainee
    inputs: Sequence[Sequence[Encoded]]
    predictor: ModelPredictor
    parent: Parent | None

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of the base and the rows of each split: what a run that goes on must find again."""
        rows = {f"data.{split}": fingerprint(rows) for split, rows in self.splits.items()}
        return {"base": self.source.identity().fingerprint, **rows}


def prepare(recipe: Recipe, registry: Registry | None, progress: TrainingProgress) -> Ready:
    """Read the rows, load the model, put the parent's weights in, encode: everything up to the first step.

    Raises:
        RecipeError, DataError, BackboneError: what the recipe names is wrong or missing.
    """
    parent = _parent(recipe, registry)
    task, splits = _task_and_rows(recipe, parent)
    if splits.leakage.leaks:
        progress.phase(f"data: {splits.leakage}")
    source = locate(recipe.base.id, recipe.base.path, recipe.base.revision)
    _check_parent_base(parent, source)
    set_seed(recipe.training.seed)
    student = trainee.load(source.folder, task, recipe.method)
    if parent is not None:
        trainee.warm_start(student.model, task, parent.folder, parent.manifest.labels)
    inputs = _inputs(splits, task, student.tokenizer, source.folder, room_behind(recipe.method, student.model))
    splits, inputs = _within_tokens(recipe, splits, inputs)
    predictor = ModelPredictor(student.model, task, student.tokenizer)
    return Ready(recipe, task, splits, source, student, inputs, predictor, parent)


def _task_and_rows(recipe: Recipe, parent: Parent | None) -> tuple[Task, Splits]:
    """The rows, and the task with the labels that the training rows have; a parent's labels come first."""
    reader = get_task(recipe.task.name, recipe.task.options)
    stopping = recipe.training.early_stopping
    figures = choosing_figures(reader)
    if stopping and stopping.metric is not None and stopping.metric not in figures:
        raise RecipeError(
            f"training.early_stopping.metric: {reader.name} has no {stopping.metric!r} to choose an epoch by",
            f"It has {', '.join(figures)}.",
        )
    if recipe.training.label_smoothing and not reader.smooths_labels:
        raise RecipeError(
            f"training.label_smoothing: there are no labels to smooth in {reader.problem_type or reader.name}",
            "Leave it out.",
        )
    _check_parent_task(parent, reader)
    known = parent.manifest.labels if parent else ()
    refuse_unfit(recipe.method, reader)
    splits = read_splits(recipe.data, reader, known)
    task = get_task(recipe.task.name, recipe.task.options, reader.labels_of(splits.train, known))
    class_weights(recipe.training.class_weights, task, splits.train)  # a label that is not there is named now
    return task, splits


def _parent(recipe: Recipe, registry: Registry | None) -> Parent | None:
    if recipe.init_from is None:
        return None
    if registry is None:
        raise RecipeError(f"init_from: {recipe.init_from} needs a registry", "Name one, or set ADAPTERHUB_REGISTRY.")
    from registry import Manifest

    version = registry.resolve(recipe.init_from)
    folder = registry.pull(version)
    return Parent(folder, version.digest, Manifest.read(folder))


def _check_parent_task(parent: Parent | None, task: Task) -> None:
    if parent is None:
        return
    theirs, problem = parent.manifest.task.name, parent.manifest.head.problem_type
    if theirs != task.name:
        raise RecipeError(f"init_from: the parent's task is {theirs}, not {task.name}", "Name a parent of this task.")
    if problem not in (None, task.problem_type):
        raise RecipeError(
            f"init_from: the parent's problem_type is {problem}, not {task.problem_type}",
            "Choose it in task.options.problem_type, or name another parent.",
        )
    pooling = parent.manifest.head.pooling
    if pooling != task.pooling:
        raise RecipeError(
            f"init_from: the parent's pooling is {pooling or 'none'}, not {task.pooling or 'none'}",
            "Choose it in task.options.pooling, or name another parent.",
        )


def _check_parent_base(parent: Parent | None, source: BaseSource) -> None:
    if parent is None:
        return
    stated = parent.manifest.base.fingerprint
    if stated is not None and stated != source.identity().fingerprint:
        raise RecipeError(
            f"init_from: the parent was trained on other weights than {source.id} has here",
            f"It names {parent.manifest.base.id} ({stated}).",
        )


def _inputs(splits: Splits, task: Task, tokenizer: Any, base: Path, room: int | None) -> Sequence[Sequence[Encoded]]:
    """The model inputs to train on; the other rows are encoded too, so that one that cannot be taken is named now.

    Raises:
        RecipeError: the task cannot read a row, or it has more tokens than there is `room` for; with split and place.
    """
    train: Sequence[Sequence[Encoded]] = ()
    for name, rows in splits.items():
        try:
            if name == "train":
                labelled = train = training_inputs(rows, task, tokenizer, base)
            else:
                task.encode(inputs_of(rows, task), tokenizer)
                labelled = task.encode(rows, tokenizer, with_labels=True) if task.reads_likelihood else []
        except RequestError:
            refuse_unread(splits, name, task, tokenizer)
            raise
        refuse_beyond(splits, name, labelled, room)
    return train


def _within_tokens(
    recipe: Recipe, splits: Splits, inputs: Sequence[Sequence[Encoded]]
) -> tuple[Splits, Sequence[Sequence[Encoded]]]:
    """The same without the training rows that are beyond ``data.max_tokens``."""
    if recipe.data.max_tokens is None:
        return splits, inputs
    tokens = [sum(len(one.input_ids) for one in row) for row in inputs]
    kept = within_tokens(splits.train, tokens, recipe.data.max_tokens, recipe.data.seed)
    unused = splits.unused.get("train", 0) + len(inputs) - len(kept)
    smaller = replace(
        splits,
        train=tuple(splits.train[index] for index in kept),
        unused={**splits.unused, "train": unused},
        places={**splits.places, "train": tuple(splits.places["train"][index] for index in kept)},
    )
    return smaller, [inputs[index] for index in kept]
