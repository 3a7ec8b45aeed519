"""Precision, recall and F1 of each class: scikit-learn's for labels, seqeval's for the entities that BIO tags spell.

What the classes are is read off the answers: labels, several labels, or tags. Choices, spans, numbers and texts have
none, and relations have those of the labels they are answered with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.tasks import Answer, LabelAnswer, LabelsAnswer, TagAnswer
from adapterhub.tasks.token_classification import is_bio


@dataclass(frozen=True)
class ClassFigures:
    """One class; `support` is how often it is in the references: rows, words, or entities of BIO tags."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


def by_class(answers: Sequence[Answer], references: Sequence[Any], labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    """The figures of each class that is in an answer or a reference; known `labels` first, in their order.

    A precision or recall that nothing was counted for is 0, as in scikit-learn's reports. Empty where the answers have
    no classes.
    """
    match answers[0] if answers else None:
        case LabelAnswer():
            predicted = [answer.label for answer in answers if isinstance(answer, LabelAnswer)]
            return _of_labels(predicted, list(references), _named(labels, {*predicted, *references}))
        case LabelsAnswer():
            sets = [set(answer.labels) for answer in answers if isinstance(answer, LabelsAnswer)]
            return _of_sets(sets, [set(wanted) for wanted in references], labels)
        case TagAnswer():
            tagged = [list(answer.tags) for answer in answers if isinstance(answer, TagAnswer)]
            return _of_tags(tagged, [list(tags) for tags in references], labels)
    return ()


def _named(labels: Sequence[str], seen: set[str]) -> list[str]:
    return [label for label in labels if label in seen] + sorted(seen - set(labels))


def _of_labels(predicted: Sequence[str], true: Sequence[str], names: Sequence[str]) -> tuple[ClassFigures, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    return _figures(names, precision_recall_fscore_support(true, predicted, labels=list(names), zero_division=0))


def _of_sets(
    predicted: Sequence[set[str]], true: Sequence[set[str]], labels: Sequence[str]
) -> tuple[ClassFigures, ...]:
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    names = _named(labels, set().union(*predicted, *true))
    if not names:
        return ()
    table = MultiLabelBinarizer(classes=names).fit([])
    columns = precision_recall_fscore_support(table.transform(true), table.transform(predicted), zero_division=0)
    return _figures(names, columns)


def _of_tags(predicted: list[list[str]], true: list[list[str]], labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    if not is_bio(tag for tags in (*predicted, *true) for tag in tags):  # parts of speech, say: each word for itself
        words, wanted = ([tag for tags in rows for tag in tags] for rows in (predicted, true))
        return _of_labels(words, wanted, _named(labels, {*words, *wanted}))
    from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

    names = sorted({entity[0] for rows in (predicted, true) for entity in get_entities(rows)})
    return _figures(names, precision_recall_fscore_support(true, predicted, average=None, zero_division=0))


def _figures(names: Sequence[str], columns: Sequence[Sequence[float]]) -> tuple[ClassFigures, ...]:
    """Of what both libraries return: precision, recall, F1 and support, each a value for each of `names`."""
    return tuple(
        ClassFigures(name, float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in zip(names, *columns, strict=True)
    )
