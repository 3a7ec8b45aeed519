"""``adapterhub augment``: more training rows, written by an adapter that writes texts of a kind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option
from adapterhub.cli.serving import base_path_option, opened, served
from adapterhub.errors import DataError

if TYPE_CHECKING:
    from registry import Manifest


@click.command("augment")
@click.argument("target", metavar="REF|FOLDER")
@click.argument("rows", type=click.Path(path_type=Path), metavar="ROWS")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--each", type=click.IntRange(min=1), default=10, show_default=True, help="New rows of each label.")
@click.option(
    "--against", type=click.Path(path_type=Path), multiple=True, help="Labelled rows that no new one may repeat."
)
@click.option("--classifier", metavar="REF|FOLDER", help="Keep only texts that this adapter gives their label.")
@click.option("--temperature", type=click.FloatRange(0, 10, min_open=True), default=0.9, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@base_path_option
@registry_option
@json_option
def augment_command(
    target: str,
    rows: Path,
    out: Path,
    each: int,
    against: tuple[Path, ...],
    classifier: str | None,
    temperature: float,
    top_p: float,
    seed: int,
    base_path: Path | None,
    location: str,
    as_json: bool,
) -> None:
    """Write training rows of the labels that ROWS has into OUT, as JSON lines.

    TARGET is an adapter of the problem type "controlled". What is nearly a row of ROWS, of --against or another new
    row is left out. Each row says which version wrote it, and by which seed. A recipe takes OUT as data.more.
    """
    from adapterhub.tasks.data import read_rows
    from adapterhub.tasks.generation.augment import augment
    from adapterhub.tasks.generation.sampling import Sampling
    from adapterhub.tasks.text_classification import TextClassification

    if out.exists():
        raise DataError(f"{out} is there already", "Name another file.")
    out.parent.mkdir(parents=True, exist_ok=True)  # now, not after an hour of writing
    labelled = TextClassification()
    given = read_rows(rows, labelled)
    known = [row["text"] for row in [*given, *(row for file in against for row in read_rows(file, labelled))]]
    with ExitStack() as stack:
        adapter = stack.enter_context(opened(target, location))
        most = _max_new_tokens(adapter.manifest, target)
        judging = stack.enter_context(served(classifier, None, location)) if classifier else None
        writing = stack.enter_context(adapter.served(base_path))

        def write(asked: Sequence[Mapping[str, Any]], way: Sampling) -> list[str]:
            requests: list[Any] = [(writing.reference, row) for row in asked]
            return [answer.text for answer in writing.engine.generate(requests, sampling=way)]

        def classify(texts: Sequence[str]) -> list[str]:
            return [getattr(answer, "label", "") for answer in judging.predict(list(texts))] if judging else []

        way = Sampling(max_new_tokens=most, temperature=temperature, top_p=top_p, seed=seed)
        kinds = labelled.labels_of(given)
        made = augment(write, kinds, each, way, known, classify=classify if judging else None)
    digest = adapter.manifest.digest
    out.write_text("".join(json.dumps({**row, "made_by": digest}) + "\n" for row in made.rows), encoding="utf-8")
    document = {"rows": len(made.rows), "left_out": made.left_out, "made_by": digest, "file": out}
    left_out = ", ".join(f"{count} {reason}" for reason, count in made.left_out.items()) or "none"
    Output(as_json).result(document, f"{len(made.rows)} rows in {out}; left out: {left_out}.")


def _max_new_tokens(manifest: Manifest, target: str) -> int:
    """How long its texts are, of an adapter that writes texts of a kind.

    Raises:
        DataError: it is another one.
    """
    from adapterhub.tasks import task_of
    from adapterhub.tasks.generation.controlled import ControlledGeneration

    task = task_of(manifest)
    if not isinstance(task, ControlledGeneration):
        raise DataError(
            f"{target} does not write texts of a kind", "Train one that does: task text-generation, controlled."
        )
    return int(task.options.sampling.max_new_tokens)
