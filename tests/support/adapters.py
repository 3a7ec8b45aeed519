"""Adapters made by plain `peft` on any base, random but not zero, and plain `peft` as the oracle of their answers.

The oracle runs one adapter and one unpadded row at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.utils import logging

from adapterhub.backbone import Backbone
from registry import Facts, Registry, Version

logging.set_verbosity_error()  # a new head is reported as missing from the checkpoint, which is why it is made

MULTIPLE_CHOICE = "MULTIPLE_CHOICE"  # PEFT has no such task type: its user states none, and names the head
AUTO = {
    "SEQ_CLS": (AutoModelForSequenceClassification, "text-classification"),
    "TOKEN_CLS": (AutoModelForTokenClassification, "token-classification"),
    "QUESTION_ANS": (AutoModelForQuestionAnswering, "question-answering"),
    MULTIPLE_CHOICE: (AutoModelForMultipleChoice, "multiple-choice"),
    "CAUSAL_LM": (AutoModelForCausalLM, "text-generation"),
    "SEQ_2_SEQ_LM": (AutoModelForSeq2SeqLM, "text2text-generation"),
    "FEATURE_EXTRACTION": (AutoModel, "feature-extraction"),
}
ENCODER_TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]

METHODS: Mapping[str, Any] = {
    "lora": LoraConfig,
    "ia3": IA3Config,
    "prefix": PrefixTuningConfig,
    "prompt": PromptTuningConfig,
    "p-tuning": PromptEncoderConfig,
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "lora": {"target_modules": ENCODER_TARGETS, "init_lora_weights": False},
    "ia3": {"target_modules": ["key", "value", "output.dense"], "feedforward_modules": ["output.dense"]},
}


@dataclass(frozen=True)
class Made:
    """A folder as plain `peft` saves it, and what its publisher has to say besides."""

    folder: Path
    base: Path
    facts: Facts
    task_type: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Recipe:
    """How to make one: PEFT's method and its options."""

    task_type: str = "SEQ_CLS"
    labels: int = 2
    method: str = "lora"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    scale: float = 1.0
    dtype: torch.dtype = torch.float32
    problem_type: str | None = None


def make_adapter(folder: Path, base: Path, base_id: str, recipe: Recipe) -> Made:
    """Save an adapter by plain `peft`; its tensors are random, its head too."""
    torch.manual_seed(recipe.seed)
    auto, task = AUTO[recipe.task_type]
    labels = [f"L{index}" for index in range(recipe.labels)] if recipe.task_type in ("SEQ_CLS", "TOKEN_CLS") else []
    if recipe.task_type == "TOKEN_CLS":
        labels = ["O", *(f"{mark}-{index}" for index in range(recipe.labels) for mark in "BI")][: recipe.labels]
    sizes = {"num_labels": recipe.labels} if labels else {}
    model = auto.from_pretrained(base, **sizes)
    options = {**DEFAULTS.get(recipe.method, {}), **recipe.options}
    task_type = None if recipe.task_type == MULTIPLE_CHOICE else recipe.task_type
    config: PeftConfig = METHODS[recipe.method](task_type=task_type, **options)
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "magnitude" in name or "ia3_l" in name:
                parameter.mul_(1 + 0.1 * torch.rand_like(parameter))
            elif parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) * recipe.scale * parameter.shape[-1] ** -0.5)
    adapted.to(recipe.dtype).save_pretrained(folder)
    facts = Facts(base=base_id, task=task, licence="cc0-1.0", labels=tuple(labels), problem_type=recipe.problem_type)
    return Made(folder, base, facts, recipe.task_type, labels)


def publish(registry: Registry, made: Made, repository: str, version: str, backbone: Backbone) -> Version:
    """Publish what `peft` saved, with the facts of the backbone that its publisher has at hand."""
    identity = backbone.identity
    facts = dataclasses.replace(
        made.facts,
        fingerprint=identity.fingerprint,
        tokenizer_fingerprint=identity.tokenizer_fingerprint,
        architecture=identity.architecture,
    )
    return registry.publish(made.folder, repository, version, facts=facts)


class Oracle:
    """Plain `peft` with one adapter, loaded as a user of `peft` would load it."""

    def __init__(self, made: Made, dtype: torch.dtype = torch.float32) -> None:
        auto, _ = AUTO[made.task_type]
        self.choices = made.task_type == MULTIPLE_CHOICE
        sizes = {"num_labels": len(made.labels)} if made.labels else {}
        model = auto.from_pretrained(made.base, dtype=dtype, **sizes)
        self.model = PeftModel.from_pretrained(model, made.folder).to(dtype).eval()

    @torch.inference_mode()
    def __call__(
        self,
        input_ids: Sequence[int],
        token_type_ids: Sequence[int] | None = None,
        decoder_input_ids: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Logits (or last hidden states) of a row's own tokens: ``[labels]``, ``[T, labels]``, ``[T, vocabulary]``.

        ``[T, 2]`` (start, end) of question answering, ``[1]`` of a choice; of an encoder-decoder's language model those
        of the decoder's tokens.
        """
        ids = torch.tensor([list(input_ids)])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if token_type_ids is not None:
            inputs["token_type_ids"] = torch.tensor([list(token_type_ids)])
        if decoder_input_ids is not None:
            inputs["decoder_input_ids"] = torch.tensor([list(decoder_input_ids)])
            return self.model(**inputs).logits[0]
        if self.choices:
            inputs = {name: values.unsqueeze(1) for name, values in inputs.items()}
        output = self.model(**inputs)
        if hasattr(output, "start_logits"):
            return torch.stack([output.start_logits[0], output.end_logits[0]], dim=-1)[-len(input_ids) :]
        result = output.logits[0] if hasattr(output, "logits") else output.last_hidden_state[0]
        return result if result.dim() == 1 else result[-len(input_ids) :]
