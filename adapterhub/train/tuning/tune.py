"""A whole search: `tune` runs the trials, writes the best one's recipe, and trains it with its test figures at the end.

Knows the order of things. The search chooses by the validation split only: the test split is scored once, for the
recipe that was chosen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from adapterhub.errors import RecipeError, RunError
from adapterhub.recipe.changes import changed
from adapterhub.recipe.recipe import Recipe
from adapterhub.recipe.search import Search
from adapterhub.tasks import get_task
from adapterhub.train.loop.objective import Objective, choosing_figures
from adapterhub.train.run import RunFolder, TrainingResult
from adapterhub.train.trainer import train
from adapterhub.train.tuning import report
from adapterhub.train.tuning.folder import StudyFolder
from adapterhub.train.tuning.study import Study
from adapterhub.train.tuning.workers import Work, run_apart, run_here
from adapterhub.train.view.progress import Silent, TrainingProgress
from registry import Registry

Watched = Callable[[Path], AbstractContextManager[TrainingProgress]]


@dataclass(frozen=True)
class TuningResult:
    """What a search came to.

    Attributes:
        folder: of the study.
        facts: what ``study.json`` holds.
        run: the best recipe's run; None where it was not to be trained.
    """

    folder: StudyFolder
    facts: dict[str, Any]
    run: TrainingResult | None


@dataclass(frozen=True)
class Effort:
    """How much is put into a search.

    Attributes:
        trials: of the study in all; None takes the recipe's number.
        seconds: after which no trial is begun; what runs then is finished.
        workers: how many processes run trials at a time.
        train_best: whether the best recipe is trained, and scored on the test split, at the end.
    """

    trials: int | None = None
    seconds: float | None = None
    workers: int = 1
    train_best: bool = True


def tune(
    search: Search,
    folder: Path,
    effort: Effort = Effort(),
    *,
    registry: Callable[[], Registry] | None = None,
    say: Callable[[str], None] = lambda text: None,
    watched: Watched = lambda run: nullcontext(Silent()),
) -> TuningResult:
    """Search in `folder`, going on with what is there.

    Args:
        search: what to try.
        folder: new or empty, or holding a study of this same search.
        effort: how many trials, how long, how many at a time.
        registry: opens the one that ``init_from`` is found in; a function that another process can import.
        say: told in a line each what trials try and come to; workers in other processes write to stderr.
        watched: who watches the last run, given its folder.

    Raises:
        RecipeError: the metric is none of the task's.
        RunError: the folder cannot be used, or no trial came to a value.
        DataError, BackboneError: what the recipe names is wrong or missing.
        KeyboardInterrupt: Ctrl-C; the study goes on when it is started again.
    """
    objective = objective_of(search)
    study_folder = StudyFolder.open(folder, search)
    study = Study(study_folder, search, objective)
    until = time.time() + effort.seconds if effort.seconds is not None else None
    work = Work(folder, objective, effort.trials or search.trials, until, registry)
    if effort.workers == 1:
        run_here(work, say)
    else:
        run_apart(work, effort.workers, say)
    best = study.best()
    if best is None:
        raise RunError(
            "no trial came to a value", f"The trials are in {study_folder.trials}; give more time or others."
        )
    recipe = _write_best(study, best)
    run = _train_best(recipe, study_folder.best_run, registry, watched) if effort.train_best else None
    facts = report.document(study, best)
    report.write(study_folder, facts, report.draw(study, folder, say), run)
    return TuningResult(study_folder, facts, run)


def objective_of(search: Search) -> Objective:
    """What trials are compared by: the metric that the search names, or else the one that chooses a run's epoch.

    Raises:
        RecipeError: the task has no such metric.
    """
    task = get_task(search.recipe.task.name, search.recipe.task.options)
    if search.metric is None:
        return Objective.of(search.recipe.training, task)
    figures = choosing_figures(task)
    if search.metric not in figures:
        raise RecipeError(f"search.metric: {task.name} has no {search.metric!r}", f"It has {', '.join(figures)}.")
    return Objective(search.metric, search.metric in task.error_names)


def _write_best(study: Study, best: FrozenTrial) -> Recipe:
    """``best.toml``; the comments above a recipe tell of a result that is not this one's, and are replaced."""
    body = re.sub(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*", "", study.search.recipe.text)
    ended = [trial for trial in study.trials() if trial.state.is_finished()]
    path = study.folder.best_recipe
    head = (
        f"# The best of {len(ended)} trials: {study.objective.metric} {best.value:.4f} on the validation split.\n"
        f"#\n#   adapterhub train {path.name}\n\n"
    )
    text = head + changed(body, study.values_of(best))
    path.write_text(text, encoding="utf-8")
    return Recipe.parse(text, str(path))


def _train_best(
    recipe: Recipe, folder: Path, registry: Callable[[], Registry] | None, watched: Watched
) -> TrainingResult:
    """Train it; a run of an earlier best, from before more trials were made, gives way."""
    run = RunFolder(folder)
    if run.recipe.is_file() and run.recipe.read_text(encoding="utf-8") != recipe.text:
        folder.rename(_free_name(folder))
    with watched(folder) as progress:
        return train(recipe, folder, resume=run.begun, registry=registry() if registry else None, progress=progress)


def _free_name(folder: Path) -> Path:
    """``best-1``, or the next number that is not there yet."""
    number = 1
    while (free := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return free
