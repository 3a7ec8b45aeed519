"""``adapterhub evaluate``: an adapter's figures on labelled rows, with intervals, by class, and to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.rows import Chosen, rows_options
from adapterhub.cli.serving import base_path_option, opened

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.evaluate.report import Report


@click.command("evaluate")
@click.argument("target", metavar="REF|FOLDER")
@rows_options
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep report, answers and figures in this folder.",
)
@click.option(
    "--by",
    type=click.Choice(["engine", "peft"]),
    default="engine",
    show_default=True,
    help="Who answers: the engine that serves, or plain peft, to hold the one against the other.",
)
@base_path_option
@registry_option
@json_option
def evaluate_command(
    target: str, chosen: Chosen, folder: Path | None, by: str, base_path: Path | None, location: str, as_json: bool
) -> None:
    """Score an adapter on labelled rows.

    Takes a published version, a run folder or an adapter folder, which answers through the same engine that serves.
    Intervals are 95% bootstrap. What --out keeps, `adapterhub compare` reads.

    \b
    adapterhub evaluate acme/intent --out served
    adapterhub evaluate acme/intent --by peft --out plain
    adapterhub compare served plain
    """
    from adapterhub.evaluate import Evaluation
    from adapterhub.evaluate.report import Report, check_folder, write_report
    from adapterhub.tasks import task_of

    if folder is not None:
        check_folder(folder)
    with opened(target, location) as adapter:
        task, digest = task_of(adapter.manifest), adapter.manifest.digest
        rows = chosen.read(adapter.manifest, task)  # before the base is loaded: they may be wrong
        if by == "peft":
            made = Evaluation.of(adapter.in_plain_peft(base_path), task, rows, chosen.split)
        else:
            with adapter.served(base_path) as answering:
                made = Evaluation.of(answering, task, rows, chosen.split)
    report, said = Report.of(made), {"adapter": target, "digest": digest, "by": by}
    if folder is not None:
        write_report(folder, made, report, said)
    document = report.document() if folder is None else {**report.document(), "out": folder}
    Output(as_json).result({**said, **document}, _text(report, chosen.split, folder))


def _text(report: Report, split: str, folder: Path | None) -> RenderableType:
    from rich.console import Group

    parts: list[RenderableType] = [
        table((split, "value [95% interval]", "rows"), ((name, str(at), at.n) for name, at in report.metrics.items()))
    ]
    if report.classes:
        figures = (
            (one.label, *(f"{figure:.3f}" for figure in (one.precision, one.recall, one.f1)), one.support)
            for one in report.classes
        )
        parts.append(table(("class", "precision", "recall", "F1", "in the rows"), figures))
    if report.calibration is not None:
        parts.append(f"expected calibration error {report.calibration.error:.4f}")
    if folder is not None:
        parts.append(f"kept in {folder}")
    return Group(*parts)
