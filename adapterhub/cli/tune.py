"""``adapterhub tune``: search a recipe's settings by the validation split."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub import settings
from adapterhub.cli.home import open_registry
from adapterhub.cli.output import Output, json_option, table
from adapterhub.cli.train import result_document, tensorboard_option, watched

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.train.tuning.tune import TuningResult


@click.command("tune")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--study",
    "folder",
    type=click.Path(path_type=Path),
    help="The study's folder; one that is there goes on.  [default: studies/<the recipe's name>]",
)
@click.option(
    "--trials", type=click.IntRange(min=1), help="Of the study in all.  [default: the recipe's search.trials]"
)
@click.option("--timeout", type=click.FloatRange(min=0), help="Begin no trial after so many seconds.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="How many processes run trials."
)
@click.option("--no-train", is_flag=True, help="Write best.toml, and do not train it.")
@tensorboard_option
@json_option
def tune_command(
    recipe: Path,
    folder: Path | None,
    trials: int | None,
    timeout: float | None,
    workers: int,
    no_train: bool,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Search for a recipe's best settings.

    RECIPE is a TOML file whose [search] table says which keys are tried with which values. Trials are compared on the
    validation split only; the best one's recipe, best.toml, is trained and scored on the test split at the end. A study
    that was interrupted, or killed, goes on when the same command is run again.
    """
    from adapterhub.recipe.search import Search
    from adapterhub.train.tuning.tune import Effort, tune

    search = Search.read(recipe)
    output = Output(as_json)
    result = tune(
        search,
        folder or Path("studies") / search.recipe.name,
        Effort(trials, timeout, workers, not no_train),
        registry=partial(open_registry, settings.registry_location()) if search.recipe.init_from else None,
        say=output.say,
        watched=lambda run: watched(run, tensorboard),
    )
    output.result(_document(result), _text(result))


def _document(result: TuningResult) -> dict[str, object]:
    return {
        "study": result.folder.path,
        **result.facts,
        "best_recipe": result.folder.best_recipe,
        "report": result.folder.report,
        "run": result_document(result.run) if result.run else None,
    }


def _text(result: TuningResult) -> RenderableType:
    from rich.console import Group

    best = result.facts["best"]
    chosen = table(("key", "best value"), ((key, value) for key, value in best["values"].items()))
    said = f"{result.facts['metric']} {best['value']:.4f} on validation, trial {best['number']}."
    files = f"{said} {result.folder.best_recipe}, {result.folder.report}"
    if result.run is None:
        return Group(chosen, f"{files}. Next: adapterhub train {result.folder.best_recipe}")
    before = result.run.before
    tests = table(
        ("test", "before", "after"), ((name, before[name], after) for name, after in result.run.after.items())
    )
    next_step = f" Next: adapterhub publish {result.run.folder} OWNER/NAME@VERSION" if result.run.adapter else ""
    return Group(chosen, tests, f"{files}.{next_step}")
