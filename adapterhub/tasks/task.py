"""What a task is: the one place that turns rows into model inputs, and model outputs into answers and figures.

Training, evaluation and serving all go through `encode` and `decode`, so they cannot drift apart. A task knows its
labels and options; it refuses to know about adapters, batches, padding or devices: it makes one unpadded `Encoded` a
row, and is handed one unpadded tensor of logits a row. Imports neither torch nor transformers at module level.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from adapterhub.errors import RecipeError, RequestError
from adapterhub.recipe import unknown_key

if TYPE_CHECKING:
    import torch

    from registry import Version

Row = str | Mapping[str, Any]

IGNORED = -100  # the label of positions that have none; torch's cross_entropy skips it by default


@dataclass(frozen=True)
class Encoded:
    """One row as the model reads it, unpadded.

    Attributes:
        input_ids: tokens, special ones included.
        token_type_ids: segment of each token, or None where the tokenizer has no segments.
        labels: target of the row, or of each token (`IGNORED` where a token has none); None without labels.
        truncated: whether the end of the row was cut off.
        state: what the task's own `decode` needs to know of the row.
    """

    input_ids: list[int]
    token_type_ids: list[int] | None
    labels: int | list[int] | None = None
    truncated: bool = False
    state: Any = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one row was answered with. `version` is the exact version that made it, None for the bare backbone."""

    version: Version | None = None
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelAnswer(Answer):
    """One label for the row; `logits` is [num_labels]."""

    label: str
    score: float
    scores: Mapping[str, float]
    logits: torch.Tensor = field(repr=False, compare=False)


@dataclass(frozen=True)
class Entity:
    """A labelled span: characters `start` to `end` (exclusive) of the text; `score` is the mean over its words."""

    label: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, kw_only=True)
class TagAnswer(Answer):
    """One tag for each word, and the entities they spell; `logits` is [tokens, num_labels], special tokens included.

    For a row given as words, the entities' characters count in the words joined by single spaces.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[Entity, ...]
    logits: torch.Tensor = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class HiddenAnswer(Answer):
    """The bare encoder's last hidden states, [tokens, hidden size]."""

    last_hidden_state: torch.Tensor = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class TextAnswer(Answer):
    """Generated text, without the prompt."""

    text: str
    token_ids: tuple[int, ...]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task's options: all that its encode and decode need besides labels; kept in the manifest."""


class Task(ABC):
    """A kind of task together with its labels and options.

    Class attributes:
        name: the Hub's pipeline tag, where one exists.
        head_kind: ``head.kind`` of the manifest.
        peft_task_type: PEFT's name for the model class.
        problem_type: ``head.problem_type`` of the manifest.
        primary_metric: what the best epoch is chosen by.
        metric_names: every key of `metrics`.
        input_columns: what a row given as a mapping must have; a plain string stands for the first.
        optional_columns: what it may have besides.
        target_column: what a training row must have as well.
    """

    name: ClassVar[str]
    head_kind: ClassVar[str]
    peft_task_type: ClassVar[str]
    problem_type: ClassVar[str | None] = None
    primary_metric: ClassVar[str]
    metric_names: ClassVar[tuple[str, ...]]
    input_columns: ClassVar[tuple[str, ...]]
    optional_columns: ClassVar[tuple[str, ...]] = ()
    target_column: ClassVar[str]
    options_type: ClassVar[type[Options]] = Options

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        known = set(self.options_type.__struct_fields__)
        for key in options or {}:
            if key not in known:
                raise unknown_key(self.name, f"task.options.{key}", known)
        try:
            self.options: Any = msgspec.convert(dict(options or {}), self.options_type)
        except msgspec.ValidationError as error:
            raise RecipeError(
                f"task.options: {error}", f"Options of {self.name}: {', '.join(sorted(known))}."
            ) from error
        self.labels: tuple[str, ...] = tuple(labels)

    @property
    def label_index(self) -> dict[str, int]:
        """Position of each label in the head's output."""
        return {label: index for index, label in enumerate(self.labels)}

    @abstractmethod
    def check_row(self, row: Mapping[str, Any]) -> None:
        """Raise ValueError, saying which column is wrong, for a training row that this task cannot read."""

    @abstractmethod
    def labels_of(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Every label that occurs in training `rows`, sorted."""

    @abstractmethod
    def input_key(self, row: Mapping[str, Any]) -> str:
        """The row's input as one string, by which duplicates are found."""

    @abstractmethod
    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[Encoded]:
        """One `Encoded` a row, in order.

        Raises:
            RequestError: a row has not the shape this task reads.
        """

    @abstractmethod
    def decode(self, logits: Sequence[torch.Tensor], encoded: Sequence[Encoded]) -> list[Answer]:
        """One answer a row. Logits are the row's own, without padding: [num_labels] or [tokens, num_labels]."""

    @abstractmethod
    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What the answers to `rows` should have been."""

    @abstractmethod
    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """How each row came out: the least that `summary` needs, so that resampling rows is cheap."""

    @abstractmethod
    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """The figures in `metric_names` over rows that came out so."""

    def metrics(self, answers: Sequence[Answer], references: Sequence[Any]) -> dict[str, float]:
        """The figures in `metric_names` for these answers."""
        return self.summary(self.outcomes(answers, references))

    @abstractmethod
    def model_class(self) -> Any:
        """The transformers Auto class whose head this task trains."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        """Cross entropy summed over the targets of a padded batch; `IGNORED` targets add nothing."""
        from torch.nn import functional

        flat = logits.reshape(-1, logits.shape[-1]).float()
        targets = labels.reshape(-1)
        return functional.cross_entropy(flat, targets, reduction="sum", ignore_index=IGNORED, label_smoothing=smoothing)


def columns_of(row: Row, task: Task) -> Mapping[str, Any]:
    """The row as a mapping of the task's input columns; a string stands for the first of them.

    Raises:
        RequestError: the row is neither, or lacks a column.
    """
    wanted = " and ".join(task.input_columns)
    if isinstance(row, str):
        check_text(row)
        return {task.input_columns[0]: row}
    if not isinstance(row, Mapping):
        raise RequestError(
            f"a row for {task.name} is a string or a mapping, not {type(row).__name__}", f"Give {wanted}, or a string."
        )
    for column in task.input_columns:
        if column not in row:
            raise RequestError(f"a row for {task.name} has no column {column!r}", f"Give {wanted}, or a plain string.")
    for column in (*task.input_columns, *task.optional_columns):
        value = row.get(column, "")
        for text in value if isinstance(value, list | tuple) else [value]:
            check_text(text)
    return row


def check_text(text: object) -> None:
    """Refuse a string that is no Unicode text; what is no string at all is for the task to judge.

    Raises:
        RequestError: it holds half of a surrogate pair, which no tokenizer can read.
    """
    if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RequestError("the text holds half of a surrogate pair", "Decode the input as UTF-8 before sending it.")
