"""Heads as transformers defines them, without a model around them.

The task class (``BertForSequenceClassification``, ``LlamaForTokenClassification`` …) is built once on the meta device,
where it costs no memory, and its base is replaced by a stub that passes hidden states through. What remains is the
head, whatever its architecture; an adapter's tensors are put in for each call. So no head is written a second time,
and heads of any size sit side by side. Knows nothing of adapters or backbones: it is handed tensors.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions
from transformers.models.auto.auto_factory import _get_model_class

from adapterhub.errors import AdapterError

TASK_CLASSES: Mapping[str, Any] = {
    "none": AutoModel,
    "causal-lm": AutoModelForCausalLM,
    "seq2seq-lm": AutoModelForSeq2SeqLM,
    "sequence-classification": AutoModelForSequenceClassification,
    "token-classification": AutoModelForTokenClassification,
    "question-answering": AutoModelForQuestionAnswering,
    "multiple-choice": AutoModelForMultipleChoice,
}
"""manifest ``head.kind`` → the transformers class that an adapter of this kind was trained in."""

WRITES = ("causal-lm", "seq2seq-lm")
"""Kinds whose rows are answered with text: their head is the base's own."""

FIXED_OUTPUTS: Mapping[str, int] = {"question-answering": 2, "multiple-choice": 1}
"""Outputs of the heads whose size no labels decide: start and end, and the score of one choice."""

Pooler = Callable[[Tensor], Tensor]


def num_labels(kind: str, labels: int) -> int:
    """``config.num_labels`` of a head of this kind with so many labels."""
    return FIXED_OUTPUTS.get(kind, labels)


def shaped(kind: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inputs ``[n, T, …]`` as the class of this kind takes them: multiple choice as n rows of one choice each."""
    return {name: values.unsqueeze(1) if kind == "multiple-choice" else values for name, values in inputs.items()}


def logits_of(output: Any) -> Tensor:
    """The logits in what a task class returns; question answering's start and end as one ``[n, T, 2]``."""
    if "start_logits" in output:
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.logits  # type: ignore[no-any-return]


def pool(logits: Tensor, weights: Tensor) -> Tensor:
    """The mean of the logits of those tokens whose weight is 1.

    Semantics: ``[…, T, labels]`` and ``[…, T]`` of 0 and 1, one of them 1 at least, to ``[…, labels]``.

    What a linear head says of each token, averaged, is what it says of the averaged hidden states.
    """
    weights = weights.to(logits.dtype).unsqueeze(-1)
    return (logits * weights).sum(-2) / weights.sum(-2)


_POOLER: ContextVar[Pooler | None] = ContextVar("pooler", default=None)


@dataclass
class _Output(BaseModelOutputWithPoolingAndCrossAttentions):  # type: ignore[misc]  # transformers' types are not read
    """With what the classes of encoder-decoders hand on besides."""

    decoder_hidden_states: None = None
    decoder_attentions: None = None
    encoder_last_hidden_state: None = None
    encoder_hidden_states: None = None
    encoder_attentions: None = None


class _PassThrough(nn.Module):
    """Stands where the base stood: hands on the hidden states that it is given as embeddings."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> _Output:
        pooler = _POOLER.get()
        return _Output(last_hidden_state=inputs_embeds, pooler_output=pooler(inputs_embeds) if pooler else None)


class TaskShell:
    """One task class of one base architecture: the names in it, and its head as a function.

    Raises AdapterError where transformers has no such class for this architecture.

    Attributes:
        kind: the manifest's ``head.kind``.
        model: the whole task model on the meta device: names, types and shapes only.
        prefix: what the base is called in it (``bert``), "" where the model is the base itself.
        shapes: the head's parameters and their shapes.
        reads_pooler: whether the head is fed by the base's pooler.
    """

    def __init__(self, kind: str, config: Any, labels: int) -> None:
        sized = copy.deepcopy(config)
        sized.num_labels = num_labels(kind, labels)
        # By no from_config, here or within the class: for a config that states a type it sets torch's default type for
        # the whole process, while other threads compute or load. Of a shell only names and shapes count.
        sized.dtype = None
        try:
            model_class = _get_model_class(sized, TASK_CLASSES[kind]._model_mapping)
        except KeyError as error:
            raise AdapterError(
                f"transformers has no {kind} head for {config.model_type}", "Train this task on another base."
            ) from error
        self.kind = kind
        with torch.device("meta"):
            self.model: nn.Module = model_class(sized).eval()
        prefix = str(self.model.base_model_prefix)
        self.prefix = prefix if hasattr(self.model, prefix) else ""
        base = getattr(self.model, self.prefix) if self.prefix else self.model
        self.reads_pooler = getattr(base, "pooler", None) is not None and bool(self.prefix)
        self.shapes: dict[str, torch.Size] = {}
        if self.prefix and kind not in WRITES:
            self._head = copy.copy(self.model)
            self._head._modules = {**self.model._modules, self.prefix: _PassThrough()}
            self.shapes = {name: parameter.shape for name, parameter in self._head.named_parameters()}

    def logits(self, tensors: Mapping[str, Tensor], input_ids: Tensor, hidden: Tensor, pooler: Pooler | None) -> Tensor:
        """Run the head on one row.

        Args:
            tensors: the head's parameters by the names of `shapes`.
            input_ids: ``[1, T]``, the row's own tokens; decoders look for the last one that is not padding.
            hidden: ``[1, T, hidden]``, the base's last hidden states over exactly these tokens.
            pooler: makes ``[1, hidden]`` of `hidden`, where the head reads it.

        Returns:
            ``[1, labels]``, ``[1, T, labels]``, or for question answering ``[1, T, 2]``.
        """
        token = _POOLER.set(pooler)
        try:
            inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids), "inputs_embeds": hidden}
            return logits_of(functional_call(self._head, dict(tensors), kwargs=shaped(self.kind, inputs)))
        finally:
            _POOLER.reset(token)


def fill(
    shell: TaskShell, saved: Mapping[str, Tensor], of_checkpoint: Callable[[str], Tensor | None]
) -> dict[str, Tensor]:
    """Every parameter of the head, from the adapter's file or else from the base's checkpoint.

    Raises:
        AdapterError: a parameter is in neither, or a saved one has another shape or belongs to no part of the head.
    """
    stray = sorted(set(saved) - set(shell.shapes))
    if stray:
        raise AdapterError(
            f"the file holds {stray[0]}, which is no part of {type(shell.model).__name__}'s head",
            "Check task_type and modules_to_save of the adapter.",
        )
    filled: dict[str, Tensor] = {}
    for name, shape in shell.shapes.items():
        tensor = saved.get(name)
        tensor = of_checkpoint(name) if tensor is None else tensor
        if tensor is None:
            raise AdapterError(
                f"{name} of {type(shell.model).__name__}'s head is neither in the adapter nor in the base's checkpoint",
                "Train again with this module in modules_to_save; as it is, the head would be random.",
            )
        if tensor.shape != shape:
            raise AdapterError(
                f"{name} has shape {list(tensor.shape)}, the head of {shape[0]} labels needs {list(shape)}",
                "Do the manifest's labels match the head that was trained?",
            )
        filled[name] = tensor
    return filled
