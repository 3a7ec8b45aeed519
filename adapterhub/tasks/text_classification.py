"""``text-classification``: one label for a text, or for a pair of texts.

A row is ``{"text"}``, with ``{"text_pair"}`` for pairs, or a plain string. Text beyond `max_length` tokens is cut off,
and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks import metrics
from adapterhub.tasks.task import Answer, Encoded, LabelAnswer, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch


class TextOptions(Options, frozen=True, kw_only=True):
    """`max_length` counts tokens, special ones included."""

    max_length: Annotated[int, Meta(ge=8, le=8192)] = 128


class TextClassification(Task):
    """One of `labels` for each text."""

    name = "text-classification"
    head_kind = "sequence-classification"
    peft_task_type = "SEQ_CLS"
    problem_type = "single_label_classification"
    primary_metric = "macro_f1"
    metric_names = ("accuracy", "macro_f1")
    input_columns = ("text",)
    optional_columns = ("text_pair",)
    target_column = "label"
    options_type = TextOptions

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Texts are strings; a label is a string too (a number would lose its meaning in the head)."""
        for column, value in row.items():
            if not isinstance(value, str):
                raise ValueError(f"{column} is a {type(value).__name__}, not a string")

    def labels_of(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Every label of `rows`, sorted."""
        return sorted({row["label"] for row in rows})

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The text, and the second text after it."""
        return "\n".join(row[column] for column in ("text", "text_pair") if column in row)

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[Encoded]:
        """Each text with the tokenizer's special tokens, cut at `max_length`."""
        return [self._encode(row, tokenizer, with_labels) for row in rows]

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        columns = columns_of(row, self)
        text, pair = columns["text"], columns.get("text_pair")
        if not isinstance(text, str) or not isinstance(pair, str | None):
            raise RequestError("text and text_pair of a row are strings", "Give a string, or a mapping of strings.")
        read = tokenizer(
            text, pair, truncation=True, max_length=self.options.max_length, return_overflowing_tokens=True
        )
        return Encoded(
            input_ids=read["input_ids"][0],
            token_type_ids=read["token_type_ids"][0] if "token_type_ids" in read else None,
            labels=self.label_index[columns["label"]] if with_labels else None,
            truncated=len(read["input_ids"]) > 1,
        )

    def decode(self, logits: Sequence[torch.Tensor], encoded: Sequence[Encoded]) -> list[Answer]:
        """The likeliest label of each row, with the probability of every label."""
        return [self._decode(row_logits, row) for row_logits, row in zip(logits, encoded, strict=True)]

    def _decode(self, logits: torch.Tensor, encoded: Encoded) -> Answer:
        scores = dict(zip(self.labels, logits.float().softmax(-1).tolist(), strict=True))
        label = max(scores, key=scores.__getitem__)
        return LabelAnswer(label=label, score=scores[label], scores=scores, logits=logits, truncated=encoded.truncated)

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

    def model_class(self) -> Any:
        """The Auto class of sequence classifiers."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification
