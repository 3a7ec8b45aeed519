"""One way to score predictions, for training, the command line and review alike.

Knows a predictor only as something with `predict`. Figures come with an interval from a seeded bootstrap over rows:
the same answers always give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
    return [task.question(row) for row in rows]


def score(task: Task, answers: Sequence[Answer], references: Sequence[Any], split: str) -> dict[str, MetricValue]:
    """The task's metrics of `answers`, each with its interval."""
    return _resampled(task.outcomes(answers, references), task.summary, split)


@dataclass(frozen=True)
class Likelihood:
    """How a model finds one row's target: the loss summed over its tokens (nats), and how many they are."""

    loss: float
    tokens: int


def score_likelihoods(rows: Sequence[Likelihood], split: str) -> dict[str, MetricValue]:
    """The perplexity of targets, with its interval."""
    return _resampled(rows, perplexity, split)


def perplexity(rows: Sequence[Likelihood]) -> dict[str, float]:
    """``exp`` of the mean loss over all tokens of `rows`: 1 where every token was certain."""
    return {"perplexity": math.exp(sum(row.loss for row in rows) / sum(row.tokens for row in rows))}


def _resampled(
    outcomes: Sequence[Any], summary: Callable[[Sequence[Any]], Mapping[str, float]], split: str
) -> dict[str, MetricValue]:
    """The figures of `summary`, with the interval that resampling rows gives."""
    import numpy

    count = len(outcomes)
    draws = numpy.random.default_rng(SEED).integers(0, count, size=(RESAMPLES, count))
    resampled = [summary([outcomes[index] for index in draw]) for draw in draws]
    return {
        name: MetricValue(value, *_interval([figures[name] for figures in resampled]), n=count, split=split)
        for name, value in summary(outcomes).items()
    }


def _interval(values: Sequence[float]) -> tuple[float, float]:
    import numpy

    low, high = numpy.percentile(values, [2.5, 97.5])
    return float(low), float(high)
