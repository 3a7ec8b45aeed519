"""One way to score predictions, for training, the command line and review alike.

Knows a predictor only as something with `predict`. Figures come with an interval from a seeded bootstrap over rows:
the same answers always give the same interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapterhub.errors import DataError
from adapterhub.tasks import Answer, Row, Task

RESAMPLES = 1000
SEED = 13


class Predictor(Protocol):
    """Whatever answers rows: a model in training, an engine, a remote node."""

    def predict(self, rows: Sequence[Row], /) -> list[Answer]:
        """One answer a row, in order."""


@dataclass(frozen=True)
class MetricValue:
    """A figure over `n` rows of a split, with its 95% percentile bootstrap interval."""

    value: float
    low: float
    high: float
    n: int
    split: str

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def evaluate(
    predictor: Predictor, task: Task, rows: Sequence[Mapping[str, Any]], split: str = "test"
) -> dict[str, MetricValue]:
    """Score `predictor` on labelled `rows` by the task's own metrics.

    Raises:
        DataError: there are no rows.
    """
    if not rows:
        raise DataError(f"no rows to evaluate in {split}", "Name a file that has some.")
    answers = predictor.predict(inputs_of(rows, task))
    return score(task, answers, task.references(rows), split)


def inputs_of(rows: Sequence[Mapping[str, Any]], task: Task) -> list[Row]:
    """The rows without their targets: what a predictor may see."""
    return [{column: value for column, value in row.items() if column != task.target_column} for row in rows]


def score(task: Task, answers: Sequence[Answer], references: Sequence[Any], split: str) -> dict[str, MetricValue]:
    """The task's metrics of `answers`, each with its interval."""
    import numpy

    outcomes = task.outcomes(answers, references)
    count = len(outcomes)
    draws = numpy.random.default_rng(SEED).integers(0, count, size=(RESAMPLES, count))
    resampled = [task.summary([outcomes[index] for index in draw]) for draw in draws]
    return {
        name: MetricValue(value, *_interval([figures[name] for figures in resampled]), n=count, split=split)
        for name, value in task.summary(outcomes).items()
    }


def _interval(values: Sequence[float]) -> tuple[float, float]:
    import numpy

    low, high = numpy.percentile(values, [2.5, 97.5])
    return float(low), float(high)
