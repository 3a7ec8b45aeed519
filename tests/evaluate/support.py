"""Answers without a model: what tests of figures need."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from adapterhub.evaluate import Evaluation
from adapterhub.tasks import LabelAnswer, get_task


def labelled(label: str, score: float = 1.0) -> LabelAnswer:
    return LabelAnswer(label=label, score=score, scores={label: score}, logits=torch.zeros(2))


def of_labels(predicted: Sequence[str], true: Sequence[str], scores: Sequence[float] | None = None) -> Evaluation:
    """An evaluation of a text classifier that answered `predicted` where `true` was right."""
    task = get_task("text-classification", None, sorted({*true}))
    rows = [{"text": f"row {number}", "label": label} for number, label in enumerate(true)]
    given = scores or [1.0] * len(predicted)
    return Evaluation(task, rows, [labelled(*one) for one in zip(predicted, given, strict=True)])
