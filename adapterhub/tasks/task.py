"""What a task is: the one place that turns rows into model inputs, and model outputs into answers and figures.

Training, evaluation and serving all go through `encode` and `decode`, so they cannot drift apart. A task knows its
labels and options; it refuses to know about adapters, batches, padding or devices. A row may be read as several model
inputs (windows of a long context, choices of a question): the task makes one unpadded `Encoded` of each, and is handed
one unpadded tensor of logits for each. Imports neither torch nor transformers at module level.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from adapterhub.errors import RecipeError, RequestError
from adapterhub.recipe import unknown_key

if TYPE_CHECKING:
    import torch

    from adapterhub.tasks.answer import Answer

Row = str | Mapping[str, Any]

IGNORED = -100  # the label of positions that have none; torch's cross_entropy skips it by default


@dataclass(frozen=True)
class Encoded:
    """One model input, unpadded: a row, or a part of one.

    Attributes:
        input_ids: tokens, special ones included.
        token_type_ids: segment of each token, or None where the model is given none.
        labels: target of the input, or several of them (of each token, say); `IGNORED` where there is none. None
            without labels.
        truncated: whether some of the row was cut off.
        state: what the task's own `decode` needs to know of the input.
        pooled: positions of the tokens whose logits, averaged, are the input's own; None where the head's logits are
            taken as they come.
    """

    input_ids: list[int]
    token_type_ids: list[int] | None
    labels: int | float | list[int] | list[float] | None = None
    truncated: bool = False
    state: Any = None
    pooled: list[int] | None = None


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task's options: all that its encode and decode need besides labels; kept in the manifest."""


class Task(ABC):
    """A kind of task together with its labels and options.

    Class attributes; a task's options may decide the first five anew:
        head_kind: ``head.kind`` of the manifest.
        peft_task_type: PEFT's name for the model class, or None where PEFT has none.
        pooling: ``head.pooling`` of the manifest: a word for the tokens that `Encoded.pooled` names, or None.
        metric_names: every key of `metrics`.
        samples: how many answers of each row figures are made of, one after the other.
        name: the Hub's pipeline tag, where one exists.
        problem_type: ``head.problem_type`` of the manifest.
        primary_metric: what the best epoch is chosen by.
        error_names: the metrics of which less is better.
        input_columns: what a row given as a mapping must have; where it is one, a plain string stands for it.
        optional_columns: what it may have besides.
        target_column: what a training row must have as well.
        structured_columns: those of them that hold something else than a string; a CSV file has them as JSON.
        fewest_labels: how many labels the training rows must have at least.
        smooths_labels: whether `loss` knows what label smoothing means.
        has_classes: whether a row's target is one of `labels`, or a list of them; `loss` then takes their weights.
        reads_likelihood: whether a model is also judged by how likely it finds the targets: the mean of `loss` over
            them gives ``perplexity``, by which the best epoch is chosen, since generating text after each takes long.
    """

    head_kind: str
    peft_task_type: str | None
    pooling: str | None = None
    metric_names: tuple[str, ...]
    samples: int = 1
    name: ClassVar[str]
    problem_type: ClassVar[str | None] = None
    primary_metric: ClassVar[str]
    error_names: ClassVar[tuple[str, ...]] = ()
    input_columns: ClassVar[tuple[str, ...]]
    optional_columns: ClassVar[tuple[str, ...]] = ()
    target_column: ClassVar[str]
    structured_columns: ClassVar[tuple[str, ...]] = ()
    fewest_labels: ClassVar[int] = 2
    smooths_labels: ClassVar[bool] = True
    has_classes: ClassVar[bool] = False
    reads_likelihood: ClassVar[bool] = False
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

    @property
    def longest_input(self) -> int:
        """Positions that a row may take at most; 0 where the task sets no bound."""
        return getattr(self.options, "max_length", 0)

    @property
    def class_column(self) -> str | None:
        """The column of a row's class, or its classes; None where there are none."""
        return self.target_column if self.has_classes else None

    def question(self, row: Mapping[str, Any]) -> Row:
        """A labelled row without its target: what a predictor may see."""
        return {column: value for column, value in row.items() if column != self.target_column}

    def as_read(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row of a file as this task takes it: the one place where two ways to write the same are made one."""
        return row

    @abstractmethod
    def check_row(self, row: Mapping[str, Any]) -> None:
        """Raise ValueError, saying which column is wrong, for a training row that this task cannot read."""

    @abstractmethod
    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """The labels of a head trained on `rows`: those `known` already, in their order, then the others sorted."""

    @abstractmethod
    def input_key(self, row: Mapping[str, Any]) -> str:
        """The row's input as one string, by which duplicates are found."""

    @abstractmethod
    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """The model inputs of each row, at least one a row, in order.

        Raises:
            RequestError: a row has not the shape this task reads.
        """

    @abstractmethod
    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """One answer a row, of the logits of its inputs.

        Logits are each input's own, without padding: ``[labels]``, ``[tokens, labels]``, for question answering
        ``[tokens, 2]`` (start and end), for multiple choice ``[1]``; of an input with `Encoded.pooled` ``[labels]``.
        Where the head is a language model's they are no logits but the ids of the tokens that were written after the
        input, ``[tokens]``.
        """

    @abstractmethod
    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What the answers to `rows` should have been."""

    @abstractmethod
    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """How each row came out: the least that `summary` needs, so that resampling rows is cheap.

        Args:
            answers: `samples` of each row.
            references: as many, of the same rows.
        """

    @abstractmethod
    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """The figures in `metric_names` over rows that came out so."""

    def metrics(self, answers: Sequence[Answer], references: Sequence[Any]) -> dict[str, float]:
        """The figures in `metric_names` for these answers."""
        return self.summary(self.outcomes(answers, references))

    def model_class(self) -> Any:
        """The transformers Auto class whose head this task trains."""
        from adapterhub.tasks.heads import TASK_CLASSES

        return TASK_CLASSES[self.head_kind]

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Cross entropy summed over the targets of a padded batch; `IGNORED` targets add nothing.

        `weights` are factors of each label's loss, ``[labels]``; given only where the task `has_classes`.
        """
        from torch.nn import functional

        flat = logits.reshape(-1, logits.shape[-1]).float()
        targets = labels.reshape(-1)
        return functional.cross_entropy(
            flat, targets, weight=weights, reduction="sum", ignore_index=IGNORED, label_smoothing=smoothing
        )

    def targets(self, labels: torch.Tensor) -> torch.Tensor:
        """How many targets a batch of labels holds: what its summed loss is divided by."""
        return labels.ne(IGNORED).sum()


def columns_of(row: Row, task: Task) -> Mapping[str, Any]:
    """The row as a mapping of the task's input columns; a string stands for the only one.

    An optional column that is null is none, as it is in a file of training rows.

    Raises:
        RequestError: the row is neither, or lacks a column.
    """
    one = len(task.input_columns) == 1
    hint = f"Give a mapping with {' and '.join(task.input_columns)}" + (", or a plain string." if one else ".")
    if isinstance(row, str) and one:
        check_text(row)
        return {task.input_columns[0]: row}
    if not isinstance(row, Mapping):
        kinds = "a string or a mapping" if one else "a mapping"
        raise RequestError(f"a row for {task.name} is {kinds}, not {type(row).__name__}", hint)
    for column in task.input_columns:
        if column not in row:
            raise RequestError(f"a row for {task.name} has no column {column!r}", hint)
    for column in (*task.input_columns, *task.optional_columns):
        value = row.get(column, "")
        for text in value if isinstance(value, list | tuple) else [value]:
            check_text(text)
    return {column: value for column, value in row.items() if value is not None or column not in task.optional_columns}


def check_text(text: object) -> None:
    """Refuse a string that is no Unicode text; what is no string at all is for the task to judge.

    Raises:
        RequestError: it holds half of a surrogate pair, which no tokenizer can read.
    """
    if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RequestError("the text holds half of a surrogate pair", "Decode the input as UTF-8 before sending it.")
