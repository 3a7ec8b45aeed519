"""A run in a process of its own, to be stopped at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from adapterhub.recipe import Recipe
from adapterhub.train import TrainingInterrupted, train
from adapterhub.train.view.progress import Silent

# Forked from a server that has imported everything once, and has never run a model: an import takes longer than a run.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.train.process", "adapterhub.train.trainer"])


class Reporting(Silent):
    """Sends each step's number to another process."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe

    def step(self, done: int) -> None:
        self.pipe.send(done)


def stop_at(step: int, by: signal.Signals, recipe: Recipe, run: Path) -> int:
    """Begin the run, or go on with it, and send its process a signal as soon as it has made a step; its exit code."""
    steps, reporting = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_train, args=(recipe.text, run, reporting))
    process.start()
    reporting.close()
    if process.pid is None:
        raise RuntimeError("the process has not begun")
    while steps.recv() < step:
        pass
    os.kill(process.pid, by)
    process.join()
    if process.exitcode is None:
        raise RuntimeError("the process has not ended")
    return process.exitcode


def _train(text: str, run: Path, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its background jobs ignore
    try:
        train(Recipe.parse(text), run, resume=run.exists(), progress=Reporting(pipe))
    except TrainingInterrupted:
        sys.exit(130)
