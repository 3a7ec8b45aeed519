"""What a run tells whoever watches it, and one watcher for terminals.

Knows nothing of models: it is told numbers. Everything goes to stderr, so that stdout stays a command's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TrainingProgress(Protocol):
    """Told of each stage of a run as it happens; every method returns at once."""

    def phase(self, name: str) -> None:
        """A new stage began."""

    def steps(self, done: int, total: int) -> None:
        """Training starts, or goes on, after `done` of `total` optimizer steps."""

    def step(self, done: int) -> None:
        """An optimizer step is done."""

    def validated(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """The validation figures after an epoch."""


class Silent:
    """Watches nothing."""

    def phase(self, name: str) -> None:
        """Say nothing."""

    def steps(self, done: int, total: int) -> None:
        """Say nothing."""

    def step(self, done: int) -> None:
        """Say nothing."""

    def validated(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Say nothing."""


class ConsoleProgress:
    """A bar on stderr, and a line for each epoch. Use it as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True, markup=False, emoji=False),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> ConsoleProgress:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def phase(self, name: str) -> None:
        """Name the stage in a line of its own."""
        self._bar.console.print(name, highlight=False)

    def steps(self, done: int, total: int) -> None:
        """Start the bar."""
        self._task = self._bar.add_task("training", completed=done, total=total)

    def step(self, done: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=done)

    def validated(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """One line an epoch."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self._bar.console.print(f"epoch {epoch}  validation  {figures}", highlight=False)
