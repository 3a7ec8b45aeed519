"""Adapters to measure with: made by plain `peft` on a plain model and saved as folders, random but not zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import IA3Config, LoraConfig, PeftConfig, PrefixTuningConfig, get_peft_model
from safetensors import safe_open
from torch import Tensor

ENCODER_LINEARS = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")
DECODER_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NOISE = 0.02  # of LoRA's B, whose zeros `peft` starts from; changes hidden states by a few percent


@dataclass(frozen=True)
class Family:
    """Adapters of one form.

    Attributes:
        method: ``lora``, ``dora``, ``prefix`` or ``ia3``.
        size: rank, or virtual tokens; IA³ has none.
        count: how many of them.
        dtype: in which their files are saved.
    """

    method: str
    size: int
    count: int
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class SavedAdapter:
    """One adapter's folder, as plain `peft` saved it."""

    name: str
    method: str
    size: int
    folder: Path

    @cached_property
    def numbers(self) -> int:
        """How many numbers its file holds."""
        return sum(math.prod(shape) for shape, _ in self._tensors)

    @cached_property
    def nbytes(self) -> int:
        """Bytes of these numbers in the file's dtype."""
        return sum(math.prod(shape) * size for shape, size in self._tensors)

    @cached_property
    def _tensors(self) -> list[tuple[tuple[int, ...], int]]:
        with safe_open(self.folder / "adapter_model.safetensors", framework="pt") as file:
            found = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118  (not a mapping)
        return [(tuple(tensor.shape), tensor.element_size()) for tensor in found]


def save(model: Any, families: Sequence[Family], folder: Path) -> list[SavedAdapter]:
    """Make the adapters of `families` on `model`, a plain transformers model, which is left as it was.

    They are named by family and number; the same families give the same adapters.
    """
    saved = []
    for index, family in enumerate(families):
        torch.manual_seed(index)
        adapted = get_peft_model(model, _config(family, model))
        for number in range(family.count):
            _fill(adapted, family)
            name = f"{family.method}{family.size or ''}-{index}-{number}"
            adapted.save_pretrained(folder / name, save_embedding_layers=False)
            saved.append(SavedAdapter(name, family.method, family.size, folder / name))
        if family.method != "prefix":  # a prefix changes no module
            adapted.unload()
    return saved


def flops_per_token(adapter: SavedAdapter, config: Any) -> int:
    """Floating-point operations that an adapter adds for each token.

    Each of its numbers is multiplied and added once; a prefix's keys and values once for every query head that reads
    them.
    """
    heads = config.num_attention_heads
    readers = heads // (getattr(config, "num_key_value_heads", None) or heads) if adapter.method == "prefix" else 1
    return 2 * adapter.numbers * readers


def _config(family: Family, model: Any) -> PeftConfig:
    decoder = model.get_output_embeddings() is not None
    task = "CAUSAL_LM" if decoder else "FEATURE_EXTRACTION"
    if family.method == "prefix":
        return PrefixTuningConfig(task_type=task, num_virtual_tokens=family.size)
    if family.method == "ia3":
        return IA3Config(task_type=task)  # the modules that `peft` chooses for this architecture
    return LoraConfig(
        task_type=task,
        r=family.size,
        lora_alpha=2 * family.size,
        target_modules=list(DECODER_LINEARS if decoder else ENCODER_LINEARS),
        use_dora=family.method == "dora",
    )


def random_values(name: str, start: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Random values for the tensor `name` of an adapter, not zero and of a size that its method works with.

    Args:
        start: what `peft` starts it from.
    """
    noise = torch.randn(start.shape, generator=generator)
    if "lora_A" in name:
        return noise / math.sqrt(start.shape[1])
    if "lora_B" in name:
        return noise * NOISE
    if "magnitude" in name:
        return start.float() * (1 + 0.05 * noise)
    return 1 + 0.1 * noise if "ia3" in name else noise


@torch.no_grad()
def _fill(adapted: Any, family: Family) -> None:
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            parameter.data = random_values(name, parameter).to(family.dtype)
