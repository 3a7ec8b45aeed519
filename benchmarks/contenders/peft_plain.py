"""Plain `peft`, in the two ways it has for rows of different adapters.

`adapter_names` computes them in one batch (LoRA only); `set_adapter` runs each adapter's rows by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import Tensor

from benchmarks.adapters import SavedAdapter
from benchmarks.contenders import plain
from benchmarks.contenders.plain import Cached, Padded
from benchmarks.harness import Contender
from benchmarks.workload import Workload

KINDS = {"lora": "LORA", "dora": "LORA", "prefix": "PREFIX_TUNING", "ia3": "IA3"}  # what one `PeftModel` can hold


class PeftModels:
    """The adapters of a workload, loaded by plain `peft`: one model for each PEFT type, which cannot share one."""

    def __init__(self, base: Path, decoder: bool, adapters: Sequence[SavedAdapter]) -> None:
        self._decoder = decoder
        self._models: dict[str, Any] = {}
        for adapter in adapters:
            kind = KINDS[adapter.method]
            if kind in self._models:
                self._models[kind].load_adapter(adapter.folder, adapter.name)
            else:
                model = plain.load(base, decoder)
                self._models[kind] = PeftModel.from_pretrained(model, adapter.folder, adapter.name).eval()

    def contenders(self, work: Workload) -> list[Contender]:
        """Every way that `peft` has for this workload."""
        one_by_one = self._decoder_in_turn(work) if self._decoder else self._encoder_in_turn(work)
        if set(self._models) != {"LORA"}:
            return [one_by_one]
        make = plain.decoder if self._decoder else plain.encoder
        names = [adapter.name for adapter in work.worn]
        together = make("peft_adapter_names", partial(self._models["LORA"], adapter_names=names), work.rows)
        return [together, one_by_one]

    def expected(self, work: Workload) -> list[Tensor]:
        """The oracle: each whole row by itself under its own adapter."""
        return [plain.alone(self._wearing(adapter), row) for adapter, row in zip(work.worn, work.rows, strict=True)]

    def _wearing(self, adapter: SavedAdapter) -> Any:
        model = self._models[KINDS[adapter.method]]
        model.set_adapter(adapter.name, inference_mode=True)
        return model

    def _encoder_in_turn(self, work: Workload) -> Contender:
        groups = [(adapter, rows, Padded.of([work.rows[row] for row in rows])) for adapter, rows in work.groups()]

        def step() -> list[Tensor]:
            found = {}
            for adapter, rows, padded in groups:
                found.update(zip(rows, padded.read(self._wearing(adapter)), strict=True))
            return [found[row] for row in range(len(work.rows))]

        return Contender("peft_set_adapter", step)

    def _decoder_in_turn(self, work: Workload) -> Contender:
        groups = []
        for adapter, rows in work.groups():
            cached = Cached(self._wearing(adapter), [work.rows[row] for row in rows])
            groups.append((adapter, rows, cached))

        def step() -> list[Tensor]:
            found = {}
            for adapter, rows, cached in groups:
                found.update(zip(rows, cached.step(self._stepping(adapter)), strict=True))
            return [found[row] for row in range(len(work.rows))]

        def restore() -> None:
            for _, _, cached in groups:
                cached.restore()

        return Contender("peft_set_adapter", step, restore)

    def _stepping(self, adapter: SavedAdapter) -> Callable[..., Any]:
        """The forward of a later step: a prefix is in the cache already, and `peft` would put it there again."""
        model = self._wearing(adapter)
        return model.get_base_model() if adapter.method == "prefix" else model  # type: ignore[no-any-return]
