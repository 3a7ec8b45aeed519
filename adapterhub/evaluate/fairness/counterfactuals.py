"""Does an answer change when only who the text is about is exchanged? (Counterfactual token fairness, Garg et al. 2019,
arXiv 1809.10610.)

Each row in which one of a pair of words stands is answered again with the two exchanged. A flip is another decision;
a number has none, and only its shift is told. That words are exchanged does not make every new text sensible, nor every
flip wrong: the flips are named, to be read. Answers that quote the text (spans, texts) would change with it and are not
asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.errors import DataError
from adapterhub.evaluate.decision import same
from adapterhub.evaluate.evaluation import Predictor, inputs_of
from adapterhub.evaluate.fairness.pairs import IdentityPair
from adapterhub.evaluate.metric import MetricValue, with_intervals
from adapterhub.tasks import Answer, ChoiceAnswer, LabelAnswer, LabelsAnswer, TagAnswer, Task, ValueAnswer

ASKED = (ChoiceAnswer, LabelAnswer, LabelsAnswer, TagAnswer, ValueAnswer)


@dataclass(frozen=True)
class Counterfactual:
    """A row, from 1, and what it was answered with before and after the words of `pair` were exchanged in it."""

    number: int
    pair: IdentityPair
    row: Mapping[str, Any]
    before: Answer
    after: Answer

    @property
    def flipped(self) -> bool:
        """Whether the decision is another one; a number decides nothing, it only shifts."""
        return not self.is_number and not same(self.before, self.after)

    @property
    def is_number(self) -> bool:
        """Whether a number was answered."""
        return isinstance(self.before, ValueAnswer)

    @property
    def shift(self) -> float | None:
        """By how much the score of the decision before moved, or a number; None where the answer has no scores."""
        match self.before, self.after:
            case LabelAnswer() as one, LabelAnswer() as other:
                return abs(one.score - other.scores[one.label])
            case LabelsAnswer() as one, LabelsAnswer() as other:
                return max((abs(score - other.scores[label]) for label, score in one.scores.items()), default=0.0)
            case ChoiceAnswer() as one, ChoiceAnswer() as other:
                return abs(one.score - other.scores[one.index])
            case ValueAnswer() as one, ValueAnswer() as other:
                return abs(one.value - other.value)
        return None


@dataclass(frozen=True)
class Flips:
    """Over all `texts` of a `group` of words: the share that flipped (None of numbers), and the mean shift."""

    group: str
    texts: int
    rate: MetricValue | None
    mean_shift: float | None


def counterfactuals(
    predictor: Predictor, task: Task, rows: Sequence[Mapping[str, Any]], pairs: Sequence[IdentityPair]
) -> list[Counterfactual]:
    """Answer every row in which a word of `pairs` stands, as it is and with the pair exchanged.

    Raises:
        DataError: no row holds any of the words, or the task's answers quote the text.
    """
    asked: list[tuple[int, IdentityPair, Mapping[str, Any]]] = []
    shown = [dict(row) for row in inputs_of(rows, task) if isinstance(row, Mapping)]
    for number, row in enumerate(shown, start=1):
        for pair in pairs:
            other = pair.exchanged_in(row)
            if other != row:
                asked.append((number, pair, other))
    if not asked:
        raise DataError("no row holds any of the identity words", "Add words of your rows' language: --pairs FILE.")
    touched = sorted({number for number, _, _ in asked})
    answers = predictor.predict([*(shown[number - 1] for number in touched), *(row for _, _, row in asked)])
    if not isinstance(answers[0], ASKED):
        raise DataError(f"answers of {task.name} quote the text, which is exchanged", "Ask a classifier.")
    before = dict(zip(touched, answers, strict=False))
    return [
        Counterfactual(number, pair, shown[number - 1], before[number], after)
        for (number, pair, _), after in zip(asked, answers[len(touched) :], strict=True)
    ]


def flips(found: Sequence[Counterfactual], split: str) -> list[Flips]:
    """The rates of each group of words, sorted."""
    return [
        Flips(group, len(some), _rate(some, split), _mean([one.shift for one in some if one.shift is not None]))
        for group in sorted({one.pair.group for one in found})
        for some in [[one for one in found if one.pair.group == group]]
    ]


def _rate(found: Sequence[Counterfactual], split: str) -> MetricValue | None:
    if any(one.is_number for one in found):
        return None
    flipped = [one.flipped for one in found]
    return with_intervals(flipped, lambda drawn: {"rate": sum(drawn) / len(drawn)}, split)["rate"]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
