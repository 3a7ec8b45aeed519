"""This project's engine, one step at a time: all that the benchmarks know of its inner calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterHubError
from adapterhub.runtime.adapters.adapter import Adapter, AdapterLoader
from adapterhub.runtime.passes import generate, layers, read
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded
from benchmarks.adapters import SavedAdapter
from benchmarks.harness import Contender
from benchmarks.workload import Row
from registry import Facts, Registry, RegistryError

REFUSALS = (AdapterHubError, RegistryError)
"""What the engine raises where it does not serve an adapter."""


class OurEngine:
    """A backbone made ready to run packed steps, as `Engine` makes it ready."""

    def __init__(self, base_id: str) -> None:
        self.backbone = Backbone.load(base_id, device="cpu")
        layers.attach(self.backbone)
        self._loader = AdapterLoader(self.backbone)

    def load(self, adapters: Sequence[SavedAdapter], registry: Registry) -> dict[str, Adapter]:
        """Publish, pull and load each, by its name.

        Raises:
            AdapterHubError, RegistryError: one cannot be served.
        """
        return {adapter.name: self._loader.load(self._published(adapter, registry)) for adapter in adapters}

    def contender(self, name: str, rows: Sequence[Row], worn: Sequence[Adapter | None]) -> Contender:
        """One step over `rows`, neighbours wearing the same adapter, as `Engine` orders them."""
        order = sorted(range(len(rows)), key=lambda row: adapter.digest if (adapter := worn[row]) else "")
        place = [order.index(row) for row in range(len(rows))]
        make = self._decoder if self.backbone.is_decoder else self._encoder
        return make(name, [rows[row] for row in order], [worn[row] for row in order], place)

    def _encoder(
        self, name: str, rows: Sequence[Row], worn: Sequence[Adapter | None], place: Sequence[int]
    ) -> Contender:
        encoded = [
            EncodedRow(adapter, Encoded(input_ids=row, token_type_ids=None))
            for row, adapter in zip(rows, worn, strict=True)
        ]

        def step() -> list[torch.Tensor]:
            hidden = read.last_hidden_states(self.backbone, encoded)
            return [hidden[index] for index in place]

        return Contender(name, step)

    @torch.inference_mode()
    def _decoder(
        self, name: str, rows: Sequence[Row], worn: Sequence[Adapter | None], place: Sequence[int]
    ) -> Contender:
        """The context is cached here; a step does not move on until its tokens are taken, so nothing is restored."""
        running = [
            generate.Continuation(self.backbone, adapter, row[:-1], max_new_tokens=2)
            for row, adapter in zip(rows, worn, strict=True)
        ]
        batch = generate.RunningBatch(self.backbone)
        for continuation in running:
            continuation.ends = frozenset()
        batch.join(running)
        for continuation, row in zip(running, rows, strict=True):
            continuation.tokens[-1] = row[-1]
        ordered = [batch.running.index(running[index]) for index in place]

        def step() -> list[torch.Tensor]:
            logits = batch.next_logits()
            return [logits[index] for index in ordered]

        return Contender(name, step)

    def _published(self, adapter: SavedAdapter, registry: Registry) -> Path:
        identity = self.backbone.identity
        facts = Facts(
            base=identity.id,
            task="text-generation" if self.backbone.is_decoder else "feature-extraction",
            licence="apache-2.0",
            fingerprint=identity.fingerprint,
            tokenizer_fingerprint=identity.tokenizer_fingerprint,
            architecture=identity.architecture,
        )
        return registry.pull(registry.publish(adapter.folder, f"benchmarks/{adapter.name}", "1.0.0", facts=facts))
