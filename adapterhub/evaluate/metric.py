"""A figure with its interval: the percentile bootstrap over rows (Efron & Tibshirani 1993, chapter 13), seeded.

The same outcomes always give the same interval, and two predictors on the same rows are resampled by the same draws,
so that their figures can be compared row by row. Knows outcomes and a summary of them; nothing of tasks or answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RESAMPLES = 1000
SEED = 13
TAILS = (2.5, 97.5)  # percentiles: a 95% interval

Summary = Callable[[Sequence[Any]], Mapping[str, float]]
"""From how rows came out to figures by name; `Task.summary` is one."""


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


def with_intervals(outcomes: Sequence[Any], summary: Summary, split: str) -> dict[str, MetricValue]:
    """Every figure of `summary` over the `outcomes` of at least one row, with its interval."""
    resampled = [summary([outcomes[index] for index in draw]) for draw in resamples(len(outcomes))]
    return {
        name: MetricValue(value, *interval([figures[name] for figures in resampled]), n=len(outcomes), split=split)
        for name, value in summary(outcomes).items()
    }


def resamples(count: int) -> Iterator[Any]:
    """`RESAMPLES` arrays of `count` row numbers, drawn with replacement; the same for the same `count`."""
    import numpy

    yield from numpy.random.default_rng(SEED).integers(0, count, size=(RESAMPLES, count))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the middle 95% of resampled `values` lie."""
    import numpy

    finite = bool(numpy.isfinite(values).all())
    low, high = numpy.percentile(values, TAILS, method="linear" if finite else "nearest")  # between infs lies nothing
    return float(low), float(high)
