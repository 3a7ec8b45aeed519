"""Rows, what a predictor answered, and what it should have answered: all that figures, reports and comparisons need.

Knows a predictor only as something with `predict`, and a task by its own `references`, `outcomes` and `summary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from adapterhub.errors import DataError
from adapterhub.evaluate.metric import MetricValue, with_intervals
from adapterhub.tasks import Answer, Row, Task


class Predictor(Protocol):
    """Whatever answers rows: a model in training, an engine, a remote node."""

    def predict(self, rows: Sequence[Row], /) -> list[Answer]:
        """One answer a row, in order."""


@dataclass(frozen=True)
class Evaluation:
    """What one predictor made of the labelled `rows` of a split: one of `answers` a row, in order.

    A row of which the task wants several samples is there as often, one after the other; it has one outcome.
    """

    task: Task
    rows: Sequence[Mapping[str, Any]]
    answers: Sequence[Answer]
    split: str = "test"

    @classmethod
    def of(cls, predictor: Predictor, task: Task, rows: Sequence[Mapping[str, Any]], split: str = "test") -> Evaluation:
        """Let `predictor` answer `rows`, whose targets it is not shown.

        Raises:
            DataError: there are no rows.
        """
        if not rows:
            raise DataError(f"no rows to evaluate in {split}", "Name a file that has some.")
        asked = [row for row in rows for _ in range(task.samples)]
        return cls(task, asked, predictor.predict(inputs_of(asked, task)), split)

    @cached_property
    def references(self) -> list[Any]:
        """What each answer should have been, as the task says it."""
        return self.task.references(self.rows)

    @cached_property
    def outcomes(self) -> list[Any]:
        """How each row came out, as the task says it."""
        return self.task.outcomes(self.answers, self.references)

    @cached_property
    def metrics(self) -> dict[str, MetricValue]:
        """The task's metrics, each with its interval."""
        return with_intervals(self.outcomes, self.task.summary, self.split)


def evaluate(
    predictor: Predictor, task: Task, rows: Sequence[Mapping[str, Any]], split: str = "test"
) -> dict[str, MetricValue]:
    """Score `predictor` on labelled `rows` by the task's own metrics.

    Raises:
        DataError: there are no rows.
    """
    return Evaluation.of(predictor, task, rows, split).metrics


def inputs_of(rows: Sequence[Mapping[str, Any]], task: Task) -> list[Row]:
    """The rows without their targets: what a predictor may see."""
    return [task.question(row) for row in rows]
