"""`polylora` 0.1 (PyPI): linear modules replaced by ones that take an adapter id a row; plain LoRA, right-padded rows.

It is optional: it takes part where it can be imported (``pip install --no-deps polylora``; on CPUs it needs no Triton).
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

from benchmarks.adapters import DECODER_LINEARS, ENCODER_LINEARS
from benchmarks.contenders import plain
from benchmarks.harness import Contender
from benchmarks.workload import Workload


def available() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("polylora") is not None


def serves(work: Workload) -> bool:
    """Whether it knows all methods of this workload."""
    return all(adapter.method == "lora" for adapter in work.adapters)


def contender(base: Path, decoder: bool, work: Workload) -> Contender:
    """All rows in one batch, every adapter in a slot of its own."""
    from polylora import PolyLoraConfig, PolyLoraModel

    config = PolyLoraConfig(
        max_gpu_adapters=len(work.adapters),
        max_rank=max(adapter.size for adapter in work.adapters),
        target_modules=list(DECODER_LINEARS if decoder else ENCODER_LINEARS),
    )
    model = PolyLoraModel(plain.load(base, decoder), config).eval()
    for adapter in work.adapters:
        model.load_adapter_from_disk(adapter.name, str(adapter.folder))
    make = plain.decoder if decoder else plain.encoder
    return make("polylora", partial(model, adapter_ids=[adapter.name for adapter in work.worn]), work.rows)
