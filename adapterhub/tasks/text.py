"""What every ``text-classification`` shares, whatever its problem type: how a text, or a pair of texts, is read.

A row is ``{"text"}``, with ``{"text_pair"}`` for pairs, or a plain string. Text beyond `max_length` tokens is cut off,
and the answer says so. What the head's outputs mean is for the task of each problem type to say.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks.task import Encoded, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch

    from adapterhub.tasks.answer import Answer


class TextOptions(Options, frozen=True, kw_only=True):
    """`max_length` counts tokens, special ones included."""

    max_length: Annotated[int, Meta(ge=8, le=8192)] = 128


class TextTask(Task):
    """A text, or a pair of texts, read whole by a sequence classifier."""

    name = "text-classification"
    head_kind = "sequence-classification"
    peft_task_type = "SEQ_CLS"
    input_columns = ("text",)
    optional_columns = ("text_pair",)
    options_type = TextOptions

    @abstractmethod
    def target_of(self, row: Mapping[str, Any]) -> int | float | list[float]:
        """The target of a training row as `loss` reads it."""

    @abstractmethod
    def check_target(self, value: object) -> None:
        """Raise ValueError for what cannot stand in the target column."""

    @abstractmethod
    def answer(self, logits: torch.Tensor, truncated: bool) -> Answer:
        """The answer to a row whose logits are ``[labels]``."""

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Texts are strings, and the target is one of this task."""
        for column, value in row.items():
            if column != self.target_column and not isinstance(value, str):
                raise ValueError(f"{column} is a {type(value).__name__}, not a string")
        self.check_target(row[self.target_column])

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The text, and the second text after it."""
        return "\n".join(row[column] for column in ("text", "text_pair") if column in row)

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """Each text with the tokenizer's special tokens, cut at `max_length`; one input a row."""
        return [[self._encode(row, tokenizer, with_labels)] for row in rows]

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        columns = columns_of(row, self)
        text, pair = columns["text"], columns.get("text_pair")
        if not isinstance(text, str) or not isinstance(pair, str | None):
            raise RequestError("text and text_pair of a row are strings", "Give a string, or a mapping of strings.")
        target = self.target_of(columns) if with_labels else None
        return encode_text(tokenizer, text, pair, self.options.max_length, target)

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The answer of each row's only input."""
        return [self.answer(scores, row.truncated) for (scores,), (row,) in zip(logits, encoded, strict=True)]

    def model_class(self) -> Any:
        """The Auto class of sequence classifiers."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification


def encode_text(
    tokenizer: Any,
    text: str,
    pair: str | None,
    max_length: int,
    labels: int | float | list[int] | list[float] | None = None,
) -> Encoded:
    """A text, or a pair of which the longer is cut first, with special tokens and at most `max_length` tokens."""
    read = tokenizer(text, pair, truncation=True, max_length=max_length, return_overflowing_tokens=True)
    return Encoded(
        input_ids=read["input_ids"][0],
        token_type_ids=read["token_type_ids"][0] if "token_type_ids" in read else None,
        labels=labels,
        truncated=len(read["input_ids"]) > 1,
    )
