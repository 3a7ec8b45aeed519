"""``adapterhub new``: a first recipe for rows that have none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.rows import FORMATS, column_option, columns_named
from adapterhub.cli.serving import base_path_option
from adapterhub.errors import DataError, RecipeError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.recipe import Data, TaskChoice
    from adapterhub.train.starter.starter import Starter

UNKNOWN = "unknown"  # the Hub's own word
SHARE = 0.1  # of one file, for validation and for test
ENOUGH = 50  # rows of one file: both shares then have some, 99 times in 100
MOST_LABELS = 20  # that are listed


@click.command("new")
@click.argument("task")
@click.option(
    "--data",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="A file of rows, which the recipe splits; or a folder with a file each of train, validation and test.",
)
@column_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the rows.  [default: what the file's name says]")
@click.option(
    "--option", "options", metavar="KEY=VALUE", multiple=True, help="One of task.options: problem_type=regression, say."
)
@click.option("--base", metavar="ID", help="The backbone's Hub id.  [default: the one that a package ships]")
@base_path_option
@click.option("--licence", default=UNKNOWN, show_default=True, help="Of the adapter.")
@click.option("--data-licence", default=UNKNOWN, show_default=True, help="Of the rows.")
@click.option("--out", type=click.Path(path_type=Path), help="The recipe's file.  [default: <name of the data>.toml]")
@json_option
def new_command(
    task: str,
    path: Path,
    columns: tuple[str, ...],
    form: str | None,
    options: tuple[str, ...],
    base: str | None,
    base_path: Path | None,
    licence: str,
    data_licence: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write a first recipe that trains TASK on these rows.

    The rows are read and checked, and the recipe says in comments what was chosen and why. Nothing is trained, and no
    file is written over.
    """
    named = columns_named(columns)
    place = out or Path(f"{_slug(path)}.toml")
    if place.exists():
        raise RecipeError(f"{place} exists", "Name another file: --out.")
    from adapterhub.recipe import TaskChoice
    from adapterhub.recipe.changes import assignment

    choice = TaskChoice(name=task, options=dict(assignment(option) for option in options))
    data = _data(path, named, form, data_licence)
    made = _starter(_slug(place), licence, choice, data, base, base_path)
    with place.open("x", encoding="utf-8") as stream:
        stream.write(made.text)
    document = {"recipe": place, "rows": made.rows, "labels": made.labels, "overlap": made.overlap}
    Output(as_json).result(document, _text(made, place))


def _starter(
    name: str, licence: str, choice: TaskChoice, data: Data, base: str | None, base_path: Path | None
) -> Starter:
    from adapterhub.recipe import Base
    from adapterhub.tasks import get_task
    from adapterhub.tasks.data.checks import TooFewRows
    from adapterhub.train.starter.starter import default_base, starter

    id = base or default_base(get_task(choice.name, choice.options))
    path = str(base_path.resolve()) if base_path else None
    try:
        return starter(name, licence, choice, data, Base(id=id, path=path))
    except TooFewRows as error:
        if data.split is None:
            raise
        raise DataError(
            error.message,
            f"One file is split by itself, {SHARE:.0%} of its rows for each of validation and test: give it "
            f"{ENOUGH} rows or more, and several of each label. Or name a folder with a file of your own for each.",
        ) from error


def _data(path: Path, columns: dict[str, str], form: Any, licence: str) -> Data:
    from adapterhub.recipe import Data, Split
    from adapterhub.tasks.data.naming import data_files

    files = data_files(path)
    return Data(
        name=_slug(path),
        licence=licence,
        format=form,
        columns=columns,
        split=Split(validation=SHARE, test=SHARE) if "file" in files else None,
        file=files.get("file"),
        train=files.get("train"),
        validation=files.get("validation"),
        test=files.get("test"),
    )


def _slug(path: Path) -> str:
    """A name as recipes have them, from a file's or a folder's."""
    stem = path.resolve().stem.lower()
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._") or "recipe"


def _text(made: Starter, place: Path) -> RenderableType:
    from rich.console import Group

    shown = sorted(made.labels.items(), key=lambda label: -label[1])
    parts: list[RenderableType] = [table(("split", "rows"), made.rows.items())]
    if shown:
        parts.append(table(("label", "training rows"), shown[:MOST_LABELS]))
    if len(shown) > MOST_LABELS:
        parts.append(f"and {len(shown) - MOST_LABELS} more labels")
    if made.overlap:
        parts.append(f"Rows that are nearly in two splits: {made.overlap}; see leakage in the recipe.")
    return Group(*parts, f"Next: adapterhub train {place}")
