"""``text-classification`` of one label: which of `labels` a text, or a pair of texts, has.

One label may stand for what is out of scope (Larson et al. 2019, arXiv 1909.02027): `out_of_scope` names it, and two
more figures say how many rows of it are recognised, and how many of the others are answered right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.errors import RecipeError
from adapterhub.tasks import metrics
from adapterhub.tasks.answer import Answer, LabelAnswer
from adapterhub.tasks.text import PooledTextOptions, TextTask

if TYPE_CHECKING:
    import torch


class LabelledText(TextTask):
    """One of `labels` for each text, whatever it is asked about."""

    problem_type = "single_label_classification"
    primary_metric = "macro_f1"
    target_column = "label"
    has_classes = True

    def as_read(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A label that is a whole number is its digits, as it is in CSV, which has no numbers; 1 is the class "1"."""
        label = row[self.target_column]
        return {**row, self.target_column: str(label)} if type(label) is int else row

    def check_target(self, value: object) -> None:
        """A label is a string (a fraction would lose its meaning in the head)."""
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


class ScopedOptions(PooledTextOptions, frozen=True, kw_only=True):
    """`out_of_scope` is the label of what belongs to no other."""

    out_of_scope: str | None = None


class TextClassification(LabelledText):
    """One of `labels` for each text, or pair of texts."""

    metric_names: tuple[str, ...] = ("accuracy", "macro_f1")
    options_type = ScopedOptions

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        scope = self.options.out_of_scope
        if scope is not None:
            self.metric_names = (*type(self).metric_names, "in_scope_accuracy", "out_of_scope_recall")
        if scope is not None and labels and scope not in labels:
            raise RecipeError(
                f"task.options.out_of_scope: no row of train has the label {scope!r}",
                "Name the label as the rows have it, or leave the option out.",
            )

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Accuracy and macro-F1; where there is a label for it, what became of rows in and out of scope."""
        figures = metrics.accuracy_and_macro_f1(outcomes)
        if self.options.out_of_scope is None:
            return figures
        return {**figures, **metrics.by_scope(outcomes, self.options.out_of_scope)}
