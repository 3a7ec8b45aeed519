"""``adapterhub evaluate``: an adapter's figures on labelled rows, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.serving import base_path_option, opened
from adapterhub.errors import DataError

FORMATS = ("jsonl", "csv", "tsv", "parquet", "conll")

if TYPE_CHECKING:
    from adapterhub.tasks import Task
    from registry import Manifest


@click.command("evaluate")
@click.argument("target", metavar="REF|FOLDER")
@click.option("--data", type=click.Path(path_type=Path), help="Labelled rows, not those of its recipe.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="Of those rows.  [default: what the file's name says]"
)
@click.option(
    "--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True, help="Which rows."
)
@base_path_option
@registry_option
@json_option
def evaluate_command(
    target: str,
    data: Path | None,
    form: str | None,
    split: str,
    base_path: Path | None,
    location: str,
    as_json: bool,
) -> None:
    """Score an adapter on labelled rows.

    Takes a published version, a run folder or an adapter folder, which answers through the same engine that serves.
    Intervals are 95% bootstrap.
    """
    from adapterhub.evaluate import evaluate
    from adapterhub.tasks import task_of

    with opened(target, location) as adapter:
        task = task_of(adapter.manifest)
        rows = _rows(adapter.manifest, task, data, form, split)  # before the base is loaded: they may be wrong
        with adapter.served(base_path) as answering:
            figures = evaluate(answering, task, rows, split)
    text = table((split, "value [95% interval]", "rows"), ((name, str(at), at.n) for name, at in figures.items()))
    Output(as_json).result({"adapter": target, "digest": adapter.manifest.digest, "metrics": figures}, text)


def _rows(
    manifest: Manifest, task: Task, data: Path | None, form: str | None, split: str
) -> Sequence[Mapping[str, Any]]:
    from adapterhub.recipe import Recipe
    from adapterhub.tasks.data import read_rows, read_split

    if data is not None:
        return read_rows(data, task, form=form)
    text = manifest.document.get("recipe")
    if not text:
        raise DataError("the manifest holds no recipe, which would name the rows", "Name them: --data FILE.")
    return read_split(Recipe.parse(text, "the manifest's recipe").data, task, split)
