"""The figures that tasks report, each over per-row outcomes, so that resampling rows costs next to nothing.

seqeval says what an entity is; it and numpy are imported on first use. Knows nothing of models or answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any


def accuracy_and_macro_f1(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Over (predicted, true) labels: the share that agree, and F1 averaged over labels that occur on either side.

    scikit-learn's definitions, counted here: a bootstrap asks a thousand times, and scikit-learn takes 10 ms a time.
    """
    counted = Counter(pairs)
    predicted: Counter[str] = Counter()
    true: Counter[str] = Counter()
    for (guess, label), count in counted.items():
        predicted[guess] += count
        true[label] += count
    labels = predicted.keys() | true.keys()
    f1 = [2 * counted[label, label] / (predicted[label] + true[label]) for label in sorted(labels)]
    return {
        "accuracy": sum(counted[label, label] for label in labels) / len(pairs),
        "macro_f1": sum(f1) / len(f1),
    }


def by_scope(pairs: Sequence[tuple[str, str]], out_of_scope: str) -> dict[str, float]:
    """Over (predicted, true) labels: accuracy on rows in scope, and the share of the others that was recognised.

    Larson et al. 2019's two figures. A share of no rows is 0.
    """
    inside = [guess == label for guess, label in pairs if label != out_of_scope]
    outside = [guess == label for guess, label in pairs if label == out_of_scope]
    return {
        "in_scope_accuracy": sum(inside) / max(len(inside), 1),
        "out_of_scope_recall": sum(outside) / max(len(outside), 1),
    }


DIRECTION = re.compile(r"\(e[12],\s*e[12]\)$")


def relation_f1(pairs: Sequence[tuple[str, str]], no_relation: str | None) -> dict[str, float]:
    """Over (predicted, true) labels: F1 over relations, `no_relation` being none, and accuracy over all labels.

    macro_f1 is that of SemEval-2010 task 8's official scorer, "(9+1)-way with directionality": both directions of a
    relation are one relation, of which an answer in the wrong direction is a wrong one; F1 is averaged over relations
    that occur on either side. micro_f1 counts all relations together, as TACRED's scorer does.
    """
    counted = Counter(pairs)
    agreed: Counter[str] = Counter()
    said: Counter[str] = Counter()  # predicted and true
    for (guess, label), count in counted.items():
        said[DIRECTION.sub("", guess)] += count
        said[DIRECTION.sub("", label)] += count
        agreed[DIRECTION.sub("", label)] += count * (guess == label)
    relations = sorted(said.keys() - {no_relation})
    f1 = [2 * agreed[relation] / said[relation] for relation in relations]
    total = sum(said[relation] for relation in relations)
    return {
        "macro_f1": sum(f1) / len(f1) if f1 else 0.0,
        "micro_f1": 2 * sum(agreed[relation] for relation in relations) / total if total else 0.0,
        "accuracy": sum(count for (guess, label), count in counted.items() if guess == label) / len(pairs),
    }


@dataclass(frozen=True)
class EntityCounts:
    """Entities of one row: how many were predicted, how many are there, how many of the two agree in label and span."""

    predicted: int
    true: int
    agreed: int


def count_entities(predicted: Sequence[str], true: Sequence[str]) -> EntityCounts:
    """Compare two BIO taggings of one row, as CoNLL does: a stray ``I-X`` opens an entity."""
    from seqeval.metrics.sequence_labeling import get_entities

    found, wanted = set(get_entities(list(predicted))), set(get_entities(list(true)))
    return EntityCounts(len(found), len(wanted), len(found & wanted))


def entity_f1(rows: Sequence[EntityCounts]) -> dict[str, float]:
    """Precision, recall and F1 over all entities of `rows` (micro average, seqeval's default)."""
    agreed = sum(row.agreed for row in rows)
    predicted = sum(row.predicted for row in rows)
    true = sum(row.true for row in rows)
    return {
        "entity_f1": 2 * agreed / (predicted + true) if predicted + true else 0.0,
        "entity_precision": agreed / predicted if predicted else 0.0,
        "entity_recall": agreed / true if true else 0.0,
    }


def multi_label_f1(pairs: Sequence[tuple[Set[str], Set[str]]]) -> dict[str, float]:
    """Over (predicted, true) sets: F1 over all labels together, and averaged over those that occur on either side."""
    counted = Counter(label for guess, labels in pairs for label in guess & labels)
    predicted = Counter(label for guess, _ in pairs for label in guess)
    true = Counter(label for _, labels in pairs for label in labels)
    labels = predicted.keys() | true.keys()
    f1 = [2 * counted[label] / (predicted[label] + true[label]) for label in sorted(labels)]
    return {
        "micro_f1": 2 * counted.total() / (predicted.total() + true.total()) if labels else 0.0,
        "macro_f1": sum(f1) / len(f1) if f1 else 0.0,
    }


def correlations(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Over (predicted, true): Pearson's and Spearman's correlation, and the mean squared error.

    A correlation with what does not vary is undefined, and counts as 0.
    """
    import numpy

    predicted, true = numpy.array(pairs, dtype=float).T
    return {
        "pearson": _pearson(predicted, true),
        "spearman": _pearson(_ranks(predicted), _ranks(true)),
        "mse": float(((predicted - true) ** 2).mean()),
    }


def _pearson(one: Any, other: Any) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float((one @ one) * (other @ other)) ** 0.5
    return float(one @ other) / size if size > 0 else 0.0


def _ranks(values: Any) -> Any:
    """Ranks from 1; equal values share the mean of theirs."""
    import numpy

    _, place, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]
