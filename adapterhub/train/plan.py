"""What a run would be: a recipe whose rows were read and whose model was loaded, counted; nothing is trained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from adapterhub.backbone.quiet import quiet
from adapterhub.recipe import Recipe
from adapterhub.tasks.data.sampling import labels_in
from adapterhub.train.prepare import Ready, prepare
from adapterhub.train.view.progress import Silent, TrainingProgress
from registry import Registry


@dataclass(frozen=True)
class Plan:
    """The counts.

    Attributes:
        rows: of each split, as they are used.
        dropped_rows: left out because they, or nearly they, are in another split as well.
        unused_rows: of each split, left out by ``data.max_rows``, ``shots`` or ``max_tokens``.
        labels: how often each is there to be learned from; empty where rows have no classes.
        tokens: of the training rows, special ones included, padding not: in one epoch.
        longest: the most tokens of one model input.
        truncated: how many model inputs are cut at the task's max_length.
        trainable_parameters, trainable_share: trained numbers, and those over the backbone's.
        steps: optimizer steps, unless it stops early.
    """

    rows: Mapping[str, int]
    dropped_rows: int
    unused_rows: Mapping[str, int]
    labels: Mapping[str, int]
    tokens: int
    longest: int
    truncated: int
    trainable_parameters: int
    trainable_share: float
    steps: int


def plan(recipe: Recipe, registry: Registry | None = None, progress: TrainingProgress | None = None) -> Plan:
    """Check all that training would refuse before its first step, and count.

    Raises:
        RecipeError, DataError, BackboneError: what the recipe names is wrong or missing.
    """
    recipe.portable_text()
    with quiet():
        ready = prepare(recipe, registry, progress or Silent())
    inputs = [one for row in ready.inputs for one in row]
    lengths = [len(one.input_ids) for one in inputs]
    return Plan(
        rows={name: len(rows) for name, rows in ready.splits.items()},
        dropped_rows=ready.splits.dropped,
        unused_rows=dict(ready.splits.unused),
        labels=_labels(ready),
        tokens=sum(lengths),
        longest=max(lengths, default=0),
        truncated=sum(one.truncated for one in inputs),
        trainable_parameters=ready.student.trainable_parameters,
        trainable_share=ready.student.trainable_share,
        steps=_steps(ready),
    )


def _labels(ready: Ready) -> dict[str, int]:
    if ready.task.class_column is None:
        return {}
    counted = Counter(label for row in ready.splits.train for label in labels_in(row, ready.task))
    return {label: counted[label] for label in ready.task.labels or sorted(counted)}


def _steps(ready: Ready) -> int:
    training = ready.recipe.training
    batches = math.ceil(len(ready.splits.train) / training.batch_size)
    return math.ceil(batches / training.gradient_accumulation) * training.epochs
