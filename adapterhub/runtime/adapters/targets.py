"""Which modules an adapter of `peft` changes, matched as PEFT 0.21 matches them, held against what its file has.

What PEFT lets pass with a warning or in silence (a missing module, an extra tensor) is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peft.tuners.tuners_utils import _maybe_include_all_linear_layers, check_target_module_exists
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from adapterhub.errors import AdapterError
from adapterhub.tasks.heads import TaskShell

LINEAR = (nn.Linear, Conv1D)
ADAPTABLE = (*LINEAR, nn.Embedding)

Parts = Mapping[str, Tensor]
"""The tensors of one module by what they are called behind its name."""


def targeted_modules(
    config: Any, tensors: Mapping[str, Tensor], known: Sequence[str], shell: TaskShell, modules: Mapping[str, nn.Module]
) -> Iterator[tuple[str, str, nn.Module, Parts]]:
    """Every module that the adapter changes: its name in the task class and in the backbone, itself, its tensors.

    Args:
        config: the adapter's ``adapter_config.json``; its targets are matched against the names in `shell`.
        tensors: the file's tensors under PEFT's names without their prefix, the head's left out.
        known: what the method calls its tensors behind a module's name.
        shell: the task class that the adapter was trained in.
        modules: the backbone's modules by name.

    Raises:
        AdapterError: a targeted module is not in the file, of another kind or not in the backbone; or a tensor is of
            none of them.
    """
    parts = _by_module(tensors, known)
    _same_modules(set(parts), _targets(config, shell))
    for name, found in parts.items():
        own = name.removeprefix(f"{shell.prefix}.") if shell.prefix else name
        module = modules.get(own)
        if not isinstance(module, ADAPTABLE):
            raise AdapterError(
                f"module {name} is not in the backbone", "Adapt modules of the base itself, not of its head."
            )
        yield name, own, module, found


def check_shapes(name: str, parts: Parts, shapes: Mapping[str, tuple[int, ...]], hint: str) -> None:
    """Hold the tensors of module `name` against the `shapes` they must have, no more and no fewer.

    Raises:
        AdapterError: one is missing, extra or misshapen.
    """
    for part, shape in shapes.items():
        if part not in parts:
            raise AdapterError(f"the file lacks {name}{part}", "Save the adapter again; this file is incomplete.")
        if tuple(parts[part].shape) != shape:
            raise AdapterError(
                f"{name}{part} has shape {list(parts[part].shape)}, its config and this base need {list(shape)}", hint
            )
    if extra := sorted(set(parts) - set(shapes)):
        raise AdapterError(f"the file holds {name}{extra[0]}, which its config does not announce", hint)


def weight_of(module: nn.Module) -> Tensor:
    """The module's weight as ``[out, in]``; for an embedding `in` is the vocabulary."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    return weight if isinstance(module, nn.Linear) else weight.T


def _by_module(tensors: Mapping[str, Tensor], known: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part = next((part for part in known if key.endswith(part)), None)
        if part is None:
            raise AdapterError(
                f"the file holds the tensor {key}, which this runtime does not know",
                "LoRA (with lora_bias and DoRA) and IA³ on linear modules are served, with a head saved beside them.",
            )
        parts.setdefault(key.removesuffix(part), {})[part] = tensor
    return parts


def _targets(config: Any, shell: TaskShell) -> set[str]:
    """The modules that PEFT would adapt; one that is neither linear nor an embedding is refused."""
    config = _maybe_include_all_linear_layers(config, shell.model)
    targeted: set[str] = set()
    for name, module in shell.model.named_modules():
        if name and check_target_module_exists(config, name):
            if not isinstance(module, ADAPTABLE):
                raise AdapterError(
                    f"target_modules selects {name}, a {type(module).__name__}",
                    "Linear modules and embeddings are served.",
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
