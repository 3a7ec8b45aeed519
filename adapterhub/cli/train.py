"""``adapterhub train``: from a recipe to a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub import settings
from adapterhub.cli.home import open_registry
from adapterhub.cli.output import Output, json_option, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.train import TrainingResult
    from adapterhub.train.progress import TrainingProgress


tensorboard_option = click.option(
    "--tensorboard", is_flag=True, help="Write the run's tensorboard/ too, for tensorboard --logdir."
)


@click.command("train")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--run", "folder", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/<the recipe's name>]"
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@tensorboard_option
@json_option
def train_command(recipe: Path, folder: Path | None, resume: bool, tensorboard: bool, as_json: bool) -> None:
    """Train an adapter by a recipe, or the whole base to compare with.

    RECIPE is a TOML file. The test split is scored before and after; a finished run of the same recipe answers with
    its result.
    """
    from adapterhub.recipe import Recipe
    from adapterhub.train import train

    plan = Recipe.read(recipe)
    registry = open_registry(settings.registry_location()) if plan.init_from else None
    run = folder or Path("runs") / plan.name
    with watched(run, tensorboard) as progress:
        result = train(plan, run, resume=resume, registry=registry, progress=progress)
    Output(as_json).result(result_document(result), _text(result))


@contextmanager
def watched(run: Path, tensorboard: bool) -> Iterator[TrainingProgress]:
    """Whoever watches the run in that folder: stderr, its curve.png, and TensorBoard where asked.

    Raises:
        MissingDependency: tensorboard is not installed.
    """
    from adapterhub.train.board import Board
    from adapterhub.train.console import ConsoleProgress
    from adapterhub.train.picture import Picture
    from adapterhub.train.progress import Several
    from adapterhub.train.run import RunFolder

    folder = RunFolder(run)
    with ExitStack() as stack:
        board = [stack.enter_context(Board(folder))] if tensorboard else []
        console = stack.enter_context(ConsoleProgress())
        picture = stack.enter_context(Picture(folder, console.phase))
        yield Several([console, picture, *board])


def result_document(result: TrainingResult) -> dict[str, object]:
    """What a run came to, for programs."""
    return {
        "run": result.folder,
        "adapter": result.adapter,
        "digest": result.digest,
        "metrics": {"before": result.before, "after": result.after},
        "trainable_parameters": result.trainable_parameters,
        "trainable_share": result.trainable_share,
        "best_step": result.best_step,
        "seconds": result.seconds,
        "dropped_rows": result.dropped_rows,
    }


def _text(result: TrainingResult) -> RenderableType:
    from rich.console import Group

    size = f"{result.trainable_parameters:,} parameters, {result.trainable_share:.2%} of the backbone"
    publish = f"Next: adapterhub publish {result.folder} OWNER/NAME@VERSION"
    return Group(
        table(
            ("test", "before", "after"), ((name, result.before[name], after) for name, after in result.after.items())
        ),
        f"{size}, {result.seconds:.0f} s. {publish if result.adapter else 'Measured only: there is no adapter.'}",
    )
