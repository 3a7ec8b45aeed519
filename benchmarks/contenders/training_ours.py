"""`adapterhub.train` by a recipe, in a process of its own: ``python -m … RECIPE FOLDER``."""

from __future__ import annotations

import time
from pathlib import Path

from adapterhub.recipe import Recipe
from adapterhub.train.trainer import train
from adapterhub.train.view.progress import Silent
from benchmarks.contenders.training_run import Times, tell


class Stopwatch(Silent):
    """Times the loop by what a run tells of itself."""

    def __init__(self, times: Times) -> None:
        self.times = times

    def steps(self, done: int, total: int) -> None:
        """The loop begins."""
        self.times.began = time.perf_counter()

    def step(self, done: int) -> None:
        """One more is made."""
        self.times.steps.append(time.perf_counter())

    def phase(self, name: str) -> None:
        """The last one begins when the loop has ended."""
        self.times.ended = time.perf_counter()


def run(recipe: Path, folder: Path) -> Times:
    """Train, and leave the adapter in ``folder/adapter``."""
    plan = Recipe.read(recipe)
    times = Times(plan.training.epochs)
    train(plan, folder, progress=Stopwatch(times))
    return times


if __name__ == "__main__":
    tell(run)
