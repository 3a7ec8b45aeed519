"""A LoRA file read against a backbone: which module gets which delta.

Names, ranks and scalings follow PEFT 0.21 exactly, through PEFT's own matching functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from peft import LoraConfig
from peft.utils.other import get_pattern_key
from torch import Tensor, nn

from adapterhub.errors import AdapterError
from adapterhub.ops import LinearDelta
from adapterhub.runtime.adapters.targets import Parts, check_shapes, targeted_modules, weight_of
from adapterhub.tasks.heads import TaskShell

A, B, BIAS, MAGNITUDE = ".lora_A.weight", ".lora_B.weight", ".lora_B.bias", ".lora_magnitude_vector"
EMBEDDING_A, EMBEDDING_B, SAVED = ".lora_embedding_A", ".lora_embedding_B", ".base_layer.weight"
HINT = "Check r, rank_pattern, use_dora and lora_bias in adapter_config.json, and that it was trained on this base."


def read_lora(
    config: LoraConfig, tensors: Mapping[str, Tensor], shell: TaskShell, modules: Mapping[str, nn.Module]
) -> dict[str, LinearDelta]:
    """The deltas of an adapter by the names of the backbone's modules.

    Args: see `targeted_modules`.

    Raises:
        AdapterError: a targeted module is not in the file or not in the backbone, a tensor is missing, extra or
            misshapen, or an embedding was saved that is not the base's own.
    """
    known = (A, B, BIAS, MAGNITUDE, EMBEDDING_A, EMBEDDING_B, SAVED)
    return {
        own: _delta(config, name, parts, module)
        for name, own, module, parts in targeted_modules(config, tensors, known, shell, modules)
    }


def _delta(config: LoraConfig, name: str, parts: Parts, module: nn.Module) -> LinearDelta:
    rank = int(config.rank_pattern.get(get_pattern_key(list(config.rank_pattern), name), config.r))
    alpha = float(config.alpha_pattern.get(get_pattern_key(list(config.alpha_pattern), name), config.lora_alpha))
    scale = alpha / math.sqrt(rank) if config.use_rslora else alpha / rank
    weight = weight_of(module)
    embedding = isinstance(module, nn.Embedding)
    if embedding:
        parts = _without_saved(name, parts, module)
    key_a, key_b = (EMBEDDING_A, EMBEDDING_B) if embedding else (A, B)
    outputs, inputs = weight.shape
    shapes: dict[str, tuple[int, ...]] = {key_a: (rank, inputs), key_b: (outputs, rank)}
    if config.lora_bias and not embedding:
        shapes[BIAS] = (outputs,)
    if config.use_dora:
        shapes[MAGNITUDE] = (outputs,)
    check_shapes(name, parts, shapes, HINT)
    a, b = parts[key_a], parts[key_b]
    gain = offset = None
    if config.lora_bias and not embedding:
        offset = scale * parts[BIAS]
    if config.use_dora:
        wide, there = torch.promote_types(weight.dtype, a.dtype), weight.device
        product = b.to(there, wide) @ a.to(there, wide)
        norm = torch.linalg.vector_norm(weight.to(wide) + scale * product, dim=1).to(a.device)
        gain = (parts[MAGNITUDE].to(wide) / norm).to(weight.dtype)
        bias: Tensor | None = getattr(module, "bias", None)
        offset = None if bias is None else (1 - gain) * bias.to(a.device)
    return LinearDelta(
        a=a.contiguous().T,  # a view: `x @ a` of so few columns takes half the time than with `a` itself contiguous
        b=b.T.contiguous(),
        scale=scale * _embedding_scale(name, module, config),
        gain=gain,
        offset=offset,
    )


def _without_saved(name: str, parts: Parts, module: nn.Module) -> Parts:
    """PEFT saves embeddings that it targets; they must be the backbone's own, which stay as they are."""
    saved, own = parts.get(SAVED), weight_of(module).T
    if saved is not None and not (saved.shape == own.shape and torch.equal(saved.to(own), own)):
        raise AdapterError(
            f"{name}{SAVED} is not the embedding of this base",
            "An adapter that resizes or changes the vocabulary cannot share a backbone; train it without.",
        )
    return {part: tensor for part, tensor in parts.items() if part != SAVED}


def _embedding_scale(name: str, module: nn.Module, config: LoraConfig) -> float:
    """What an embedding multiplies its rows by (Gemma's does), and so what is added to them."""
    scale = getattr(module, "embed_scale", None) if isinstance(module, nn.Embedding) else None
    if scale is None:
        return 1.0
    if config.use_dora:
        raise AdapterError(f"DoRA on {name}, which scales its embeddings, is not served", "Train it without use_dora.")
    return float(scale)
