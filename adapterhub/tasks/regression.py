"""``text-classification`` of no label but a number: how alike two texts are, say.

A training row's ``label`` is a number. The head has one output, which `labels` names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.errors import RecipeError
from adapterhub.tasks import metrics
from adapterhub.tasks.answer import Answer, ValueAnswer
from adapterhub.tasks.text import TextTask

if TYPE_CHECKING:
    import torch

OUTPUT = "value"  # what the output of a new head is called
LARGEST = 3.4028234e38  # of 32-bit floats, in which the loss is computed


class TextRegression(TextTask):
    """A number for each text."""

    problem_type = "regression"
    primary_metric = "pearson"
    metric_names = ("pearson", "spearman", "mse")
    error_names = ("mse",)
    target_column = "label"
    structured_columns = ("label",)
    fewest_labels = 1
    smooths_labels = False

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        if len(self.labels) > 1:
            raise RecipeError(
                f"regression has one output, and {len(self.labels)} labels are named",
                "Name one, or another problem_type.",
            )

    def check_target(self, value: object) -> None:
        """A label is a number that a 32-bit float can hold."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            raise ValueError(f"label is {repr(value)[:40]}, not a finite number that 32 bits can hold")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """The name of the one output."""
        return list(known) or [OUTPUT]

    def target_of(self, row: Mapping[str, Any]) -> float:
        """The number."""
        return float(row["label"])

    def answer(self, logits: torch.Tensor, truncated: bool) -> Answer:
        """The output as it is."""
        return ValueAnswer(value=float(logits), logits=logits, truncated=truncated)

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Squared error summed over rows."""
        from torch.nn import functional

        return functional.mse_loss(logits.squeeze(-1).float(), labels, reduction="sum")

    def targets(self, labels: torch.Tensor) -> torch.Tensor:
        """One a row: no number stands for a missing one."""
        return labels.new_tensor(labels.numel())

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The number of each row."""
        return [float(row["label"]) for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """(predicted, true) for each row."""
        values = [answer.value for answer in answers if isinstance(answer, ValueAnswer)]
        return list(zip(values, references, strict=True))

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Pearson's and Spearman's correlations, and the mean squared error."""
        return metrics.correlations(outcomes)
