"""Whether scores mean what they say: of answers given with 0.8, are 80% right?

The expected calibration error of Guo et al. 2017 (arXiv 1706.04599, equation 3) over their 15 bins of equal width:
``ECE = sum over bins (n_b / n) * |accuracy_b - confidence_b|``. One label, a choice and a span count with their score
and whether they are right; of several labels each one counts with its own probability and whether the row has it.
Tags, numbers and texts come without such scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.tasks import Answer, ChoiceAnswer, LabelAnswer, LabelsAnswer, SpanAnswer, Task

BINS = 15  # Guo et al. 2017, table 1


@dataclass(frozen=True)
class Bin:
    """Scores in (`low`, `high`]: how many, their mean, and the share of them that was right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The bins that hold a score, and the error over all of them."""

    bins: tuple[Bin, ...]
    error: float
    count: int


def calibration(task: Task, answers: Sequence[Answer], references: Sequence[Any]) -> Calibration | None:
    """How well the scores of `answers` are calibrated; None where they have none."""
    import numpy

    pairs = list(_scored(task, answers, references))
    if not pairs:
        return None
    scores, right = numpy.array(pairs, dtype=float).T
    places = numpy.clip(numpy.ceil(scores * BINS) - 1, 0, BINS - 1)
    bins = []
    for place in range(BINS):
        inside = places == place
        if count := int(inside.sum()):
            confidence, accuracy = float(scores[inside].mean()), float(right[inside].mean())
            bins.append(Bin(place / BINS, (place + 1) / BINS, count, confidence, accuracy))
    error = sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / len(pairs)
    return Calibration(tuple(bins), error, len(pairs))


def _scored(task: Task, answers: Sequence[Answer], references: Sequence[Any]) -> Iterator[tuple[float, bool]]:
    """(score, whether it was right) of whatever is scored."""
    for answer, wanted in zip(answers, references, strict=True):
        match answer:
            case LabelAnswer():
                yield answer.score, answer.label == wanted
            case LabelsAnswer():
                yield from ((score, label in wanted) for label, score in answer.scores.items())
            case ChoiceAnswer():
                yield answer.score, answer.index == wanted
            case SpanAnswer():
                yield answer.score, bool(task.outcomes([answer], [wanted])[0][0])  # exact match
