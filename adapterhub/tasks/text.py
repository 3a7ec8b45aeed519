"""What every ``text-classification`` shares, whatever its problem type: how a text, or a pair of texts, is read.

A row is ``{"text"}``, with ``{"text_pair"}`` for pairs, or a plain string. Text beyond `max_length` tokens is cut off,
and the answer says so. What the head's outputs mean is for the task of each problem type to say.

transformers' sequence classifiers read one token: BERT's the first, through its pooler; Llama's the last. A base that
was made for the mean over tokens (sentence encoders: Reimers & Gurevych 2019, arXiv 1908.10084) is read so with
`pooling` = "mean": the head is a token classifier's linear layer, and the mean of what it says of each token is what it
says of the mean, so that plain `peft` opens the adapter and the caller takes the mean.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks.task import Encoded, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch

    from adapterhub.tasks.answer import Answer


class TextOptions(Options, frozen=True, kw_only=True):
    """`max_length` counts tokens, special ones included."""

    max_length: Annotated[int, Meta(ge=8, le=8192)] = 128


class PooledTextOptions(TextOptions, frozen=True, kw_only=True):
    """`pooling` says what the head reads: what its own class does, or the mean over all tokens, special ones too."""

    pooling: Literal["head", "mean"] = "head"


class TextTask(Task):
    """A text, or a pair of texts, read whole by a sequence classifier, or by a token classifier and averaged."""

    name = "text-classification"
    head_kind = "sequence-classification"
    peft_task_type = "SEQ_CLS"
    input_columns: ClassVar[tuple[str, ...]] = ("text",)
    optional_columns: ClassVar[tuple[str, ...]] = ("text_pair",)
    options_type: ClassVar[type[Options]] = PooledTextOptions

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        if self.options.pooling != "head":
            self.head_kind, self.peft_task_type = "token-classification", "TOKEN_CLS"
            self.pooling = self.options.pooling

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
        read = encode_text(tokenizer, text, pair, self.options.max_length, target)
        return dataclasses.replace(read, pooled=[*range(len(read.input_ids))]) if self.pooling else read

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The answer of each row's only input."""
        return [self.answer(scores, row.truncated) for (scores,), (row,) in zip(logits, encoded, strict=True)]


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
