"""Tasks by name: the built-in ones, and those that other packages add under the entry point ``adapterhub.tasks``.

An entry point is named like the task (the Hub's pipeline tag where one exists) and loads to a subclass of `Task`.
Importing this package brings neither torch nor transformers; a task's module is imported when the task is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from adapterhub.errors import AdapterError, RecipeError
from adapterhub.tasks.task import Answer, Encoded, Entity, HiddenAnswer, LabelAnswer, Row, TagAnswer, Task, TextAnswer

if TYPE_CHECKING:
    from registry import Manifest

__all__ = [
    "Answer",
    "Encoded",
    "Entity",
    "HiddenAnswer",
    "LabelAnswer",
    "Row",
    "TagAnswer",
    "Task",
    "TextAnswer",
    "get_task",
    "known_tasks",
    "task_of",
]

ENTRY_POINTS = "adapterhub.tasks"

BUILT_IN = {
    "text-classification": ("adapterhub.tasks.text_classification", "TextClassification"),
    "token-classification": ("adapterhub.tasks.token_classification", "TokenClassification"),
}


def known_tasks() -> list[str]:
    """Names that `get_task` takes, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def get_task(name: str, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> Task:
    """The task called `name` with these options and labels.

    Raises:
        RecipeError: nobody provides a task of that name, or it does not take these options.
    """
    if name in BUILT_IN:
        module, class_name = BUILT_IN[name]
        task_class = getattr(import_module(module), class_name)
    else:
        points = [point for point in entry_points(group=ENTRY_POINTS) if point.name == name]
        if not points:
            known = ", ".join(known_tasks())
            raise RecipeError(
                f"task.name: no task {name!r}", f'Known: {known}. Packages add more as entry points "{ENTRY_POINTS}".'
            )
        task_class = points[0].load()
    task: Task = task_class(options, labels)
    return task


def task_of(manifest: Manifest) -> Task:
    """The task that a manifest was made with, its labels and options included.

    Raises:
        AdapterError: this installation has no such task, or the manifest's options are not its own.
    """
    try:
        return get_task(manifest.task.name, manifest.task.options, manifest.labels)
    except RecipeError as error:
        raise AdapterError(f"manifest.json: {error.message}", error.hint) from error
