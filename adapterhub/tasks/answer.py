"""What rows are answered with, one class a kind of answer. Knows no task; imports no torch at module level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from registry import Version


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one row was answered with.

    Attributes:
        version: the exact version that made it, None for the bare backbone.
        blend: where the row wore several adapters, all versions with their weights; `version` is the first of them.
        truncated: whether the end of the row was cut off.
    """

    version: Version | None = None
    blend: tuple[tuple[Version, float], ...] = ()
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelAnswer(Answer):
    """One label for the row; `logits` is [num_labels]."""

    label: str
    score: float
    scores: Mapping[str, float]
    logits: torch.Tensor = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class LabelsAnswer(Answer):
    """The labels whose scores are above the task's threshold, likeliest first; `logits` is [num_labels].

    `scores` holds every label's own probability; they do not sum to 1.
    """

    labels: tuple[str, ...]
    scores: Mapping[str, float]
    logits: torch.Tensor = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class ValueAnswer(Answer):
    """A number for the row; `logits` is [1]."""

    value: float
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
class SpanAnswer(Answer):
    """A span of the row's context: its characters `start` to `end` (exclusive).

    Without an answer, `text` is empty and `start` and `end` are None. `score` is its share among all answers that were
    possible. `logits` is [tokens, 2] (start and end) for each window of the context.
    """

    text: str
    start: int | None
    end: int | None
    score: float
    logits: tuple[torch.Tensor, ...] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class ChoiceAnswer(Answer):
    """One of the row's choices, and its place among them; `logits` is [choices]."""

    choice: str
    index: int
    score: float
    scores: tuple[float, ...]
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


def to_document(answer: Answer) -> dict[str, Any]:
    """What an answer says, as JSON: all its fields but its tensors, which `repr` leaves out too, and its version."""
    return {one.name: getattr(answer, one.name) for one in fields(answer) if one.repr and one.name != "version"}


def read_answer(kind: str, document: Mapping[str, Any]) -> Answer:
    """The answer of class `kind` that `to_document` and JSON made this of: without tensors (None) and versions.

    Raises:
        ValueError: there are no answers of this kind.
        TypeError: they have other fields.
    """
    kinds: dict[str, Any] = {known.__name__: known for known in Answer.__subclasses__()}
    if kind not in kinds:
        raise ValueError(f"no answers are a {kind}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
    values["blend"] = ()  # of versions
    if "entities" in values:
        values["entities"] = tuple(Entity(**entity) for entity in values["entities"])
    tensors = {one.name: None for one in fields(kinds[kind]) if not one.repr}
    answer: Answer = kinds[kind](**values, **tensors)
    return answer
