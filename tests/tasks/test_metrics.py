"""The figures equal those of the libraries that define them."""

from __future__ import annotations

import random

import pytest
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.metrics import precision_score, recall_score
from sklearn.metrics import accuracy_score, f1_score

from adapterhub.tasks.metrics import EntityCounts, accuracy_and_macro_f1, count_entities, entity_f1

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
