"""Continuing rows on a base that runs padded: sequences join and leave between steps, as in `generate.RunningBatch`.

Decoder-only models and encoder-decoders; the rows of a step may wear different adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.runtime.passes import encoder_decoder, padded
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes.choice import Choice
from adapterhub.runtime.passes.generate import Continuation, chosen, neighbours
from adapterhub.runtime.passes.past import Past, RowPast
from adapterhub.runtime.passes.plan import AdapterMap, Plan
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded

Prefill = Callable[[Backbone, Sequence[EncodedRow]], tuple[Tensor, list[RowPast]]]
Feed = Callable[[Backbone, Sequence[int], Past, AdapterMap], Tensor]


class PaddedBatch:
    """The sequences that are being continued together. Belongs to one thread at a time.

    Attributes:
        running: those that are not finished, neighbours by adapter.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.running: list[Continuation] = []
        self._backbone = backbone
        model = encoder_decoder if backbone.is_encoder_decoder else padded
        self._read: Prefill = model.prefill
        self._feed: Feed = model.feed
        self._choose: Callable[[Sequence[Continuation], Tensor], list[int]] = (
            Choice(backbone) if backbone.is_encoder_decoder else chosen
        )
        self._pasts: list[RowPast] = []  # of those that run, until a step brings them together in `_past`
        self._past: Past | None = None
        self._adapters: AdapterMap | None = None
        self._stacked = False

    def join(self, rows: Sequence[Continuation]) -> None:
        """Read new sequences and choose their first tokens; rows that wear the same adapter should be neighbours."""
        rows = [row for row in rows if not row.finished]
        if not rows:
            return
        hidden, pasts = self._read(self._backbone, [EncodedRow(row.adapter, Encoded(row.prompt, None)) for row in rows])
        self._take(rows, self._logits(hidden, AdapterMap([(row.adapter, 1) for row in rows])))
        self._compose([*self._kept(), *zip(rows, pasts, strict=True)])

    def step(self, rows: Sequence[Continuation] | None = None) -> None:
        """Add a token to each running sequence, or to `rows` of them alone; those that are finished by it leave.

        Where it raises, each sequence is as it was before, and the step may be tried again.
        """
        others: list[tuple[Continuation, RowPast]] = []
        if rows is not None:
            kept = self._kept()
            others = [pair for pair in kept if pair[0] not in rows]
            self._compose([pair for pair in kept if pair[0] in rows])
        try:
            self._step()
        finally:
            if others:
                self._compose([*self._kept(), *others])

    def _step(self) -> None:
        if self.running:
            self._take(self.running, self.next_logits())
            self._together().accept()
            if any(row.finished for row in self.running):
                self._compose(self._kept())

    def drop(self, rows: Sequence[Continuation]) -> None:
        """Let `rows` leave before they are finished."""
        for row in rows:
            row.finished = True
        if rows:
            self._compose(self._kept())

    def next_logits(self) -> Tensor:
        """Feed each running sequence its newest token: ``[running, vocabulary]``, in the order of `running`.

        The token's keys and values are stored, but count only once `step` has taken them.
        """
        past = self._together()
        if not self._stacked and self._adapters is not None:  # the second step with these rows; more are likely
            self._adapters, self._stacked = self._map(self._backbone.dtype), True
        self._adapters = self._adapters or self._map(None)
        hidden = self._feed(self._backbone, [row.tokens[-1] for row in self.running], past, self._adapters)
        return self._logits(hidden, self._adapters)

    def _logits(self, hidden: Tensor, adapters: AdapterMap) -> Tensor:
        with plans.running(Plan(adapters)):
            return self._backbone.lm_head(hidden)  # type: ignore[misc,no-any-return]

    def _take(self, rows: Sequence[Continuation], logits: Tensor) -> None:
        for row, token in zip(rows, self._choose(rows, logits), strict=True):
            row.accept(token)

    def _kept(self) -> list[tuple[Continuation, RowPast]]:
        pasts = self._pasts if self._past is None else self._past.rows()
        return list(zip(self.running, pasts, strict=True))

    def _together(self) -> Past:
        if self._past is None:
            self._past = Past(self._pasts)  # which may find no memory
            self._pasts = []
        return self._past

    def _compose(self, rows: Sequence[tuple[Continuation, RowPast]]) -> None:
        """Run `rows` from now on, without those that are finished; cannot fail, so that no row is ever without past."""
        pasts = {id(row): past for row, past in rows}
        self.running = neighbours([row for row, _ in rows if not row.finished])
        self._pasts, self._past = [pasts[id(row)] for row in self.running], None
        self._adapters, self._stacked = None, False

    def _map(self, stack_in: torch.dtype | None) -> AdapterMap:
        return AdapterMap([(row.adapter, 1) for row in self.running], stack_in)
