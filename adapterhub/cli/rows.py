"""Which labelled rows a command scores: options for them, and the rows themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.errors import DataError

if TYPE_CHECKING:
    from adapterhub.tasks import Task
    from registry import Manifest

FORMATS = ("jsonl", "csv", "tsv", "parquet", "conll")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Chosen:
    """A file, in a format that its name may not say; without one, a split of the recipe's data."""

    data: Path | None
    form: str | None
    split: str

    def read(self, manifest: Manifest, task: Task) -> Sequence[Mapping[str, Any]]:
        """The rows, checked.

        Raises:
            DataError: they are wrong or missing, or nothing names them.
        """
        from adapterhub.recipe import Recipe
        from adapterhub.tasks.data import read_rows, read_split

        if self.data is not None:
            return read_rows(self.data, task, form=self.form)
        text = manifest.document.get("recipe")
        if not text:
            raise DataError("the manifest holds no recipe, which would name the rows", "Name them: --data FILE.")
        return read_split(Recipe.parse(text, "the manifest's recipe").data, task, self.split)


def rows_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data``, ``--format`` and ``--split``, which the command takes as one `Chosen` named `chosen`."""

    @click.option("--data", type=click.Path(path_type=Path), help="Labelled rows, not those of its recipe.")
    @click.option(
        "--format", "form", type=click.Choice(FORMATS), help="Of those rows.  [default: what the file's name says]"
    )
    @click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which rows.")
    @functools.wraps(command)
    def taking(*arguments: Any, data: Path | None, form: str | None, split: str, **options: Any) -> Any:
        return command(*arguments, chosen=Chosen(data, form, split), **options)

    return taking
