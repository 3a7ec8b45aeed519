"""``adapterhub compare``: which of two answers the same rows better, and whether that could be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapterhub.cli.home import registry_option
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.predict import answer_document, in_words, shortened
from adapterhub.cli.rows import Chosen, rows_options
from adapterhub.cli.serving import Opened, base_path_option, opened
from adapterhub.errors import DataError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.evaluate import Evaluation
    from adapterhub.evaluate.comparison import Change, Comparison
    from adapterhub.tasks import Task

Rows = Sequence[Mapping[str, Any]]
BASE = "base"
SIGNIFICANT = 0.05
MOST_SHOWN = 50


@click.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@rows_options
@click.option("--changed", is_flag=True, help="Show the rows that the two answer differently.")
@base_path_option
@registry_option
@json_option
def compare_command(
    first: str, second: str, chosen: Chosen, changed: bool, base_path: Path | None, location: str, as_json: bool
) -> None:
    """Compare what two make of the same rows: B less A.

    Each is a published version, a run or adapter folder, a folder that `evaluate --out` kept, or the word base: the
    other's base as its training found it. Differences have 95% paired bootstrap intervals (Koehn 2004); where rows are
    right or wrong, McNemar's exact test is made too.

    \b
    adapterhub compare acme/intent@1.3.2 acme/intent@1.4.0 --changed
    adapterhub compare base runs/intent
    """
    from adapterhub.evaluate.comparison import Comparison

    if first == second == BASE:
        raise click.UsageError("name an adapter beside base", click.get_current_context())
    with ExitStack() as stack:
        sides = [_Side.open(name, location, stack) for name in (first, second)]
        task, rows, split = _asked(sides, chosen)
        for side in sides:
            side.check(task)
        recipe = next((side.recipe for side in sides if side.recipe), None)
        one, other = (side.evaluated(task, rows, split, recipe, base_path) for side in sides)
    compared = Comparison.of(one, other)
    Output(as_json).result(_document(first, second, compared, changed), _text(first, second, compared, changed))


@dataclass(frozen=True)
class _Side:
    """One of the two: answers that were kept, an adapter that was opened, or neither: the base."""

    name: str
    kept: Evaluation | None = None
    adapter: Opened | None = None

    @classmethod
    def open(cls, name: str, location: str, stack: ExitStack) -> _Side:
        from adapterhub.evaluate.predictions import PREDICTIONS, read_predictions

        if name == BASE:
            return cls(name)
        folder = Path(name).parent if Path(name).name == PREDICTIONS else Path(name)
        if (folder / PREDICTIONS).is_file():
            return cls(name, kept=read_predictions(folder))
        return cls(name, adapter=stack.enter_context(opened(name, location)))

    @property
    def task(self) -> Task | None:
        from adapterhub.tasks import task_of

        if self.kept is not None:
            return self.kept.task
        return task_of(self.adapter.manifest) if self.adapter is not None else None

    @property
    def recipe(self) -> str | None:
        return self.adapter.manifest.document.get("recipe") if self.adapter is not None else None

    def check(self, task: Task) -> None:
        """Refuse another task than `task` before anything is loaded."""
        own = self.task
        if own is not None and (own.name, own.problem_type) != (task.name, task.problem_type):
            raise DataError(f"{self.name} answers {own.name}, not {task.name}", "Compare two of the same task.")

    def evaluated(self, task: Task, rows: Rows, split: str, recipe: str | None, base_path: Path | None) -> Evaluation:
        """What it makes of `rows`; `recipe` is the text of the one that says what the base is."""
        from adapterhub.evaluate import Evaluation

        if self.kept is not None:
            return self.kept
        if self.adapter is not None:
            with self.adapter.served(base_path) as answering:
                return Evaluation.of(answering, self.task or task, rows, split)
        if recipe is None:
            raise DataError("no recipe says what base is", "Compare with an adapter that was trained from a recipe.")
        from adapterhub.recipe import Recipe
        from adapterhub.train.model.baseline import untrained

        return Evaluation.of(untrained(Recipe.parse(recipe), task, base_path), task, rows, split)


def _asked(sides: Sequence[_Side], chosen: Chosen) -> tuple[Task, Rows, str]:
    """The task, and its rows: those of answers that were kept, else those that the options or the recipe name."""
    for side in sides:
        if side.kept is not None:
            kept = side.kept
            return kept.task, kept.rows[:: kept.task.samples], kept.split
    adapter, task = next((side.adapter, side.task) for side in sides if side.adapter)
    if adapter is None or task is None:
        raise ValueError("one of the two is no base")
    return task, chosen.read(adapter.manifest, task), chosen.split


def _document(first: str, second: str, compared: Comparison, changed: bool) -> dict[str, Any]:
    document = {
        "first": first,
        "second": second,
        "rows": len(compared.first.outcomes),
        "metrics": compared.differences,
        "mcnemar": compared.mcnemar,
        "changed": len(compared.changed),
    }
    if not changed:
        return document
    return {
        **document,
        "changes": [{**_change(one), "row": compared.first.rows[one.number - 1]} for one in compared.changed],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "number": change.number,
        "first": answer_document(change.first),
        "second": answer_document(change.second),
        "right": change.right,
    }


def _text(first: str, second: str, compared: Comparison, changed: bool) -> RenderableType:
    from rich.console import Group

    lines = [
        (name, f"{at.first:.4f}", f"{at.second:.4f}", f"{at.value:+.4f} [{at.low:+.4f}, {at.high:+.4f}]", f"{at.p:.4f}")
        for name, at in compared.differences.items()
    ]
    parts: list[RenderableType] = [table(("", first, second, "difference [95% interval]", "p"), lines)]
    test = compared.mcnemar
    if test is not None:
        parts.append(
            f"right in {first} alone: {test.only_first} rows, in {second} alone: {test.only_second}; "
            f"McNemar's exact p = {test.p:.4f}"
        )
    parts.append(
        f"{_verdict(first, second, compared)}; {len(compared.changed)} of {len(compared.first.rows)} answers changed"
    )
    if changed:
        parts.append(_changes(first, second, compared))
    return Group(*parts)


def _verdict(first: str, second: str, compared: Comparison) -> str:
    """Which is better by the task's primary metric, or where answers alone do not give that one, by the first."""
    task = compared.first.task
    metric = task.metric_names[0] if task.reads_likelihood else task.primary_metric
    found = compared.differences[metric]
    if found.p >= SIGNIFICANT:
        return f"neither is better by {metric} (p = {found.p:.3f})"
    better = second if (found.value > 0) != (metric in task.error_names) else first
    return f"{better} is better by {metric} (p = {found.p:.3f})"


def _changes(first: str, second: str, compared: Comparison) -> RenderableType:
    marks = {True: "✓", False: "✗", None: ""}
    lines = []
    for change in compared.changed[:MOST_SHOWN]:
        one, other = change.right or (None, None)
        row = compared.first.rows[change.number - 1]
        answers = (f"{in_words(change.first)} {marks[one]}", f"{in_words(change.second)} {marks[other]}")
        lines.append((change.number, shortened(row), *answers))
    return table(("row", "", first, second), lines)
