"""Tasks by name: the built-in ones, and those that other packages add under the entry point ``adapterhub.tasks``.

An entry point is named like the task (the Hub's pipeline tag where one exists) and loads to a subclass of `Task`. A
built-in name may stand for several problem types, as transformers calls them; ``problem_type`` in the options chooses.
Importing this package brings neither torch nor transformers; a task's module is imported when the task is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from adapterhub.errors import AdapterError, RecipeError
from adapterhub.tasks.answer import (
    Answer,
    ChoiceAnswer,
    Entity,
    HiddenAnswer,
    LabelAnswer,
    LabelsAnswer,
    SpanAnswer,
    TagAnswer,
    TextAnswer,
    ValueAnswer,
)
from adapterhub.tasks.task import Encoded, Row, Task

if TYPE_CHECKING:
    from registry import Manifest

__all__ = [
    "Answer",
    "ChoiceAnswer",
    "Encoded",
    "Entity",
    "HiddenAnswer",
    "LabelAnswer",
    "LabelsAnswer",
    "Row",
    "SpanAnswer",
    "TagAnswer",
    "Task",
    "TextAnswer",
    "ValueAnswer",
    "get_task",
    "known_tasks",
    "restored",
    "task_of",
]

ENTRY_POINTS = "adapterhub.tasks"

PROBLEM_TYPE = "problem_type"
BUILT_IN: Mapping[str, Mapping[str | None, tuple[str, str]]] = {
    "text-classification": {
        "single_label_classification": ("adapterhub.tasks.text_classification", "TextClassification"),
        "multi_label_classification": ("adapterhub.tasks.multi_label", "MultiLabelClassification"),
        "regression": ("adapterhub.tasks.regression", "TextRegression"),
    },
    "token-classification": {None: ("adapterhub.tasks.token_classification", "TokenClassification")},
    "relation-extraction": {None: ("adapterhub.tasks.relation", "RelationExtraction")},
    "question-answering": {None: ("adapterhub.tasks.question_answering", "QuestionAnswering")},
    "multiple-choice": {None: ("adapterhub.tasks.multiple_choice", "MultipleChoice")},
    "translation": {None: ("adapterhub.tasks.generation.translation", "Translation")},
    "summarization": {None: ("adapterhub.tasks.generation.summarization", "Summarization")},
    "text-generation": {
        "dialogue": ("adapterhub.tasks.generation.dialogue", "Dialogue"),
        "code": ("adapterhub.tasks.generation.code", "CodeGeneration"),
        "controlled": ("adapterhub.tasks.generation.controlled", "ControlledGeneration"),
        "text-to-sql": ("adapterhub.tasks.generation.text_to_sql", "TextToSql"),
    },
}
"""name → problem type → module and class; the first problem type is the one that need not be named."""


PROMPT_OPTIONS = ("template", "sampling")
"""Options that a manifest keeps as its ``prompt``."""


def known_tasks() -> list[str]:
    """Names that `get_task` takes, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def get_task(name: str, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> Task:
    """The task called `name` with these options and labels.

    Raises:
        RecipeError: nobody provides a task of that name, or it does not take these options.
    """
    options = dict(options or {})
    if name in BUILT_IN:
        task_class = _built_in(name, options)
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


def restored(name: str, problem_type: str | None, options: Mapping[str, Any], labels: Sequence[str]) -> Task:
    """The task that says this of itself: its options do not hold its problem type.

    Raises:
        RecipeError: as `get_task` does.
    """
    chosen = None not in BUILT_IN.get(name, {None: ()})
    stated = {PROBLEM_TYPE: problem_type} if chosen and problem_type is not None else {}
    return get_task(name, {**stated, **options}, labels)


def task_of(manifest: Manifest) -> Task:
    """The task that a manifest was made with, its labels and options included.

    Its problem type is ``head.problem_type``; where the options state one too, the two must agree. Options of its
    prompt are the manifest's ``prompt``.

    Raises:
        AdapterError: this installation has no such task, or the manifest's options are not its own.
    """
    stated, optional = manifest.head.problem_type, manifest.task.options.get(PROBLEM_TYPE)
    if None not in (stated, optional) and stated != optional:
        raise AdapterError(
            f"manifest.json: head.problem_type is {stated}, task.options.problem_type {optional!r}",
            "Publish it with the one that it was trained with.",
        )
    options = dict(manifest.task.options)
    if stated_prompt := manifest.typed.prompt:
        asked = {name: getattr(stated_prompt, name) for name in PROMPT_OPTIONS}
        options.update({name: value for name, value in asked.items() if value is not None})
    try:
        return restored(manifest.task.name, stated, options, manifest.labels)
    except RecipeError as error:
        raise AdapterError(f"manifest.json: {error.message}", error.hint) from error


def _built_in(name: str, options: dict[str, Any]) -> Any:
    """The class for the problem type, which is taken out of the `options`."""
    types = BUILT_IN[name]
    if None in types:
        return _imported(*types[None])
    chosen = options.pop(PROBLEM_TYPE, next(iter(types)))
    if not isinstance(chosen, str) or chosen not in types:
        raise RecipeError(
            f"task.options.problem_type: {name} has no {chosen!r}",
            f"Known: {', '.join(str(known) for known in types)}.",
        )
    return _imported(*types[chosen])


def _imported(module: str, name: str) -> Any:
    return getattr(import_module(module), name)
