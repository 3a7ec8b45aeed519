"""Rows that a base or a task cannot take, named by their split and where they are, before anything is trained.

Knows model inputs and the places of rows. What a row is read as is for the task to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapterhub.errors import RecipeError, RequestError
from adapterhub.evaluate import inputs_of
from adapterhub.tasks import Encoded, Task
from adapterhub.tasks.data import Splits


def refuse_unread(splits: Splits, part: str, task: Task, tokenizer: Any) -> None:
    """Find the row of a split that the task has refused to encode among others: one at a time.

    Raises:
        RecipeError: what the task says of it, with its place.
    """
    for row, where in zip(dict(splits.items())[part], splits.places[part], strict=True):
        try:
            if part != "train":
                task.encode(inputs_of([row], task), tokenizer)
            if part == "train" or task.reads_likelihood:
                task.encode([row], tokenizer, with_labels=True)
        except RequestError as error:
            raise RecipeError(f"data.{part}: {where}: {error.message}", error.hint) from error


def refuse_beyond(splits: Splits, part: str, inputs: Sequence[Sequence[Encoded]], room: int | None) -> None:
    """Refuse the first of a split's labelled `inputs` that has more tokens than there is `room` for.

    Raises:
        RecipeError: with the row's place. Of what is read, only a target is cut nowhere.
    """
    if room is None:
        return
    for index, row in enumerate(inputs):
        longest = max(len(one.input_ids) for one in row)
        if longest > room:
            raise RecipeError(
                f"data.{part}: {splits.places[part][index]}: the row takes {longest} tokens, its target included, and "
                f"the base has positions for {room}",
                "Shorten its target, leave the row out, or lower task.options.max_length, to which the prompt is cut.",
            )
