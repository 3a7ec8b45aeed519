"""What an answer decides, without how sure it is: answers that decide the same are the same to whoever acts on them."""

from __future__ import annotations

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


def decision(answer: Answer) -> Hashable:
    """The label, the labels, the tags, the choice, the span, the number or the text; of other kinds all they say."""
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
        case ValueAnswer():
            return answer.value
        case TextAnswer():
            return answer.text
    return repr(to_document(answer))
