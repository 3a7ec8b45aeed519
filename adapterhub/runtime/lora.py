"""A LoRA file read against a backbone: which module gets which delta.

Names, ranks and scalings follow PEFT 0.21 exactly, through PEFT's own matching functions; what PEFT lets pass with a
warning or in silence (a missing module, an extra tensor, a NaN) is refused here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import _maybe_include_all_linear_layers, check_target_module_exists
from peft.utils.other import get_pattern_key
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from adapterhub.errors import AdapterError
from adapterhub.ops import LinearDelta
from adapterhub.tasks.heads import TaskShell

PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_B.bias", ".lora_magnitude_vector")
LINEAR = (nn.Linear, Conv1D)


def read_lora(
    config: LoraConfig, tensors: Mapping[str, Tensor], shell: TaskShell, modules: Mapping[str, nn.Module]
) -> dict[str, LinearDelta]:
    """The deltas of an adapter by the names of the backbone's modules.

    Args:
        config: the adapter's ``adapter_config.json``.
        tensors: the file's tensors under PEFT's names without ``base_model.model.``, the head's left out.
        shell: the task class that the adapter was trained in; `config`'s targets are matched against its names.
        modules: the backbone's modules by name.

    Raises:
        AdapterError: a targeted module is not in the file or not in the backbone, a tensor is missing, extra or
            misshapen.
    """
    parts = _by_module(tensors)
    targeted = _targets(config, shell)
    _same_modules(set(parts), targeted)
    return {
        _backbone_name(name, shell): _delta(config, name, found, modules.get(_backbone_name(name, shell)))
        for name, found in parts.items()
    }


def _by_module(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part = next((part for part in PARTS if key.endswith(part)), None)
        if part is None:
            raise AdapterError(
                f"the file holds the tensor {key}, which this runtime does not know",
                "LoRA on linear modules with lora_bias and DoRA is served, with a head saved beside it.",
            )
        parts.setdefault(key.removesuffix(part), {})[part] = tensor
    return parts


def _targets(config: LoraConfig, shell: TaskShell) -> set[str]:
    """The modules that PEFT would adapt; one that is not linear is refused."""
    config = _maybe_include_all_linear_layers(config, shell.model)
    targeted: set[str] = set()
    for name, module in shell.model.named_modules():
        if name and check_target_module_exists(config, name):
            if not isinstance(module, LINEAR):
                raise AdapterError(
                    f"target_modules selects {name}, a {type(module).__name__}", "LoRA is served on linear modules."
                )
            targeted.add(name)
    return targeted


def _same_modules(in_file: set[str], targeted: set[str]) -> None:
    if missing := sorted(targeted - in_file):
        raise AdapterError(
            f"target_modules selects {missing[0]}, but the file has no tensors for it ({len(missing)} such modules)",
            "PEFT would silently leave them as they are; save the adapter again from the model that was trained.",
        )
    if extra := sorted(in_file - targeted):
        raise AdapterError(
            f"the file has tensors for {extra[0]}, which target_modules does not select in this base "
            f"({len(extra)} such modules)",
            "Was the adapter trained on another architecture? It would apply to nothing.",
        )


def _backbone_name(name: str, shell: TaskShell) -> str:
    return name.removeprefix(f"{shell.prefix}.") if shell.prefix else name


def _delta(config: LoraConfig, name: str, parts: Mapping[str, Tensor], module: nn.Module | None) -> LinearDelta:
    if not isinstance(module, LINEAR):
        raise AdapterError(
            f"module {name} is not in the backbone", "Adapt modules of the base itself, not of its head."
        )
    rank = int(config.rank_pattern.get(get_pattern_key(list(config.rank_pattern), name), config.r))
    alpha = float(config.alpha_pattern.get(get_pattern_key(list(config.alpha_pattern), name), config.lora_alpha))
    scale = alpha / math.sqrt(rank) if config.use_rslora else alpha / rank
    weight = module.weight.T if isinstance(module, Conv1D) else module.weight  # [out, in]
    outputs, inputs = weight.shape
    shapes: dict[str, tuple[int, ...]] = {".lora_A.weight": (rank, inputs), ".lora_B.weight": (outputs, rank)}
    if config.lora_bias:
        shapes[".lora_B.bias"] = (outputs,)
    if config.use_dora:
        shapes[".lora_magnitude_vector"] = (outputs,)
    _check_parts(name, parts, shapes)
    a, b = parts[".lora_A.weight"], parts[".lora_B.weight"]
    gain = offset = None
    if config.lora_bias:
        offset = scale * parts[".lora_B.bias"]
    if config.use_dora:
        wide = torch.promote_types(weight.dtype, a.dtype)
        norm = torch.linalg.vector_norm(weight.to(wide) + scale * (b.to(wide) @ a.to(wide)), dim=1)
        gain = (parts[".lora_magnitude_vector"].to(wide) / norm).to(weight.dtype)
        offset = None if module.bias is None else (1 - gain) * module.bias
    return LinearDelta(a.T, b.T, scale, gain, offset)


def _check_parts(name: str, parts: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    for part, shape in shapes.items():
        if part not in parts:
            raise AdapterError(f"the file lacks {name}{part}", "Save the adapter again; this file is incomplete.")
        if tuple(parts[part].shape) != shape:
            raise AdapterError(
                f"{name}{part} has shape {list(parts[part].shape)}, its config and this base need {list(shape)}",
                "Check r and rank_pattern, and that the adapter was trained on this base.",
            )
    if extra := sorted(set(parts) - set(shapes)):
        raise AdapterError(
            f"the file holds {name}{extra[0]}, which its config does not announce",
            "Check use_dora and lora_bias in adapter_config.json.",
        )
