"""Which classes are taken for which: counts of (reference, answer), of labels by rows and of tags by words.

BIO tags count by the type of entity that a word is in, so that a wrong boundary is no confusion. Several labels a row,
choices, spans, numbers and texts have no such table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.tasks import Answer, LabelAnswer, TagAnswer
from adapterhub.tasks.token_classification import is_bio


@dataclass(frozen=True)
class Confusion:
    """``counts[i][j]``: how often `labels`[i] was right and `labels`[j] was answered; `unit` is what was counted."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unit: str

    def mistakes(self, most: int) -> list[tuple[str, str, int]]:
        """(right, answered, how often) of the `most` frequent mistakes."""
        pairs = [
            (right, answered, count)
            for right, row in zip(self.labels, self.counts, strict=True)
            for answered, count in zip(self.labels, row, strict=True)
            if count and right != answered
        ]
        return sorted(pairs, key=lambda pair: -pair[2])[:most]


def confusion(answers: Sequence[Answer], references: Sequence[Any], labels: Sequence[str]) -> Confusion | None:
    """The table of `answers`, its classes in the order of `labels` and then sorted; None where they have none."""
    match answers[0] if answers else None:
        case LabelAnswer():
            pairs = [
                (right, answer.label)
                for answer, right in zip(answers, references, strict=True)
                if isinstance(answer, LabelAnswer)
            ]
            return _counted(pairs, labels, "rows")
        case TagAnswer():
            words = [
                pair
                for answer, tags in zip(answers, references, strict=True)
                if isinstance(answer, TagAnswer)
                for pair in zip(tags, answer.tags, strict=True)
            ]
            if is_bio(tag for pair in words for tag in pair):
                words = [(_type(right), _type(answered)) for right, answered in words]
            return _counted(words, labels, "words")
    return None


def _type(tag: str) -> str:
    """``B-person`` → ``person``; what is outside stays ``O``."""
    return tag.partition("-")[2] or tag


def _counted(pairs: Sequence[tuple[str, str]], labels: Sequence[str], unit: str) -> Confusion:
    counted = Counter(pairs)
    seen = {label for pair in counted for label in pair}
    names = [label for label in labels if label in seen] + sorted(seen - set(labels))
    return Confusion(tuple(names), tuple(tuple(counted[right, one] for one in names) for right in names), unit)
