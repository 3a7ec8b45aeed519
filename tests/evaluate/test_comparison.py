from __future__ import annotations

import pytest
import torch

from adapterhub.errors import DataError
from adapterhub.evaluate import Evaluation
from adapterhub.evaluate.comparison import Comparison
from adapterhub.tasks import ValueAnswer, get_task
from tests.evaluate.support import of_labels

YES = ["yes"] * 100


def right(count: int, first: int = 0) -> list[str]:
    """Answers to 100 rows of which `count` are right, from row `first` on."""
    return ["yes" if first <= number < first + count else "no" for number in range(100)]


def compared(one: list[str], other: list[str]) -> Comparison:
    return Comparison.of(of_labels(one, YES), of_labels(other, YES))


def test_mcnemar_is_the_binomial_over_rows_that_only_one_got_right() -> None:
    test = compared(right(60), right(70)).mcnemar
    assert test is not None
    assert (test.only_first, test.only_second) == (0, 10)
    assert test.p == pytest.approx(2 * 0.5**10)


def test_rows_that_both_got_right_or_wrong_tell_mcnemar_nothing() -> None:
    test = compared(right(50), right(50)).mcnemar
    assert test is not None
    assert (test.only_first, test.only_second, test.p) == (0, 0, 1)


def test_a_clear_difference_is_seen_and_has_the_right_sign() -> None:
    found = compared(right(60), right(80)).differences["accuracy"]
    assert (found.first, found.second, found.value) == (0.6, 0.8, pytest.approx(0.2))
    assert 0.1 < found.low < 0.2 < found.high < 0.3
    assert found.p < 0.01


def test_a_small_difference_among_many_changes_is_chance() -> None:
    # as many rows right, but for two, and not the same ones
    found = compared(right(50), right(52, first=48)).differences["accuracy"]
    assert found.value == pytest.approx(0.02)
    assert found.p > 0.5
    assert found.low < 0 < found.high


def test_pairing_sees_what_two_intervals_would_not() -> None:
    both = compared(right(60), right(68))
    one, other = both.first.metrics["accuracy"], both.second.metrics["accuracy"]
    assert one.high > other.low, "the intervals overlap"
    assert both.differences["accuracy"].p < 0.05


def test_rows_that_changed_are_named() -> None:
    changes = compared(right(60), right(61)).changed
    assert [(one.number, one.right) for one in changes] == [(61, (False, True))]


def test_numbers_change_by_more_than_rounding() -> None:
    task = get_task("text-classification", {"problem_type": "regression"}, ["value"])
    rows = [{"text": f"row {number}", "label": 1.0} for number in range(4)]

    def answered(*values: float) -> Evaluation:
        return Evaluation(task, rows, [ValueAnswer(value=value, logits=torch.tensor([value])) for value in values])

    one, other = answered(0.0, 0.5, 300.0, 300.0), answered(0.00005, 0.501, 300.01, 300.1)
    assert [change.number for change in Comparison.of(one, other).changed] == [2, 4]


def test_tasks_without_right_and_wrong_have_no_mcnemar() -> None:
    task = get_task("token-classification", None, ["O"])
    made = Evaluation(task, [{"tokens": [], "tags": []}], [])
    assert Comparison(made, made).mcnemar is None


def test_other_rows_or_another_task_are_refused() -> None:
    with pytest.raises(DataError, match="100 rows, the second 99"):
        Comparison.of(of_labels(YES, YES), of_labels(YES[1:], YES[1:]))
    other = of_labels(YES, [*YES[1:], "no"])
    with pytest.raises(DataError, match="row 100 of the two is not the same"):
        Comparison.of(of_labels(YES, YES), other)
    choices = Evaluation(get_task("multiple-choice"), [], [])
    with pytest.raises(DataError, match="text-classification single_label_classification, the second multiple-choice"):
        Comparison.of(of_labels(YES, YES), choices)


def test_other_numbers_of_samples_are_refused() -> None:
    options = {"problem_type": "code", "sampling": {"temperature": 1}}
    few, many = (Evaluation(get_task("text-generation", {**options, "samples": count}), (), ()) for count in (2, 3))
    with pytest.raises(DataError, match="the first has 2 answers of each row, the second 3"):
        Comparison.of(few, many)
