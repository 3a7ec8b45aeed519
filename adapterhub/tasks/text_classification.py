"""``text-classification`` of one label: which of `labels` a text, or a pair of texts, has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.tasks import metrics
from adapterhub.tasks.answer import Answer, LabelAnswer
from adapterhub.tasks.text import TextTask

if TYPE_CHECKING:
    import torch


class TextClassification(TextTask):
    """One of `labels` for each text."""

    problem_type = "single_label_classification"
    primary_metric = "macro_f1"
    metric_names = ("accuracy", "macro_f1")
    target_column = "label"
    has_classes = True

    def check_target(self, value: object) -> None:
        """A label is a string (a number would lose its meaning in the head)."""
        if not isinstance(value, str):
            raise ValueError(f"label is a {type(value).__name__}, not a string")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """Those known, then every other label of `rows`, sorted."""
        return [*known, *sorted({row["label"] for row in rows} - {*known})]

    def target_of(self, row: Mapping[str, Any]) -> int:
        """The label's index."""
        return self.label_index[row["label"]]

    def answer(self, logits: torch.Tensor, truncated: bool) -> Answer:
        """The likeliest label, with the probability of every label."""
        scores = dict(zip(self.labels, logits.float().softmax(-1).tolist(), strict=True))
        label = max(scores, key=scores.__getitem__)
        return LabelAnswer(label=label, score=scores[label], scores=scores, logits=logits, truncated=truncated)

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The label of each row."""
        return [row["label"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """(predicted, true) for each row."""
        labels = [answer.label for answer in answers if isinstance(answer, LabelAnswer)]
        return list(zip(labels, references, strict=True))

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Accuracy and macro-F1."""
        return metrics.accuracy_and_macro_f1(outcomes)
