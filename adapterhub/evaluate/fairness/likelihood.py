"""What reads how likely a language model finds texts, and what two of its readings come to: before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapterhub.evaluate.comparison import Difference, differences
from adapterhub.evaluate.metric import MetricValue, Summary, with_intervals


class LikelihoodReader(Protocol):
    """A language model that tells how likely texts are."""

    def log_likelihoods(self, texts: Sequence[tuple[str, str]], /) -> list[float]:
        """The natural logarithm of the probability of each (prompt, text) that the text follows the prompt."""


@dataclass(frozen=True)
class BeforeAfter:
    """Figures of the bare base and of the adapter on it over the same rows, and their paired differences."""

    before: Mapping[str, MetricValue]
    after: Mapping[str, MetricValue]
    differences: Mapping[str, Difference]

    @classmethod
    def of(cls, before: Sequence[Any], after: Sequence[Any], summary: Summary, name: str) -> BeforeAfter:
        """Of the outcomes of both on the data set `name`."""
        return cls(
            with_intervals(before, summary, name),
            with_intervals(after, summary, name),
            differences(before, after, summary),
        )
