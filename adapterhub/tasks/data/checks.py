"""What is wrong with rows, said with the file and the line: before any model is loaded.

A row is judged by its task (`Task.check_row`), and by what holds for the rows of every task: text is Unicode without
NUL characters, no input is empty, ids differ, and each label that is asked about can be learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.errors import DataError
from adapterhub.tasks.data.columns import Columns
from adapterhub.tasks.data.rows import DataRow, Placed, content
from adapterhub.tasks.task import Task

if TYPE_CHECKING:
    from adapterhub.tasks.data.formats import Record


class TooFewRows(DataError):
    """A split has no rows, or one has a label that the rows to train on lack: nothing is wrong with any row."""


def checked(records: Iterable[Record], name: str, task: Task, columns: Columns) -> list[Placed]:
    """The records of the file `name` as rows of the task.

    Raises:
        DataError: what is wrong with the first of them that is wrong; or there is none.
    """
    rows: list[Placed] = []
    places: dict[str | int, str] = {}
    for where, record in records:
        row = task.as_read(columns.select(record, where))
        if fault := _fault(row, task):
            raise DataError(f"{where}: {fault}", f"Correct the row, or name other columns for {task.name}.")
        if columns.id is not None:
            _check_id(record.get(columns.id), where, columns.id, places)
        rows.append(Placed(where, row))
    if not rows:
        raise DataError(f"{name}: no rows", f"Give it rows with {', '.join(sorted(columns.required))}.")
    return rows


def check_labels(parts: Mapping[str, Sequence[Placed]], task: Task, known: Sequence[str] = ()) -> None:
    """Refuse training rows with too few labels, and other rows with one that no training row (nor `known`) has.

    Raises:
        DataError: with the row.
    """
    train = parts["train"]
    labels = task.labels_of([placed.row for placed in train], known)
    if len(labels) < task.fewest_labels:
        has = ", ".join(map(repr, labels)) or "none"
        raise DataError(
            f"{train[0].where}: the {len(train)} train rows from here on have {len(labels)} label ({has}), and "
            f"{task.name} needs {task.fewest_labels} at least",
            "Give rows of another class, or check data.columns.",
        )
    for part in ("validation", "test"):
        unseen = set(task.labels_of([placed.row for placed in parts[part]])) - set(labels)
        for placed in parts[part] if unseen else ():
            if own := sorted(unseen & set(task.labels_of([placed.row]))):
                raise TooFewRows(
                    f"{placed.where}: label {own[0]!r} is in {part} and in no row of train",
                    f"Give train rows of it, or leave it out of {part}: it cannot be learned.",
                )


def _fault(row: DataRow, task: Task) -> str | None:
    try:
        task.check_row(row)
        content(row)
    except (ValueError, TypeError) as error:
        return str(error)
    for column, value in row.items():
        if any("\0" in text for text in _texts(value)):
            return f"{column} holds a NUL character"
    for column in task.input_columns:
        value = row[column]
        if isinstance(value, list) and not value:
            return f"{column} is empty"
        if any(not text.strip() for text in ([value] if isinstance(value, str) else _texts(value))):
            return f"{column} is empty" if isinstance(value, str) else f"{column} holds an empty text"
    if task.has_classes and any(not label.strip() for label in _texts(row[task.target_column])):
        return f"{task.target_column} holds an empty label"
    return None


def _texts(value: Any) -> Iterator[str]:
    """Every string in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _check_id(value: object, where: str, column: str, places: dict[str | int, str]) -> None:
    if value is None:
        return
    hint = f'Give each row an id of its own. If {column!r} is none, say data.columns.id = "".'
    if not isinstance(value, str | int):
        raise DataError(f"{where}: {column} is a {type(value).__name__}, not a string or a whole number", hint)
    if (first := places.setdefault(value, where)) != where:
        raise DataError(f"{where}: {column} {value!r} is that of {first} too", hint)
