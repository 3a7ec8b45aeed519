"""One name that moves from one version to another: its stages, and which may follow which.

=========  =====================================================================  ==================  ==============
stage      what is so                                                             then                if it fails
=========  =====================================================================  ==================  ==============
loading    the old one answers; the new one's bytes are fetched and verified      verifying           failed
verifying  the old one answers; the new one is read and held against its base     named               failed
named      the new one answers: one assignment, seen by all requests from now on  draining            cannot
draining   requests that entered with the old one finish on it                    released            cannot
released   the old one's place is free, unless another name stands for it too     (the end)
failed     the old one answers; nothing of the new one is left                    loading, in time
=========  =====================================================================  ==================  ==============

A newer change of the name ends a swap that is not named yet, whatever its stage. Rolling back is a swap like any other.
A failed one is tried again after one poll, two, four … or when the name moves or the follower is refreshed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from registry.protocol import Version


class SwapStage(StrEnum):
    """Where a swap is; see the table."""

    LOADING = "loading"
    VERIFYING = "verifying"
    NAMED = "named"
    DRAINING = "draining"
    RELEASED = "released"
    FAILED = "failed"


NEXT: Mapping[SwapStage, frozenset[SwapStage]] = {
    SwapStage.LOADING: frozenset({SwapStage.VERIFYING, SwapStage.FAILED}),
    SwapStage.VERIFYING: frozenset({SwapStage.NAMED, SwapStage.FAILED}),
    SwapStage.NAMED: frozenset({SwapStage.DRAINING}),
    SwapStage.DRAINING: frozenset({SwapStage.RELEASED}),
    SwapStage.RELEASED: frozenset(),
    SwapStage.FAILED: frozenset(),
}


@dataclass(frozen=True)
class Swap:
    """The last swap of one reference.

    Attributes:
        old: what answered before; None where a revoked version had been refused.
        since: when it reached its stage.
        error: why it failed.
    """

    reference: str
    old: Version | None
    new: Version
    stage: SwapStage = SwapStage.LOADING
    since: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    error: Exception | None = None

    def to(self, stage: SwapStage, error: Exception | None = None) -> Swap:
        """The same swap one stage further.

        Raises:
            ValueError: `stage` does not follow this one.
        """
        if stage not in NEXT[self.stage]:
            raise ValueError(f"a swap that is {self.stage} cannot become {stage}")
        return dataclasses.replace(self, stage=stage, since=datetime.now(UTC), error=error)
