"""Which labelled rows a command scores: options for them, and the rows themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.output import Output
from adapterhub.errors import DataError, RecipeError

if TYPE_CHECKING:
    from adapterhub.recipe import Recipe
    from adapterhub.tasks import Task
    from registry import Manifest

FORMATS = ("jsonl", "csv", "tsv", "parquet", "conll")
SPLITS = ("train", "validation", "test")
MOST_LABELS = 10  # that are listed


def column_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--column``, which the command takes as `columns`, for `columns_named` to read."""
    option = click.option(
        "--column", "columns", metavar="TASK=FILE", multiple=True, help="A column that the file calls otherwise."
    )
    return option(command)


def columns_named(columns: Sequence[str]) -> dict[str, str]:
    """What `column_option` was given: the task's column → the file's.

    Raises:
        UsageError: one is not written as TASK=FILE.
    """
    return dict(_pair(column) for column in columns)


@dataclass(frozen=True)
class Chosen:
    """A file, in a format that its name may not say; without one, a split of the recipe's data.

    Attributes:
        columns: what the file calls the task's columns, where that is neither the task's word nor the recipe's.
    """

    data: Path | None
    form: str | None
    split: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def read(self, manifest: Manifest, task: Task) -> Sequence[Mapping[str, Any]]:
        """The rows, checked; that the adapter lacks labels of a file's rows is said.

        Raises:
            DataError: they are wrong or missing, nothing names them, or the adapter has none of a file's labels.
        """
        from adapterhub.tasks.data import read_rows, read_split

        if self.data is None:
            recipe = _recipe(manifest)
            if recipe is None:
                raise DataError("the manifest holds no recipe, which would name the rows", "Name them: --data FILE.")
            return read_split(recipe.data, task, self.split)
        rows = read_rows(self.data, task, self._columns(self.data, manifest), self.form)
        _tell_unknown_labels(self.data, rows, task)
        return rows

    def column(self, name: str, manifest: Manifest, task: Task) -> list[str]:
        """What the file's further column `name` says of each of the rows that `read` gives.

        Raises:
            DataError: a row lacks it.
            UsageError: no file was chosen.
        """
        from adapterhub.tasks.data import read_column

        if self.data is None:
            raise click.UsageError(f"{name!r} is to be a column of --data FILE", click.get_current_context())
        return read_column(self.data, name, task, self._columns(self.data, manifest), self.form)

    def _columns(self, data: Path, manifest: Manifest) -> Mapping[str, str]:
        """The recipe's names where the file has such columns, and those of the options over them."""
        from adapterhub.tasks.data.formats import names_of

        try:
            recipe = _recipe(manifest)
        except RecipeError as error:  # a later version's, say: the file has names of its own
            Output().say(f"warning: the manifest's recipe is not read here, nor its columns: {error.message}")
            return self.columns
        if recipe is None or not recipe.data.columns:
            return self.columns
        names = names_of(data, self.form)
        usual = {ours: theirs for ours, theirs in recipe.data.columns.items() if theirs in names or not theirs}
        return {**usual, **self.columns}


def rows_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data``, ``--format``, ``--column``, ``--split``, which the command takes as one `Chosen` named `chosen`."""

    @click.option("--data", type=click.Path(path_type=Path), help="Labelled rows, not those of its recipe.")
    @click.option(
        "--format", "form", type=click.Choice(FORMATS), help="Of those rows.  [default: what the file's name says]"
    )
    @column_option
    @click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which rows.")
    @functools.wraps(command)
    def taking(
        *arguments: Any, data: Path | None, form: str | None, columns: tuple[str, ...], split: str, **options: Any
    ) -> Any:
        if columns and data is None:
            raise click.UsageError("--column names a column of --data FILE", click.get_current_context())
        return command(*arguments, chosen=Chosen(data, form, split, columns_named(columns)), **options)

    return taking


def _recipe(manifest: Manifest) -> Recipe | None:
    from adapterhub.recipe import Recipe

    text = manifest.document.get("recipe")
    return Recipe.parse(text, "the manifest's recipe") if text else None


def _tell_unknown_labels(data: Path, rows: Sequence[Mapping[str, Any]], task: Task) -> None:
    """Warn of labels that the adapter can never answer, which figures alone would not tell from bad answers.

    Raises:
        DataError: no row has a label that it can answer.
    """
    from adapterhub.tasks.data.sampling import labels_in

    if not (task.has_classes and task.labels):
        return
    found = {label for row in rows for label in labels_in(row, task)}
    unknown = sorted(found - {*task.labels})
    if not unknown:
        return
    if len(unknown) == len(found):
        raise DataError(
            f"{data}: the adapter has none of the rows' labels: {_few(unknown)}",
            f"It has {_few(task.labels)}. Name other rows, or the column: --column {task.target_column}=…",
        )
    Output().say(f"warning: {data}: the adapter has no label {_few(unknown)}; rows of it count as answered wrong")


def _few(labels: Sequence[str]) -> str:
    more = len(labels) - MOST_LABELS
    return ", ".join(map(repr, labels[:MOST_LABELS])) + (f" and {more} more" if more > 0 else "")


def _pair(column: str) -> tuple[str, str]:
    ours, equals, theirs = column.partition("=")
    if not (ours and equals and theirs):
        raise click.UsageError(
            f"--column {column}: write it as TASK=FILE, for example label=queue", click.get_current_context()
        )
    return ours, theirs
