"""Two predictors on the same rows: is one better, or would other rows have said otherwise?

Each of the task's metrics is compared by the paired bootstrap (Koehn 2004, "Statistical significance tests for machine
translation evaluation"): rows are drawn again for both at once, and the difference is taken each time. Where every row
is simply right or wrong, McNemar's exact test (1947) is made besides: of the rows that only one of the two got right,
is it half and half?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adapterhub.errors import DataError
from adapterhub.evaluate.decision import same
from adapterhub.evaluate.evaluation import Evaluation
from adapterhub.evaluate.metric import RESAMPLES, Summary, interval, resamples
from adapterhub.tasks import Answer
from adapterhub.tasks.data.rows import content

RIGHT_OR_WRONG = ("accuracy", "exact_match")
"""Metrics that are the mean of rows which are each right (1) or wrong (0)."""


@dataclass(frozen=True)
class Difference:
    """The second's figure less the first's, with its 95% interval.

    `p` is two-sided: the share of resamples in which the difference has not the sign that it has here, doubled, since
    either could have come out better.
    """

    first: float
    second: float
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """Rows that only one of the two got right, and how likely so uneven a division is if neither is better."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True)
class Change:
    """A row that the two answered differently; `right` where rows are right or wrong, for the first and second."""

    number: int
    first: Answer
    second: Answer
    reference: Any
    right: tuple[bool, bool] | None


@dataclass(frozen=True)
class Comparison:
    """Two evaluations of the same rows."""

    first: Evaluation
    second: Evaluation

    @classmethod
    def of(cls, first: Evaluation, second: Evaluation) -> Comparison:
        """Compare `second` with `first`.

        Raises:
            DataError: they do not answer the same rows of the same task, as often.
        """
        if (first.task.name, first.task.problem_type) != (second.task.name, second.task.problem_type):
            raise DataError(
                f"the first answers {_named(first)}, the second {_named(second)}", "Compare two of the same task."
            )
        if first.task.samples != second.task.samples:
            raise DataError(
                f"the first has {first.task.samples} answers of each row, the second {second.task.samples}",
                "Compare two with the same task.options.samples.",
            )
        if len(first.rows) != len(second.rows):
            raise DataError(
                f"the first answers {len(first.rows)} rows, the second {len(second.rows)}",
                "Let both answer the same file: --data FILE.",
            )
        for number, (one, other) in enumerate(zip(first.rows, second.rows, strict=True), start=1):
            if content(one) != content(other):
                raise DataError(f"row {number} of the two is not the same", "Let both answer the same file.")
        return cls(first, second)

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """Of each of the task's metrics."""
        return differences(self.first.outcomes, self.second.outcomes, self.first.task.summary)

    @cached_property
    def mcnemar(self) -> McNemar | None:
        """The exact test over rows that are right or wrong; None where they are neither."""
        rights = self._rights
        if rights is None:
            return None
        only = [sum(one and not other for one, other in pairs) for pairs in (rights, [pair[::-1] for pair in rights])]
        return McNemar(only[0], only[1], _even(only[0], sum(only)))

    @cached_property
    def changed(self) -> list[Change]:
        """The rows that the two answered differently, in order; numbers by more than `same` allows."""
        rights = self._rights
        rows = zip(self.first.answers, self.second.answers, self.first.references, strict=True)
        return [
            Change(number, one, other, reference, rights[number - 1] if rights else None)
            for number, (one, other, reference) in enumerate(rows, start=1)
            if not same(one, other)
        ]

    @cached_property
    def _rights(self) -> list[tuple[bool, bool]] | None:
        task = self.first.task
        name = next((known for known in RIGHT_OR_WRONG if known in task.metric_names), None)
        if name is None:
            return None
        pairs = zip(self.first.outcomes, self.second.outcomes, strict=True)
        return [(bool(task.summary([one])[name]), bool(task.summary([other])[name])) for one, other in pairs]


def differences(first: Sequence[Any], second: Sequence[Any], summary: Summary) -> dict[str, Difference]:
    """What `summary` makes of the outcomes of `second` less what it makes of those of `first`, row by row the same."""
    drawn: dict[str, list[float]] = {}
    for draw in resamples(len(first)):
        one, other = summary([first[index] for index in draw]), summary([second[index] for index in draw])
        for name, value in other.items():
            drawn.setdefault(name, []).append(value - one[name])
    before, after = summary(first), summary(second)
    return {
        name: Difference(before[name], value, value - before[name], *interval(drawn[name]), _two_sided(drawn[name]))
        for name, value in after.items()
    }


def _two_sided(drawn: Sequence[float]) -> float:
    """Counted with the difference at hand as one more (Davison & Hinkley 1997, 4.11), so that p is never 0."""
    against = min(sum(value <= 0 for value in drawn), sum(value >= 0 for value in drawn))
    return min(1.0, 2 * (against + 1) / (RESAMPLES + 1))


def _even(count: int, total: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(count, total).pvalue) if total else 1.0


def _named(made: Evaluation) -> str:
    return " ".join(filter(None, (made.task.name, made.task.problem_type)))
