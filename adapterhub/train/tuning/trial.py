"""One trial: a run that trains, is scored on the validation split after each epoch, and never sees the test split.

Its value is the search's metric at the epoch that a run would keep. It leaves its recipe and its curve; no adapter.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from optuna import TrialPruned
from optuna.trial import Trial

from adapterhub.backbone.quiet import quiet
from adapterhub.errors import RunError
from adapterhub.recipe import Recipe
from adapterhub.train.loop.objective import Objective
from adapterhub.train.prepare import prepare
from adapterhub.train.run import RunFolder
from adapterhub.train.trainer import Sitting, fit
from adapterhub.train.view.progress import Silent, Validation
from registry import Registry


class Reporting(Silent):
    """Tells the study each epoch's figure, and ends the run where the study gives it up."""

    def __init__(self, trial: Trial, metric: str, say: Callable[[str], None]) -> None:
        self._trial = trial
        self._metric = metric
        self._say = say

    def validated(self, validation: Validation) -> None:
        """Report the epoch.

        Raises:
            TrialPruned: earlier trials did better by then.
        """
        value = validation.metrics[self._metric]
        self._say(f"trial {self._trial.number}  epoch {validation.epoch}  {self._metric} {value:.4f}")
        self._trial.report(value, validation.epoch)
        if self._trial.should_prune():
            raise TrialPruned


def run_trial(
    recipe: Recipe, folder: Path, metric: str, progress: Reporting, registry: Registry | None = None
) -> float:
    """Train by `recipe` in `folder`, from its last checkpoint on where there is one, and return the trial's value.

    Raises:
        TrialPruned: the trial was given up.
        RunError: the figure is not a number.
        AdapterHubError: as training does.
        TrainingInterrupted: Ctrl-C; the trial can be continued.
    """
    run = RunFolder.open(folder, recipe, resume=RunFolder(folder).begun)
    with quiet():
        started = time.monotonic()
        ready = prepare(recipe, registry, progress)
        fit(ready, Sitting(run, started), progress)
    value = value_of(run.measurements(), Objective.of(recipe.training, ready.task), metric)
    if not math.isfinite(value):
        raise RunError(f"validation {metric} is {value}", "Lower the rates that are searched.")
    shutil.rmtree(run.checkpoints)
    return value


def value_of(lines: Sequence[dict[str, Any]], kept_by: Objective, metric: str) -> float:
    """`metric` at the epoch that a run keeps."""
    best: float | None = None
    value = math.nan
    for figures in (line["metrics"] for line in lines if line["kind"] == "validation"):
        if kept_by.better(figures[kept_by.metric], best):
            best, value = figures[kept_by.metric], figures[metric]
    return value
