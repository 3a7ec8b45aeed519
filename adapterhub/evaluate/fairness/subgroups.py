"""Is it as good for some as for others? The task's primary metric in each group of rows that a column names.

The gap between the best and the worst group is never 0 by chance alone, so it is set beside those of the same rows
with their groups shuffled (a permutation test). Groups of few rows tell nothing and are left out of the gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.errors import DataError
from adapterhub.evaluate.evaluation import Evaluation
from adapterhub.evaluate.metric import RESAMPLES, SEED, MetricValue, with_intervals

FEWEST = 10  # rows of a group that counts


@dataclass(frozen=True)
class Subgroups:
    """The `metric` of each group of `column`, the largest gap, and how often shuffled groups have such a one (`p`)."""

    column: str
    metric: str
    groups: Mapping[str, MetricValue]
    left_out: Mapping[str, int]
    gap: float
    p: float


def subgroups(made: Evaluation, column: str, groups: Sequence[str]) -> Subgroups:
    """Compare the groups that `groups` names for each row of `made`.

    Raises:
        DataError: fewer than two groups have rows enough.
    """
    import numpy

    counts = {group: groups.count(group) for group in sorted(set(groups))}
    counted = [group for group, count in counts.items() if count >= FEWEST]
    if len(counted) < 2:
        raise DataError(
            f"{column}: fewer than two groups have {FEWEST} rows or more", "Name a column of few groups: --group."
        )
    places = numpy.array([counted.index(group) if group in counted else -1 for group in groups])
    metric, summary = made.task.primary_metric, made.task.summary

    def gap(members: Any) -> float:
        values = [
            summary([made.outcomes[row] for row in numpy.flatnonzero(members == place)])[metric]
            for place in range(len(counted))
        ]
        return max(values) - min(values)

    found, random = gap(places), numpy.random.default_rng(SEED)
    as_large = sum(gap(random.permutation(places)) >= found - 1e-12 for _ in range(RESAMPLES))
    return Subgroups(
        column,
        metric,
        {
            group: with_intervals(
                [made.outcomes[row] for row in numpy.flatnonzero(places == place)], summary, made.split
            )[metric]
            for place, group in enumerate(counted)
        },
        {group: count for group, count in counts.items() if group not in counted},
        found,
        (as_large + 1) / (RESAMPLES + 1),
    )
