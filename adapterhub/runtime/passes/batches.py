"""The batch that continues rows on a backbone: which one is a fact of its layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.runtime.passes.generate import Continuation, RunningBatch
from adapterhub.runtime.passes.padded_batch import PaddedBatch


class Batch(Protocol):
    """Sequences that are being continued together; belongs to one thread at a time."""

    running: list[Continuation]

    def join(self, rows: Sequence[Continuation]) -> None:
        """Read new sequences and choose their first tokens."""

    def step(self, rows: Sequence[Continuation] | None = None) -> None:
        """Add a token to each running sequence, or to `rows` of them alone; those that are finished by it leave.

        Where it raises, each sequence is as it was before, and the step may be tried again.
        """

    def drop(self, rows: Sequence[Continuation]) -> None:
        """Let `rows` leave before they are finished."""

    def next_logits(self) -> Tensor:
        """Feed each running sequence its newest token: ``[running, vocabulary]``."""


def open_batch(backbone: Backbone) -> Batch:
    """An empty batch for a backbone that `layers.attach` has made ready."""
    padded = backbone.layout is not None and backbone.layout.kind == "padded"
    return PaddedBatch(backbone) if padded else RunningBatch(backbone)
