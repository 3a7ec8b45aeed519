"""What a run tells whoever watches it: `TrainingProgress`, and the watchers that say nothing, or pass it on.

Knows nothing of models: it is told numbers. Terminals are drawn to by `console`, pictures by `picture`, TensorBoard's
files written by `board`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Validation:
    """The validation figures after an epoch.

    Attributes:
        epoch, step: after how many epochs and optimizer steps.
        metrics: the task's, by name.
        chosen_by: the metric that chooses the epoch that is kept.
        best: its best value so far, this one included.
        improved: whether this one is the best so far.
    """

    epoch: int
    step: int
    metrics: Mapping[str, float]
    chosen_by: str
    best: float
    improved: bool


class TrainingProgress(Protocol):
    """Told of each stage of a run as it happens; every method returns soon."""

    def phase(self, name: str) -> None:
        """A new stage began, or something that people should know."""

    def steps(self, done: int, total: int) -> None:
        """Training starts, or goes on, after `done` of `total` optimizer steps."""

    def step(self, done: int) -> None:
        """An optimizer step is done."""

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Means over the steps since the last ones: loss, learning_rate, grad_norm, tokens_per_second."""

    def validated(self, validation: Validation) -> None:
        """An epoch is over, and its adapter was scored on the validation split."""


class Silent:
    """Watches nothing; what only some of it matters to starts from here."""

    def phase(self, name: str) -> None:
        """Say nothing."""

    def steps(self, done: int, total: int) -> None:
        """Say nothing."""

    def step(self, done: int) -> None:
        """Say nothing."""

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Say nothing."""

    def validated(self, validation: Validation) -> None:
        """Say nothing."""


class Several:
    """Passes everything on to each of `watchers`, in their order."""

    def __init__(self, watchers: Sequence[TrainingProgress]) -> None:
        self._watchers = tuple(watchers)

    def phase(self, name: str) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.phase(name)

    def steps(self, done: int, total: int) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.steps(done, total)

    def step(self, done: int) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.step(done)

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.logged(step, figures)

    def validated(self, validation: Validation) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.validated(validation)
