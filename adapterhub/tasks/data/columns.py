"""Which columns of a file are a task's: the recipe's ``[data.columns]`` over the task's own names.

Besides the task's columns there is ``id``: where a file has one, no two rows of it may share a value.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.errors import DataError
from adapterhub.tasks.task import Task

ID = "id"
MOST_SHOWN = 20  # names in a hint


@dataclass(frozen=True)
class Columns:
    """A task's columns, and what each is called in the files.

    Attributes:
        source: the task's column → the file's.
        required: columns of the task that each row must have.
        structured: columns of the file that hold something else than a string.
        optional: columns of the file that a row may lack.
        id: the file's column of ids, or None where ids are not to be looked at; `id_named` says that it must be there.
    """

    source: Mapping[str, str]
    required: frozenset[str]
    structured: frozenset[str]
    optional: frozenset[str]
    id: str | None
    id_named: bool

    @classmethod
    def of(cls, task: Task, named: Mapping[str, str] | None = None) -> Columns:
        """The columns of `task`, where `named` maps some of them to a file's.

        Raises:
            DataError: the task has no such column.
        """
        named = named or {}
        known = (*task.input_columns, *task.optional_columns, task.target_column)
        for column in named:
            if column not in known and column != ID:
                message = f"data.columns.{column}: {task.name} has no such column"
                raise DataError(message, _nearest(column, (*known, ID)))
        source = {column: named.get(column, column) for column in known}
        required = frozenset({*task.input_columns, task.target_column, *named} - {ID})
        return cls(
            source=source,
            required=required,
            structured=frozenset(source[column] for column in known if column in task.structured_columns),
            optional=frozenset(source[column] for column in known if column not in required),
            id=named.get(ID, ID) or None,
            id_named=bool(named.get(ID)),
        )

    @property
    def read(self) -> frozenset[str]:
        """Every column of the file that is looked at."""
        return frozenset(self.source.values()) | ({self.id} if self.id else set())

    def check(self, names: Collection[str], where: str) -> None:
        """Refuse a file, or a row, that has only the columns `names` where more are required.

        Raises:
            DataError: with the nearest of them.
        """
        for column in sorted(self.required):
            if self.source[column] not in names:
                raise DataError(
                    f"{where}: no column {self.source[column]!r}",
                    f"{_nearest(self.source[column], names)} Say which it is: data.columns.{column} in a recipe, "
                    f"--column {column}=… on the command line.",
                )
        if self.id_named and self.id not in names:
            raise DataError(f"{where}: no column {self.id!r}", f"{_nearest(str(self.id), names)} See data.columns.id.")

    def select(self, record: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The task's columns of a file's record; one that it may lack and that is null is none.

        Raises:
            DataError: the record lacks a column.
        """
        self.check(record.keys(), where)
        return {
            column: record[name]
            for column, name in self.source.items()
            if name in record and not (record[name] is None and name in self.optional)
        }


def refuse_twice(header: Sequence[str], where: str) -> None:
    """Refuse a header with two columns of one name: which of them is meant is not said.

    Raises:
        DataError: with the first of such names.
    """
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{where}: the header names {twice[0]!r} twice", "Give each column a name of its own.")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    shown = ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
    return f"Did you mean {near[0]!r}?" if near else f"There is {shown or 'none'}."
