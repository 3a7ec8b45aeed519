"""The validation figure that chooses: which epoch of a run is kept, when it stops early, which of many runs is best."""

from __future__ import annotations

from dataclasses import dataclass

from adapterhub.recipe import Training
from adapterhub.tasks import Task


@dataclass(frozen=True)
class Objective:
    """A metric of the validation split, and whether less of it is better."""

    metric: str
    minimize: bool

    @classmethod
    def of(cls, training: Training, task: Task) -> Objective:
        """The metric that early stopping names, or else the task's primary one."""
        stopping = training.early_stopping
        metric = (stopping and stopping.metric) or task.primary_metric
        return cls(metric, metric in task.error_names)

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` is an improvement; the first one always is."""
        return than is None or (value < than if self.minimize else value > than)


def choosing_figures(task: Task) -> tuple[str, ...]:
    """What the validation rows are measured by: the task's metrics, or how likely a writer finds them."""
    return (task.primary_metric,) if task.reads_likelihood else tuple(task.metric_names)
