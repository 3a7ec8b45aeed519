"""Who runs the trials: this process, or several others, all on one study.

A worker asks for trials until there is none left, or no time. Several get their share of the cores each, and leave when
the process that started them is gone, however it went.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from optuna import TrialPruned
from optuna.trial import TrialState

from adapterhub.errors import AdapterHubError, BackboneError, DataError, RunError
from adapterhub.train.loop.objective import Objective
from adapterhub.train.tuning.folder import StudyFolder
from adapterhub.train.tuning.study import Claim, Study, shown
from adapterhub.train.tuning.trial import Reporting, run_trial
from registry import Registry

THREADS = "OMP_NUM_THREADS"
DONE, FAILED, INTERRUPTED = 0, 1, 130
FRUITLESS = 3  # so many trials may fail before one comes to a value

Say = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """What a worker needs to know; it crosses to another process.

    Attributes:
        folder: of the study.
        objective: what trials are compared by.
        trials: how many the study has in the end.
        until: no trial is begun after this time (seconds since 1970); what runs then is finished.
        registry: opens the one that ``init_from`` is found in.
    """

    folder: Path
    objective: Objective
    trials: int
    until: float | None = None
    registry: Callable[[], Registry] | None = None

    @property
    def time_is_up(self) -> bool:
        """Whether no trial may be begun any more."""
        return self.until is not None and time.time() >= self.until


def run_here(work: Work, say: Say) -> None:
    """Run trials in this process until there are none left, or no time.

    Raises:
        DataError, BackboneError: no trial can be run; the one that found it is continued when the study is.
        AdapterHubError: the first trials all failed, the last of them so.
        TrainingInterrupted: Ctrl-C; the trial is continued when the study is.
    """
    folder = StudyFolder(work.folder)
    study = Study(folder, folder.search(), work.objective)
    registry = work.registry() if work.registry else None
    while not work.time_is_up:
        with study.claimed(work.trials) as claim:
            if claim is None:
                return
            _run(claim, study, work, registry, say)


def _run(claim: Claim, study: Study, work: Work, registry: Registry | None, say: Say) -> None:
    number, metric = claim.trial.number, work.objective.metric
    tried = "  ".join(f"{key}={shown(value)}" for key, value in claim.values.items())
    say(f"trial {number}  {number + 1} of {work.trials}: {tried}")
    try:
        recipe = study.search.variant(claim.values)
        value = run_trial(recipe, study.folder.trial(number), metric, Reporting(claim.trial, metric, say), registry)
    except TrialPruned:
        study.given_up(claim)
        say(f"trial {number}  given up: earlier trials did better by then")
    except (DataError, BackboneError):
        raise
    except AdapterHubError as error:  # these values do not fit the model or each other; others may
        study.failed(claim, error.message)
        say(f"trial {number}  failed: {error.message}")
        states = [trial.state for trial in study.trials()]
        if states.count(TrialState.FAIL) >= FRUITLESS and TrialState.COMPLETE not in states:
            raise
    else:
        study.ended(claim, value)
        best = study.best()
        remark = "best so far" if best and best.number == number else f"best {best.value:.4f}" if best else ""
        say(f"trial {number}  {metric} {value:.4f}  ({remark})")


def run_apart(work: Work, workers: int, say: Say) -> None:
    """Run trials in so many processes, which write to stderr.

    Raises:
        RunError: all of them ended early.
        KeyboardInterrupt: Ctrl-C, once each has left its trial where it can be continued.
    """
    context = multiprocessing.get_context("spawn")
    started: list[BaseProcess] = [context.Process(target=_apart, args=(work,)) for _ in range(workers)]
    with _share_of_cores(workers):
        for process in started:
            process.start()
    _join(started)
    codes = [process.exitcode for process in started]
    early = len(codes) - codes.count(DONE)
    if early == workers:
        raise RunError("every worker ended early", "What they said is above. Start it again to go on.")
    if early:
        say(f"{early} of {workers} workers ended early; the others took over their trials")


def _join(processes: list[BaseProcess]) -> None:
    """Wait for all; Ctrl-C is passed on to each of them, a second one as well."""
    interrupted = False
    while any(process.is_alive() for process in processes):
        try:
            for process in processes:
                process.join()
        except KeyboardInterrupt:
            interrupted = True
            for process in processes:
                if process.is_alive() and process.pid is not None:
                    os.kill(process.pid, signal.SIGINT)
    if interrupted:
        raise KeyboardInterrupt


@contextmanager
def _share_of_cores(workers: int) -> Iterator[None]:
    """What is started here computes with its share of the cores; OpenMP reads how many once, as it is loaded."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def _apart(work: Work) -> None:
    """A worker's process. The terminal's Ctrl-C comes to it by way of its parent alone."""
    os.setsid()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")
    try:
        run_here(work, _say)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except AdapterHubError as error:
        _say(f"error: {error.message}\n  → {error.hint}")
        sys.exit(FAILED)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(FAILED)  # a trial is continued from its checkpoint, as after any death


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
