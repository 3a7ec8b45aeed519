"""What one training run in a process of its own says of itself, on stdout and in one JSON line."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TrainingRun:
    """One run.

    Attributes:
        steps: optimizer steps.
        step_seconds: from the first step of an epoch to its last, summed over epochs: nothing but steps.
        loop_seconds: from the first step to the end of the last epoch; scoring and saving after each epoch included.
        run_seconds: from the recipe to the adapter's files, imports left out.
        peak_bytes: the most memory that the process held (resident set).
    """

    steps: int
    step_seconds: float
    loop_seconds: float
    run_seconds: float
    peak_bytes: int


@dataclass
class Times:
    """When the loop began and ended, and when each step did, by the performance counter."""

    epochs: int
    began: float = 0.0
    ended: float = 0.0
    steps: list[float] = field(default_factory=list)

    @property
    def step_seconds(self) -> float:
        """As in `TrainingRun`."""
        count = len(self.steps) // self.epochs
        return sum(self.steps[last] - self.steps[last - count + 1] for last in range(count - 1, len(self.steps), count))


def tell(train: Callable[[Path, Path], Times]) -> None:
    """Run ``train(recipe, folder)`` with this process's arguments."""
    recipe, folder = (Path(argument) for argument in sys.argv[1:])
    started = time.perf_counter()
    times = train(recipe, folder)
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    made = TrainingRun(len(times.steps), times.step_seconds, times.ended - times.began, seconds, peak)
    print(json.dumps(asdict(made)), flush=True)
