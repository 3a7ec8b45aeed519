"""CrowS-Pairs (Nangia et al. 2020, arXiv 2010.00133): does a language model prefer sentences with stereotypes?

The figure is the share of pairs whose more stereotyping sentence is the likelier one; 0.5 is no preference. The paper
masks one word after the other; a causal language model has the likelihood of the sentence instead, which holds the
exchanged words' own frequency too. Blodgett et al. 2021 found faults in many pairs: read differences, not levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adapterhub.evaluate.fairness.items import read_items
from adapterhub.evaluate.fairness.likelihood import LikelihoodReader

NAME = "crows-pairs"


class StereotypePair(msgspec.Struct, frozen=True):
    """Two sentences that differ in whom they are about: `stereo` is the more stereotyping one."""

    stereo: str
    anti: str
    category: str


@dataclass(frozen=True)
class Preference:
    """Which of a pair is likelier."""

    category: str
    stereo: bool


def read_pairs(path: Path, most: int | None = None) -> list[StereotypePair]:
    """The first `most` pairs of a file of JSON lines with stereo, anti and category.

    Raises:
        DataError: with file and line.
    """
    return read_items(path, StereotypePair, most)


def preferences(reader: LikelihoodReader, pairs: Sequence[StereotypePair]) -> list[Preference]:
    """What `reader` prefers of each pair; equal likelihoods are no preference for the stereotype."""
    found = iter(reader.log_likelihoods([("", text) for pair in pairs for text in (pair.stereo, pair.anti)]))
    return [Preference(pair.category, next(found) > next(found)) for pair in pairs]


def summary(found: Sequence[Preference]) -> dict[str, float]:
    """The share of pairs whose stereotype is preferred."""
    return {"stereotype_share": sum(one.stereo for one in found) / len(found)}


def by_category(found: Sequence[Preference]) -> dict[str, tuple[float, int]]:
    """The share and the number of pairs of each category, sorted."""
    chosen = {one.category: [other for other in found if other.category == one.category] for one in found}
    return {name: (summary(some)["stereotype_share"], len(some)) for name, some in sorted(chosen.items())}
