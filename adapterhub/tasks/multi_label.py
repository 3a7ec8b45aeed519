"""``text-classification`` of several labels: which of `labels` a text, or a pair of texts, has, each on its own.

A training row's ``labels`` is a list of strings, which may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from adapterhub.tasks import metrics
from adapterhub.tasks.answer import Answer, LabelsAnswer
from adapterhub.tasks.text import PooledTextOptions, TextTask

if TYPE_CHECKING:
    import torch


class MultiLabelOptions(PooledTextOptions, frozen=True, kw_only=True):
    """`threshold` is the probability that a label must exceed to be in the answer."""

    threshold: Annotated[float, Meta(ge=0, lt=1)] = 0.5


class MultiLabelClassification(TextTask):
    """Any of `labels` for each text."""

    problem_type = "multi_label_classification"
    primary_metric = "micro_f1"
    metric_names = ("micro_f1", "macro_f1")
    target_column = "labels"
    structured_columns = ("labels",)
    has_classes = True
    fewest_labels = 1
    options_type = MultiLabelOptions

    def as_read(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Labels that are whole numbers are their digits, as a single one is (`LabelledText`)."""
        labels = row["labels"]
        if not isinstance(labels, list):
            return row
        return {**row, "labels": [str(label) if type(label) is int else label for label in labels]}

    def check_target(self, value: object) -> None:
        """Labels are a list of different strings."""
        if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
            raise ValueError("labels is not a list of strings")
        if len(set(value)) < len(value):
            raise ValueError("labels names a label twice")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """Those known, then every other label of `rows`, sorted."""
        return [*known, *sorted({label for row in rows for label in row["labels"]} - {*known})]

    def target_of(self, row: Mapping[str, Any]) -> list[float]:
        """1 for each label that the row has, 0 for the others."""
        return [float(label in row["labels"]) for label in self.labels]

    def answer(self, logits: torch.Tensor, truncated: bool) -> Answer:
        """The labels above the threshold, with the probability of every label."""
        scores = dict(zip(self.labels, logits.float().sigmoid().tolist(), strict=True))
        above = [label for label, score in scores.items() if score > self.options.threshold]
        ranked = tuple(sorted(above, key=scores.__getitem__, reverse=True))
        return LabelsAnswer(labels=ranked, scores=scores, logits=logits, truncated=truncated)

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Binary cross entropy summed over rows and labels; smoothing moves targets towards one half."""
        from torch.nn import functional

        wanted = labels * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits.float(), wanted, weight=weights, reduction="sum")

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The labels of each row."""
        return [frozenset(row["labels"]) for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """(predicted, true) sets for each row."""
        labels = [frozenset(answer.labels) for answer in answers if isinstance(answer, LabelsAnswer)]
        return list(zip(labels, references, strict=True))

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Micro-F1 and macro-F1."""
        return metrics.multi_label_f1(outcomes)
