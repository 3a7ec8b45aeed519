"""An adapter folder after it was checked against a backbone: everything a row needs to wear it.

Fail-closed: either every tensor of the folder has its place in this backbone, and every place its tensor, or
``AdapterError`` says what does not fit and nothing was loaded. What can be known from the bytes alone was checked when
the version was admitted (``registry.admit``); what needs the backbone is checked here, at every load.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import torch
from peft import IA3Config, LoraConfig, PeftConfig, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.backbone.match import refuse_other_base
from adapterhub.errors import AdapterError
from adapterhub.ops import LinearDelta
from adapterhub.runtime.adapters import fitting
from adapterhub.runtime.adapters.ia3 import read_ia3
from adapterhub.runtime.adapters.lora import read_lora
from adapterhub.runtime.adapters.prefix import Prefix, read_prefix
from adapterhub.runtime.adapters.prompt import read_prompt
from adapterhub.tasks import Task, task_of
from adapterhub.tasks.heads import TASK_CLASSES, WRITES, TaskShell, fill
from registry import Manifest

Method: TypeAlias = LoraConfig | IA3Config | PrefixTuningConfig | PromptTuningConfig | PromptEncoderConfig

WEIGHTS = "adapter_model.safetensors"
HOST = torch.device("cpu")
TUNER_KEYS, PROMPT_KEYS = "base_model.model.", "base_model."


@dataclass(frozen=True)
class Head:
    """A task head: the shell that is shared by all heads of its form, and this adapter's tensors in it."""

    shell: TaskShell
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Adapter:
    """A validated adapter; immutable, and independent of its folder once loaded. Two are equal if they are one.

    Attributes:
        digest: the version's identity, ``sha256:`` of its manifest.
        manifest: what the version says of itself.
        deltas: changes of linear modules by their names in the backbone; empty for a prefix.
        prefix: keys and values in front of each row, or None.
        prompt: embeddings ``[n, hidden]`` in front of each row's own, in the backbone's dtype, or None.
        head: its own task head, or None (answers hidden states or text).
        task: encodes rows and decodes outputs, where the head has a task; of a language model, where the manifest says
            how it is prompted.
        block: the memory that all its tensors lie in (``runtime.adapters.memory``), or None before they are put there.
    """

    digest: str
    manifest: Manifest
    deltas: Mapping[str, LinearDelta]
    prefix: Prefix | None
    prompt: Tensor | None
    head: Head | None
    task: Task | None
    block: Tensor | None = None

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Adapter:
        """The same with each tensor replaced by ``change(tensor)``."""
        prefix, head = self.prefix, self.head
        return dataclasses.replace(
            self,
            deltas={name: delta.mapped(change) for name, delta in self.deltas.items()},
            prefix=prefix and Prefix(change(prefix.keys), change(prefix.values)),
            prompt=None if self.prompt is None else change(self.prompt),
            head=head and Head(head.shell, {name: change(tensor) for name, tensor in head.tensors.items()}),
        )

    @property
    def virtual_tokens(self) -> int:
        """Positions that it takes in front of each row."""
        return (self.prefix.length if self.prefix else 0) + (0 if self.prompt is None else self.prompt.shape[0])

    @property
    def writes(self) -> bool:
        """Whether its rows are answered with text."""
        return self.manifest.head.kind in WRITES

    @cached_property
    def form(self) -> tuple[object, ...]:
        """What two adapters must share for all their deltas to be stacked: modules, ranks and types."""
        return tuple((name, self.deltas[name].form) for name in sorted(self.deltas))

    def tensors(self) -> list[Tensor]:
        """All its tensors."""
        parts = [tensor for delta in self.deltas.values() for tensor in delta.tensors()]
        parts += [self.prefix.keys, self.prefix.values] if self.prefix else []
        parts += [] if self.prompt is None else [self.prompt]
        return parts + (list(self.head.tensors.values()) if self.head else [])

    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(tensor.nbytes for tensor in self.tensors()) if self.block is None else self.block.nbytes


class AdapterLoader:
    """Reads adapter folders for one backbone; loading the thousandth costs what loading the first did."""

    def __init__(self, backbone: Backbone, *, unverified_bases: Collection[str] = ()) -> None:
        """Load for `backbone`; adapters of `unverified_bases` (Hub ids) may come without a fingerprint."""
        self._backbone = backbone
        self._modules = dict(backbone.modules())
        self._unverified = frozenset(unverified_bases)
        self._shells: dict[tuple[str, int], TaskShell] = {}
        self._building = threading.Lock()

    def load(self, folder: Path) -> Adapter:
        """Read and check one adapter folder that holds a complete ``manifest.json``, in host memory.

        Raises:
            AdapterError: it does not fit this backbone, or cannot be served.
            RegistryError: its manifest is not valid.
        """
        manifest = Manifest.read(folder)
        self._check_base(manifest)
        _check_prompt(manifest)
        config = _config(folder)
        _check_worn(config)
        fitting.check_kind(self._backbone, manifest.head.kind, config)
        shell = self._shell(manifest)
        tensors = _tensors(folder / WEIGHTS)
        body, head_tensors = _split(tensors, PROMPT_KEYS if config.is_prompt_learning else TUNER_KEYS, shell)
        deltas: dict[str, LinearDelta] = {}
        prefix = prompt = None
        if isinstance(config, LoraConfig):
            deltas = read_lora(config, body, shell, self._modules)
        elif isinstance(config, IA3Config):
            deltas = read_ia3(config, body, shell, self._modules)
        elif isinstance(config, PrefixTuningConfig):
            fitting.check_takes_prefix(self._backbone)
            prefix = read_prefix(config, body, self._backbone.config, self._backbone.dtype)
        else:
            prompt = read_prompt(config, body, self._backbone)
        fitting.check_deltas(self._backbone, manifest.head.kind, {name: self._modules[name] for name in deltas})
        head = self._head(shell, head_tensors) if shell.shapes else None
        task = _task(manifest) if head or manifest.typed.prompt else None
        _check_pooling(manifest, task)
        adapter = Adapter(manifest.digest, manifest, deltas, prefix, prompt, head, task)
        self._check_room(adapter)
        return adapter

    def _check_base(self, manifest: Manifest) -> None:
        base = manifest.base
        refuse_other_base(base, self._backbone.identity)
        if base.fingerprint is None and base.id not in self._unverified:
            raise AdapterError(
                f"unverified-base: the adapter does not state the fingerprint of {base.id}",
                f"Publish it again where the base is at hand, or allow it: unverified_bases=[{base.id!r}].",
            )

    def _shell(self, manifest: Manifest) -> TaskShell:
        kind, labels = manifest.head.kind, len(manifest.head.labels)
        if kind not in TASK_CLASSES:
            raise AdapterError(f"head.kind {kind} is not served yet", "Served: " + ", ".join(TASK_CLASSES))
        key = (kind, labels)
        with self._building:
            if key not in self._shells:
                self._shells[key] = TaskShell(kind, self._backbone.config, labels)
            return self._shells[key]

    def _head(self, shell: TaskShell, saved: Mapping[str, Tensor]) -> Head:
        if shell.reads_pooler and self._backbone.pooler is None:
            raise AdapterError(
                f"the head of {type(shell.model).__name__} reads the pooler, which this checkpoint lacks",
                "A pooler made up at random would be read; use a base that was saved with its pooler.",
            )
        dtype = self._backbone.dtype
        filled = fill(shell, saved, self._backbone.checkpoint_tensor)
        return Head(shell, {name: tensor.to(HOST, dtype) for name, tensor in filled.items()})

    def _check_room(self, adapter: Adapter) -> None:
        if adapter.virtual_tokens >= self._backbone.max_positions:
            raise AdapterError(
                f"{adapter.virtual_tokens} virtual tokens leave no room in {self._backbone.max_positions} positions",
                "Train with fewer.",
            )


def _task(manifest: Manifest) -> Task:
    """The task that decodes the head, which must be the head that it decodes."""
    task, head = task_of(manifest), manifest.head
    if head.kind != task.head_kind or head.problem_type not in (None, task.problem_type):
        raise AdapterError(
            f"head.kind {head.kind} with problem_type {head.problem_type} is not what {task.name} decodes "
            f"({task.head_kind}, {task.problem_type})",
            "Publish it under the task that it was trained for.",
        )
    return task


def _check_pooling(manifest: Manifest, task: Task | None) -> None:
    """The logits are averaged as the manifest says, or the answers are not those of plain `peft` on its word."""
    if manifest.head.pooling != (task.pooling if task else None):
        raise AdapterError(
            f"the manifest asks for head.pooling {manifest.head.pooling}, which is not what its task and options do",
            "Publish it with the task.options that it was trained with.",
        )


def _check_prompt(manifest: Manifest) -> None:
    """What a manifest asks for and this runtime does not do is refused, not passed over."""
    if manifest.typed.prompt is not None and manifest.head.kind != "causal-lm":
        raise AdapterError("the manifest asks for prompt, which is not served yet", "Publish it without.")


def _config(folder: Path) -> Method:
    try:
        config = PeftConfig.from_pretrained(str(folder))
    except (ValueError, TypeError, KeyError) as error:
        raise AdapterError(
            f"adapter_config.json cannot be read: {error}", "Save the adapter with peft again."
        ) from error
    if not isinstance(config, Method):
        raise AdapterError(
            f"peft_type {getattr(config.peft_type, 'value', config.peft_type)} is not served",
            "Served: LORA (with rsLoRA, DoRA, patterns, lora_bias), IA3, PREFIX_TUNING, PROMPT_TUNING and P_TUNING.",
        )
    return config


def _check_worn(config: Method) -> None:
    """PEFT leaves virtual tokens away, in silence, where it does not know the task."""
    if config.is_prompt_learning and config.task_type is None:
        raise AdapterError(
            "adapter_config.json states no task_type, without which peft puts no virtual tokens before a row",
            "Train LoRA or IA³ for this task, or save the adapter with its task_type.",
        )


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        found = load(file.read_bytes())  # not load_file: safetensors 0.8 loses some memory at each of its calls
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"{file.name} cannot be read: {error}", "Pull the version again.") from error
    tensors = dict(sorted(found.items()))  # which come in any order, and the first fault is the one that is told
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise AdapterError(f"{name} holds {tensor.dtype}", "Adapters hold floating-point tensors.")
        if not bool(torch.isfinite(tensor).all()):
            raise AdapterError(f"{name} holds NaN or infinity", "The training diverged; train it again.")
    return tensors


def _split(
    tensors: Mapping[str, Tensor], key_prefix: str, shell: TaskShell
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The method's tensors and the head's, under their names inside the task class."""
    names = {key.removeprefix(key_prefix): tensor for key, tensor in tensors.items()}
    roots = {name.split(".")[0] for name in shell.shapes}
    head = {name: tensor for name, tensor in names.items() if name.split(".")[0] in roots}
    return {name: tensor for name, tensor in names.items() if name not in head}, head
