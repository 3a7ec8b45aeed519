"""How well a model expects the targets of rows: what the epochs of a task that writes are chosen by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adapterhub.evaluate.metric import MetricValue, with_intervals


@dataclass(frozen=True)
class Likelihood:
    """How a model finds one row's target: the loss summed over its tokens (nats), and how many they are."""

    loss: float
    tokens: int


def measured_perplexity(rows: Sequence[Likelihood], split: str) -> dict[str, MetricValue]:
    """The perplexity of targets, with its interval."""
    return with_intervals(rows, perplexity, split)


def perplexity(rows: Sequence[Likelihood]) -> dict[str, float]:
    """``exp`` of the mean loss over all tokens of `rows`: 1 where every token was certain, inf beyond all numbers."""
    mean = sum(row.loss for row in rows) / sum(row.tokens for row in rows)
    try:
        return {"perplexity": math.exp(mean)}
    except OverflowError:
        return {"perplexity": math.inf}
