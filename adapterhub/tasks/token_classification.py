"""``token-classification``: one BIO tag for every word, and the entities that the tags spell.

A row is ``{"tokens": [words]}``, or a plain string, which is cut into words at white space with punctuation apart. A
word's tag is read at its first sub-word. Rows longer than `max_length` sub-words are refused rather than cut: a word
without a tag would look like a word outside every entity. A word of which the tokenizer keeps nothing (a lone control
character, say) is tagged ``O``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks import metrics
from adapterhub.tasks.answer import Answer, Entity, TagAnswer
from adapterhub.tasks.task import IGNORED, Encoded, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch

OUTSIDE = "O"
WORD = re.compile(r"[@#]?\w+(?:['’._-]\w+)*|[^\w\s]")  # "@user", "U.S", "don't" and "e-mail" stay whole


class TokenOptions(Options, frozen=True, kw_only=True):
    """`max_length` counts sub-words, special tokens included; longer rows are refused."""

    max_length: Annotated[int, Meta(ge=8, le=8192)] = 512


@dataclass(frozen=True)
class Words:
    """The words of a row: `first` is the position of each one's first sub-word, None where it has none."""

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    first: tuple[int | None, ...]


class TokenClassification(Task):
    """One of `labels` for each word; labels are BIO tags."""

    name = "token-classification"
    head_kind = "token-classification"
    peft_task_type = "TOKEN_CLS"
    primary_metric = "entity_f1"
    metric_names = ("entity_f1", "entity_precision", "entity_recall")
    input_columns = ("tokens",)
    target_column = "tags"
    structured_columns = ("tokens", "tags")
    has_classes = True
    options_type = TokenOptions

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Words and tags are equally many strings, and each tag is ``O``, ``B-…`` or ``I-…``."""
        for column in ("tokens", "tags"):
            if not isinstance(row[column], list) or not all(isinstance(word, str) for word in row[column]):
                raise ValueError(f"{column} is not a list of strings")
        if len(row["tokens"]) != len(row["tags"]):
            raise ValueError(f"{len(row['tokens'])} tokens but {len(row['tags'])} tags")
        for tag in row["tags"]:
            if tag != OUTSIDE and not re.fullmatch(r"[BI]-.+", tag):
                raise ValueError(f"tag {tag!r} is not BIO")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """Those known, then every other tag of `rows`, and ``O``, sorted."""
        return [*known, *sorted(({tag for row in rows for tag in row["tags"]} | {OUTSIDE}) - {*known})]

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The words, joined."""
        return " ".join(row["tokens"])

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """Each row's sub-words with the tokenizer's special tokens; one input a row."""
        return [[self._encode(row, tokenizer, with_labels)] for row in rows]

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        text, words, spans = _words(row, self)
        read = tokenizer(list(words), is_split_into_words=True)
        ids: list[int] = read["input_ids"]
        if len(ids) > self.options.max_length:
            raise RequestError(
                f"a row of {len(words)} words is {len(ids)} sub-words long, more than {self.options.max_length}: "
                f"{text[:60]!r}…",
                "Split it into sentences: every word must get a tag. The limit is max_length in task.options.",
            )
        positions: dict[int, int] = {}
        for position, word in enumerate(read.word_ids()):
            if word is not None:
                positions.setdefault(word, position)
        first = tuple(positions.get(word) for word in range(len(words)))
        labels = [IGNORED] * len(ids)
        if with_labels and isinstance(row, Mapping):
            for place, tag in zip(first, row["tags"], strict=True):
                if place is not None:
                    labels[place] = self.label_index[tag]
        return Encoded(
            input_ids=ids,
            token_type_ids=read.get("token_type_ids"),
            labels=labels if with_labels else None,
            state=Words(text, words, spans, first),
        )

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The likeliest tag at each word's first sub-word."""
        return [self._decode(scores, row) for (scores,), (row,) in zip(logits, encoded, strict=True)]

    def _decode(self, logits: torch.Tensor, encoded: Encoded) -> Answer:
        best, index = logits.float().softmax(-1).max(-1)
        scores, choices = best.tolist(), index.tolist()
        row: Words = encoded.state
        tags = [OUTSIDE if place is None else self.labels[choices[place]] for place in row.first]
        word_scores = [1.0 if place is None else scores[place] for place in row.first]
        entities = _entities(row, tags, word_scores) if is_bio(self.labels) else ()  # parts of speech, say, spell none
        return TagAnswer(tokens=row.words, tags=tuple(tags), entities=entities, logits=logits)

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The tags of each row."""
        return [row["tags"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """Entities predicted, true and agreed for each row."""
        tagged = [answer.tags for answer in answers if isinstance(answer, TagAnswer)]
        return [metrics.count_entities(tags, wanted) for tags, wanted in zip(tagged, references, strict=True)]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Entity F1, precision and recall."""
        return metrics.entity_f1(outcomes)


def is_bio(tags: Iterable[str]) -> bool:
    """Whether such tags spell entities."""
    return all(tag == OUTSIDE or tag.startswith(("B-", "I-")) for tag in tags)


def _words(row: Row, task: Task) -> tuple[str, tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The row's text, its words, and where each one stands in the text."""
    columns = columns_of(row, task)
    given = columns["tokens"]
    if isinstance(given, str):
        found = [(match.group(), match.span()) for match in WORD.finditer(given)]
        return given, tuple(word for word, _ in found), tuple(span for _, span in found)
    if not isinstance(given, list | tuple) or not all(isinstance(word, str) for word in given):
        raise RequestError("tokens of a row is a list of strings", 'Give {"tokens": ["…"]}, or a plain string.')
    spans, start = [], 0
    for word in given:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    return " ".join(given), tuple(given), tuple(spans)


def _entities(row: Words, tags: Sequence[str], scores: Sequence[float]) -> tuple[Entity, ...]:
    """Runs of words tagged alike; a stray ``I-X`` opens an entity, as the metric reads it. Needs BIO tags."""
    runs: list[list[int]] = []
    for word, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        goes_on = runs and runs[-1][-1] == word - 1 and tag == f"I-{tags[word - 1][2:]}"
        if goes_on:
            runs[-1].append(word)
        else:
            runs.append([word])
    return tuple(
        Entity(
            label=tags[run[0]][2:],
            text=row.text[row.spans[run[0]][0] : row.spans[run[-1]][1]],
            start=row.spans[run[0]][0],
            end=row.spans[run[-1]][1],
            score=sum(scores[word] for word in run) / len(run),
        )
        for run in runs
    )
