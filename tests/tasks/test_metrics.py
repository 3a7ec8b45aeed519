"""The figures equal those of the libraries that define them."""

from __future__ import annotations

import random

import pytest
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.metrics import precision_score, recall_score
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error
from sklearn.preprocessing import MultiLabelBinarizer

from adapterhub.tasks import squad
from adapterhub.tasks.metrics import (
    EntityCounts,
    accuracy_and_macro_f1,
    correlations,
    count_entities,
    entity_f1,
    multi_label_f1,
)

TAGS = ["O", "O", "O", "B-a", "I-a", "B-b", "I-b"]


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_and_macro_f1_are_scikit_learns(seed: int) -> None:
    draw = random.Random(seed)
    true = draw.choices("abcdef", weights=[9, 5, 3, 2, 1, 1], k=60)
    predicted = [label if draw.random() < 0.6 else draw.choice("abcdg") for label in true]
    figures = accuracy_and_macro_f1(list(zip(predicted, true, strict=True)))
    assert figures["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))


@pytest.mark.parametrize("seed", range(5))
def test_entity_figures_are_seqevals(seed: int) -> None:
    draw = random.Random(seed)
    true = [draw.choices(TAGS, k=draw.randrange(12)) for _ in range(40)]
    predicted = [[tag if draw.random() < 0.7 else draw.choice(TAGS) for tag in tags] for tags in true]
    figures = entity_f1([count_entities(mine, theirs) for mine, theirs in zip(predicted, true, strict=True)])
    assert figures["entity_f1"] == pytest.approx(seqeval_f1(true, predicted))
    assert figures["entity_precision"] == pytest.approx(precision_score(true, predicted))
    assert figures["entity_recall"] == pytest.approx(recall_score(true, predicted))


def test_without_any_entity_the_figures_are_zero() -> None:
    assert set(entity_f1([EntityCounts(0, 0, 0)]).values()) == {0.0}


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_several_labels_is_scikit_learns(seed: int) -> None:
    draw = random.Random(seed)
    true = [frozenset(draw.choices("abcde", k=draw.randrange(4))) for _ in range(40)]
    predicted = [frozenset(draw.choices("abcdef", k=draw.randrange(4))) | (labels & {"a"}) for labels in true]
    figures = multi_label_f1(list(zip(predicted, true, strict=True)))
    columns = MultiLabelBinarizer().fit([*true, *predicted])
    for average in ("micro", "macro"):
        expected = f1_score(columns.transform(true), columns.transform(predicted), average=average, zero_division=0)
        assert figures[f"{average}_f1"] == pytest.approx(expected)
    assert multi_label_f1([(frozenset(), frozenset())]) == {"micro_f1": 0.0, "macro_f1": 0.0}


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_scipys(seed: int) -> None:
    draw = random.Random(seed)
    true = [float(draw.randrange(6)) for _ in range(50)]  # with ties
    predicted = [round(value + draw.gauss(0, 2)) / 2 for value in true]
    figures = correlations(list(zip(predicted, true, strict=True)))
    assert figures["pearson"] == pytest.approx(pearsonr(predicted, true).statistic)
    assert figures["spearman"] == pytest.approx(spearmanr(predicted, true).statistic)
    assert figures["mse"] == pytest.approx(mean_squared_error(true, predicted))


def test_what_does_not_vary_correlates_with_nothing() -> None:
    assert correlations([(1.0, 2.0), (1.0, 4.0)]) == {"pearson": 0.0, "spearman": 0.0, "mse": 5.0}
    assert correlations([(3.0, 2.0)])["pearson"] == 0.0


@pytest.mark.parametrize(
    ("text", "right", "exact", "f1"),
    [
        ("The  Eiffel-Tower!", ["eiffeltower"], 1.0, 1.0),
        ("in the Eiffel Tower", ["Eiffel Tower", "Paris"], 0.0, 0.8),
        ("Paris", ["Eiffel Tower", "in Paris"], 0.0, 2 / 3),
        ("", [], 1.0, 1.0),
        ("Paris", [], 0.0, 0.0),
        ("", ["Paris"], 0.0, 0.0),
        ("anthem", ["them"], 0.0, 0.0),
        ("a b b", ["b c b b"], 0.0, 2 * 2 / 6),
        ("the", ["The", "Paris"], 0.0, 0.0),
    ],
)
def test_squads_figures_by_hand(text: str, right: list[str], exact: float, f1: float) -> None:
    assert squad.compare(text, right) == (exact, pytest.approx(f1))
