"""Optuna's study of a search: who tries what next, what is given up, what came of it.

Knows Optuna. Values are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011), which counts trials that
others have running as poor ones, so that workers look in different places. Each trial draws with a seed of its own,
made of the search's and the trial's number: a lone worker that is stopped and started again tries what it would have.

A trial whose process died is found by its lock, which the system let go of, and continued from its last checkpoint by
whoever asks for work next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy
import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, Trial, TrialState

from adapterhub.recipe.search import Choices, Dimension, Search
from adapterhub.train.loop.objective import Objective
from adapterhub.train.tuning.folder import StudyFolder

NAME = "tune"
WAIT_SECONDS = 60  # for another worker's write to the study
REDUCTION = 3  # successive halving keeps one trial of so many at epochs 1, 3, 9, …
ERROR = "error"

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Claim:
    """A trial that this process runs, and the values it tries."""

    trial: Trial
    values: Mapping[str, Any]


class Study:
    """The study in `folder`, opened by one process; made if it is not there."""

    def __init__(self, folder: StudyFolder, search: Search, objective: Objective) -> None:
        self.folder = folder
        self.search = search
        self.objective = objective
        with FileLock(folder.claim_lock):  # two processes would make the tables at once
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{folder.database}", engine_kwargs={"connect_args": {"timeout": WAIT_SECONDS}}
            )
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=NAME,
                direction="minimize" if objective.minimize else "maximize",
                load_if_exists=True,
                pruner=_pruner(search),
            )

    @contextmanager
    def claimed(self, trials: int) -> Iterator[Claim | None]:
        """The next trial to run, this process's own while entered; None where `trials` were begun and none was left."""
        with FileLock(self.folder.claim_lock):
            found = self._abandoned() or self._new(trials)
            claim = Claim(found[0], self._values(found[0])) if found else None
        try:
            yield claim
        finally:
            if found:
                found[1].release()

    def _abandoned(self) -> tuple[Trial, FileLock] | None:
        """A trial that nobody runs any more, though it has not ended."""
        for frozen in self.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            lock = FileLock(self.folder.trial_lock(frozen.number))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return Trial(self.optuna, frozen._trial_id), lock
        return None

    def _new(self, trials: int) -> tuple[Trial, FileLock] | None:
        number = len(self.optuna.get_trials(deepcopy=False))
        if number >= trials:
            return None
        lock = FileLock(self.folder.trial_lock(number))
        lock.acquire()
        return self.optuna.ask(), lock

    def _values(self, trial: Trial) -> dict[str, Any]:
        """A value for each key of the space; those that the trial was given before stay."""
        seed = numpy.random.SeedSequence([self.search.seed, trial.number]).generate_state(1)
        self.optuna.sampler = optuna.samplers.TPESampler(seed=int(seed[0]))
        return {key: _suggested(trial, key, dimension) for key, dimension in self.search.space.items()}

    def ended(self, claim: Claim, value: float) -> None:
        """The trial came to `value`."""
        self.optuna.tell(claim.trial, value)

    def given_up(self, claim: Claim) -> None:
        """The trial was pruned."""
        self.optuna.tell(claim.trial, state=TrialState.PRUNED)

    def failed(self, claim: Claim, reason: str) -> None:
        """The trial came to no value."""
        claim.trial.set_user_attr(ERROR, reason)
        self.optuna.tell(claim.trial, state=TrialState.FAIL)

    def trials(self) -> list[FrozenTrial]:
        """Every trial so far, by number."""
        return self.optuna.get_trials()

    def best(self) -> FrozenTrial | None:
        """The best of those that ended; the first of equals."""
        ended = [(trial.value, trial) for trial in self.trials() if trial.state is TrialState.COMPLETE]
        best: tuple[float, FrozenTrial] | None = None
        for value, trial in ended:
            if value is not None and self.objective.better(value, best[0] if best else None):
                best = value, trial
        return best[1] if best else None

    def values_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """What a trial tried, as the recipe has it."""
        return {key: _plain(self.search.space[key], value) for key, value in trial.params.items()}


def _pruner(search: Search) -> optuna.pruners.BasePruner:
    if search.pruner == "median":
        return optuna.pruners.MedianPruner()
    if search.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
    return optuna.pruners.NopPruner()


def _suggested(trial: Trial, key: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choices):
        return _plain(dimension, trial.suggest_categorical(key, list(dimension.by_label())))
    if dimension.whole:
        step = int(dimension.step or 1)
        return trial.suggest_int(key, int(dimension.low), int(dimension.high), step=step, log=dimension.log)
    return trial.suggest_float(key, dimension.low, dimension.high, step=dimension.step, log=dimension.log)


def _plain(dimension: Dimension, value: Any) -> Any:
    return dimension.by_label()[value] if isinstance(dimension, Choices) else value


def shown(value: Any) -> str:
    """A tried value for people: of a fraction, the digits that matter."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
