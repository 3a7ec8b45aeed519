"""What an answer decides, without how sure it is: answers that decide the same are the same to whoever acts on them.

A number decides nothing by itself. Two numbers are the same within `TOLERANCE`, the one that the engine's 32-bit
logits are held to against plain `peft`: what the order of sums changes is no other answer.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from adapterhub.tasks import (
    Answer,
    ChoiceAnswer,
    LabelAnswer,
    LabelsAnswer,
    SpanAnswer,
    TagAnswer,
    TextAnswer,
    ValueAnswer,
)
from adapterhub.tasks.answer import to_document

TOLERANCE = 1e-4  # of the larger of the two numbers, and of 1 where both are smaller


def same(one: Answer, other: Answer) -> bool:
    """Whether the two decide the same, or are numbers that are as good as equal."""
    if isinstance(one, ValueAnswer) and isinstance(other, ValueAnswer):
        return math.isclose(one.value, other.value, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return decision(one) == decision(other)


def decision(answer: Answer) -> Hashable:
    """The label, the labels, the tags, the choice, the span or the text; of other kinds all they say."""
    match answer:
        case LabelAnswer():
            return answer.label
        case LabelsAnswer():
            return frozenset(answer.labels)
        case TagAnswer():
            return answer.tags
        case ChoiceAnswer():
            return answer.index
        case SpanAnswer():
            return (answer.text, answer.start, answer.end)
        case TextAnswer():
            return answer.text
    return repr(to_document(answer))
