"""Class weights: the factor of each label's loss, in the order of the task's labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from adapterhub.errors import RecipeError
from adapterhub.recipe import unknown_key
from adapterhub.tasks.data.rows import DataRow
from adapterhub.tasks.data.sampling import labels_in
from adapterhub.tasks.task import Task

BALANCED = "balanced"


def class_weights(chosen: str | Mapping[str, float] | None, task: Task, rows: Sequence[DataRow]) -> list[float] | None:
    """A weight for each of the task's labels, or None where none are chosen.

    Semantics: balanced is ``n / (k * n_c)`` as in scikit-learn (King & Zeng 2001): n targets in the training `rows`, k
    labels that occur, n_c of label c; so the mean weight of a target is 1. A label that does not occur weighs 1.

    Raises:
        RecipeError: the task has no classes, or no such label.
    """
    if chosen is None:
        return None
    if not task.has_classes:
        raise RecipeError(
            f"training.class_weights: there are no classes in {task.problem_type or task.name}", "Leave it out."
        )
    if not isinstance(chosen, str):
        for label in chosen:
            if label not in task.labels:
                raise unknown_key("recipe", f"training.class_weights.{label}", task.labels)
        return [float(chosen.get(label, 1.0)) for label in task.labels]
    counted = Counter(label for row in rows for label in labels_in(row, task))
    return [counted.total() / (len(counted) * counted[label]) if counted[label] else 1.0 for label in task.labels]
