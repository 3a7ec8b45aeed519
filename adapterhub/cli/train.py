"""``adapterhub train``: from a recipe to a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapterhub import settings
from adapterhub.cli.home import open_registry
from adapterhub.cli.output import Output, json_option, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from adapterhub.recipe import Recipe
    from adapterhub.train import TrainingResult
    from adapterhub.train.plan import Plan
    from adapterhub.train.view.progress import TrainingProgress


LABELS_SHOWN = 20
tensorboard_option = click.option(
    "--tensorboard", is_flag=True, help="Write the run's tensorboard/ too, for tensorboard --logdir."
)


@click.command("train")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--run", "folder", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/<the recipe's name>]"
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="Another value for a key of the recipe, such as training.epochs=3; the run's recipe has it.",
)
@click.option("--dry-run", is_flag=True, help="Check recipe, data and model, count, and train nothing.")
@tensorboard_option
@json_option
def train_command(
    recipe: Path,
    folder: Path | None,
    resume: bool,
    assignments: Sequence[str],
    dry_run: bool,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train an adapter by a recipe, or the whole base to compare with.

    RECIPE is a TOML file. The test split is scored before and after; a finished run of the same recipe answers with
    its result.
    """
    from adapterhub.recipe import Recipe
    from adapterhub.train import train

    chosen = _with(Recipe.read(recipe), assignments, recipe)
    registry = open_registry(settings.registry_location()) if chosen.init_from else None
    output = Output(as_json)
    if dry_run:
        from adapterhub.train.plan import plan
        from adapterhub.train.view.console import ConsoleProgress

        with ConsoleProgress() as progress:
            counted = plan(chosen, registry, progress)
        output.result({"recipe": chosen.name, **vars(counted)}, _plan_text(counted))
        return
    run = folder or Path("runs") / chosen.name
    with watched(run, tensorboard) as watcher:
        result = train(chosen, run, resume=resume, registry=registry, progress=watcher)
    output.result(result_document(result), _text(result))


def _with(recipe: Recipe, assignments: Sequence[str], path: Path) -> Recipe:
    """The recipe with what ``--set`` puts at its keys."""
    if not assignments:
        return recipe
    from adapterhub.recipe import Recipe
    from adapterhub.recipe.changes import assignment, changed

    text = changed(recipe.text, dict(assignment(text) for text in assignments))
    return Recipe.parse(text, f"{path} with --set {' --set '.join(assignments)}")


@contextmanager
def watched(run: Path, tensorboard: bool) -> Iterator[TrainingProgress]:
    """Whoever watches the run in that folder: stderr, its curve.png, and TensorBoard where asked.

    Raises:
        MissingDependency: tensorboard is not installed.
    """
    from adapterhub.train.run import RunFolder
    from adapterhub.train.view.board import Board
    from adapterhub.train.view.console import ConsoleProgress
    from adapterhub.train.view.picture import Picture
    from adapterhub.train.view.progress import Several

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


def _plan_text(plan: Plan) -> RenderableType:
    from rich.console import Group

    left_out = {"in another split too": plan.dropped_rows}
    left_out |= {f"of {split} beyond the recipe's limits": count for split, count in plan.unused_rows.items()}
    remarks = [f"{count:,} rows left out: {why}." for why, count in left_out.items() if count]
    remarks += [f"{plan.truncated:,} inputs are cut at max_length."] if plan.truncated else []
    labels = sorted(plan.labels.items(), key=lambda label: -label[1])
    shown = labels[:LABELS_SHOWN]
    if len(labels) > len(shown):
        shown.append((f"and {len(labels) - len(shown)} more", sum(count for _, count in labels[LABELS_SHOWN:])))
    return Group(
        table(("split", "rows"), ((split, f"{count:,}") for split, count in plan.rows.items())),
        *([table(("label", "in train"), ((label, f"{count:,}") for label, count in shown))] if shown else []),
        *remarks,
        f"{plan.tokens:,} tokens an epoch, the longest input has {plan.longest}. {plan.steps:,} steps train "
        f"{plan.trainable_parameters:,} parameters, {plan.trainable_share:.2%} of the backbone. Nothing was trained.",
    )
