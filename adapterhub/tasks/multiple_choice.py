"""``multiple-choice``: which of a row's own choices answers its question, or goes on from its text.

A row is ``{"question", "choices": […]}``, with ``{"context"}`` where the question is about one. Each choice is an input
of its own: the question and the choice as a pair, or the context and "question choice". A training row's ``label`` is
the index of the right choice, from 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.errors import RequestError
from adapterhub.tasks.answer import Answer, ChoiceAnswer
from adapterhub.tasks.task import Encoded, Row, Task, columns_of
from adapterhub.tasks.text import TextOptions, encode_text

if TYPE_CHECKING:
    import torch

FEWEST, MOST = 2, 64  # choices of a row


class MultipleChoice(Task):
    """One of the row's choices; the head scores each choice alone, and softmax compares them."""

    name = "multiple-choice"
    head_kind = "multiple-choice"
    peft_task_type = None
    primary_metric = "accuracy"
    metric_names = ("accuracy",)
    input_columns = ("question", "choices")
    optional_columns = ("context",)
    target_column = "label"
    structured_columns = ("choices", "label")
    fewest_labels = 0
    smooths_labels = False
    options_type = TextOptions

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Texts are strings, choices a list of them, and the label is the index of one."""
        if fault := _fault(row):
            raise ValueError(fault)
        label = row["label"]
        if type(label) is not int or not 0 <= label < len(row["choices"]):
            raise ValueError(f"label is {label!r}, not the index of one of {len(row['choices'])} choices")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """None: each row brings its own choices."""
        return []

    def input_key(self, row: Mapping[str, Any]) -> str:
        """Context, question and choices."""
        return "\n".join([row.get("context", ""), row["question"], *row["choices"]])

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """One input a choice; its labels are its own index and the right one."""
        return [self._encode(row, tokenizer, with_labels) for row in rows]

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> list[Encoded]:
        columns = columns_of(row, self)
        if fault := _fault(columns):
            raise RequestError(fault, "Give a question (a string) and a list of choices (strings).")
        context, question = columns.get("context"), columns["question"]
        inputs = []
        for index, choice in enumerate(columns["choices"]):
            text, pair = (question, choice) if context is None else (context, f"{question} {choice}")
            labels = [index, columns["label"]] if with_labels else None
            read = encode_text(tokenizer, text, pair, self.options.max_length, labels)
            inputs.append(dataclasses.replace(read, state=choice))
        return inputs

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The likeliest choice of each row, with the probability of every choice."""
        return [self._decode(row_logits, inputs) for row_logits, inputs in zip(logits, encoded, strict=True)]

    def _decode(self, logits: Sequence[torch.Tensor], encoded: Sequence[Encoded]) -> Answer:
        import torch

        together = torch.cat(list(logits))
        scores = tuple(together.float().softmax(0).tolist())
        index = scores.index(max(scores))
        return ChoiceAnswer(
            choice=encoded[index].state,
            index=index,
            score=scores[index],
            scores=scores,
            logits=together,
            truncated=any(one.truncated for one in encoded),
        )

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Cross entropy over the choices of each row, summed over rows.

        Args:
            logits: ``[inputs, 1]``, all choices of one row after another, then the next row's.
            labels: ``[inputs, 2]``: each choice's index, and the right one's of its row.
            smoothing, weights: not known here.
        """
        index, right = labels.unbind(1)
        row = (index == 0).cumsum(0) - 1
        table = logits.new_full((int(row[-1]) + 1, int(index.max()) + 1), float("-inf")).float()
        table[row, index] = logits.squeeze(1).float()
        return super().loss(table, right[index == 0])

    def targets(self, labels: torch.Tensor) -> torch.Tensor:
        """One a row."""
        return (labels[:, 0] == 0).sum()

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The index of each row's right choice."""
        return [row["label"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """Whether each row was answered right."""
        chosen = [answer.index for answer in answers if isinstance(answer, ChoiceAnswer)]
        return [mine == right for mine, right in zip(chosen, references, strict=True)]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Accuracy."""
        return {"accuracy": sum(outcomes) / len(outcomes)}


def _fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with the row's input columns."""
    choices = row["choices"]
    if not isinstance(choices, list | tuple) or not all(isinstance(choice, str) for choice in choices):
        return "choices is not a list of strings"
    if not FEWEST <= len(choices) <= MOST:
        return f"choices holds {len(choices)}, not {FEWEST} to {MOST}"
    if not isinstance(row["question"], str) or not isinstance(row.get("context"), str | None):
        return "question and context are not strings"
    return None
