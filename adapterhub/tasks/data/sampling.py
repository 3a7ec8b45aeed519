"""Fewer rows than there are: so many of each class, so many of a split, so many tokens.

Which ones is drawn by a seeded hash of each row's content: the same rows give the same draw in whatever order they
come, and a row that is added displaces few others. Rows keep the order of their file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from adapterhub.errors import DataError, RecipeError
from adapterhub.tasks.data.rows import DataRow, Placed, content, draw
from adapterhub.tasks.task import Task


def labels_in(row: DataRow, task: Task) -> list[str]:
    """The labels of a row of a task that has classes: one, several, or one for each token."""
    target = row[task.class_column or task.target_column]
    return [target] if isinstance(target, str) else list(target)


def drawn(rows: Sequence[DataRow], seed: int) -> list[int]:
    """Indices of all rows in the order of their draw."""
    return sorted(range(len(rows)), key=lambda index: (draw(content(rows[index]).decode(), seed), index))


def few_shots(rows: Sequence[Placed], task: Task, shots: int, seed: int) -> tuple[list[Placed], dict[str, int]]:
    """Rows until each label occurs `shots` times, and the labels of which there were not so many, with their counts.

    Where a row has one label, that is exactly so many rows of each. A row of several (a sentence's tags) is taken where
    one of them is still lacking; so the others may occur more often.

    Raises:
        RecipeError: the task has no classes.
    """
    if task.class_column is None:
        raise RecipeError(
            f"data.shots: there are no classes in {task.problem_type or task.name}", "Use data.max_rows instead."
        )
    counted: Counter[str] = Counter()
    taken: set[int] = set()
    for index in drawn([placed.row for placed in rows], seed):
        labels = labels_in(rows[index].row, task)
        if any(counted[label] < shots for label in labels):
            taken.add(index)
            counted.update(labels)
    short = {label: count for label, count in sorted(counted.items()) if count < shots}
    return [placed for index, placed in enumerate(rows) if index in taken], short


def at_most(rows: Sequence[Placed], most: int | None, seed: int) -> list[Placed]:
    """So many of the rows, or all."""
    if most is None or len(rows) <= most:
        return list(rows)
    taken = set(drawn([placed.row for placed in rows], seed)[:most])
    return [placed for index, placed in enumerate(rows) if index in taken]


def within_tokens(rows: Sequence[DataRow], tokens: Sequence[int], most: int, seed: int) -> list[int]:
    """Indices, rising, of the rows that are drawn before their `tokens` would be more than `most`.

    Raises:
        DataError: the first is already.
    """
    order = drawn(rows, seed)
    totals = accumulate(tokens[index] for index in order)
    kept = [index for index, total in zip(order, totals, strict=True) if total <= most]
    if not kept:
        raise DataError(f"data.max_tokens: no row has as few as {most} tokens", "Allow more.")
    return sorted(kept)
