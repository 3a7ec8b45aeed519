"""A run as people follow it on stderr: a bar and a line an epoch on a terminal, plain lines anywhere else.

Everything goes to stderr, so that stdout stays a command's own. Without a terminal (a log, a pipe) there is no control
code in what is written, and a line at most every `QUIET_SECONDS` between epochs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

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

from adapterhub.train.view.progress import Validation

QUIET_SECONDS = 30.0


class ConsoleProgress:
    """Shows a run on `console`, which is stderr by default. Use it as a context manager."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True, markup=False, emoji=False, soft_wrap=True)
        self._view = _Bar(self._console) if self._console.is_interactive else _Lines(self._console, clock)
        self._best = ""

    def __enter__(self) -> ConsoleProgress:
        """Start drawing."""
        self._view.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._view.stop()

    def phase(self, name: str) -> None:
        """Name the stage in a line of its own."""
        self._console.print(name, highlight=False)

    def steps(self, done: int, total: int) -> None:
        """Start the bar."""
        self._view.begin(done, total)

    def step(self, done: int) -> None:
        """Move the bar."""
        self._view.move(done)

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Loss, speed and the best figure beside the bar."""
        parts = [f"loss {figures['loss']:.4f}"]
        if "tokens_per_second" in figures:
            parts.append(f"{figures['tokens_per_second']:,.0f} tokens/s")
        self._view.figures("  ".join([*parts, *filter(None, [self._best])]))

    def validated(self, validation: Validation) -> None:
        """One line an epoch."""
        self._best = f"best {validation.chosen_by} {validation.best:.4f}"
        figures = "  ".join(f"{name} {value:.4f}" for name, value in validation.metrics.items())
        remark = "  (best so far)" if validation.improved else f"  ({self._best})"
        self._console.print(f"epoch {validation.epoch}  validation  {figures}{remark}", highlight=False)


class _Bar:
    """A bar with the time left, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
        )
        self._task: TaskID | None = None

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def begin(self, done: int, total: int) -> None:
        self._task = self._progress.add_task("training", completed=done, total=total, figures="")

    def move(self, done: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done)

    def figures(self, text: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, figures=text)


class _Lines:
    """A line now and then, with the time left as the steps of this sitting suggest."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._first = self._done = self._total = 0
        self._begun = self._said = 0.0

    def start(self) -> None:
        """Nothing is drawn in place."""

    def stop(self) -> None:
        """Nothing is left to tidy."""

    def begin(self, done: int, total: int) -> None:
        self._first = self._done = done
        self._total = total
        self._begun = self._said = self._clock()

    def move(self, done: int) -> None:
        self._done = done

    def figures(self, text: str) -> None:
        now = self._clock()
        if now - self._said < QUIET_SECONDS:
            return
        self._said = now
        left = (now - self._begun) / max(1, self._done - self._first) * (self._total - self._done)
        self._console.print(f"step {self._done}/{self._total}  {text}  {_duration(left)} left", highlight=False)


def _duration(seconds: float) -> str:
    """H:MM:SS, as the bar writes it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
