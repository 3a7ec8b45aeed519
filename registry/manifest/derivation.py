"""A manifest for adapters that were made elsewhere: a pure function of the config, the header, the card and facts.

Each of base, task, licence and labels is taken from the first that states it: what the publisher says now (`Facts`),
the card, and for the base the config. What none of them states is refused by its key, except labels, which become
``LABEL_0…``. Knows no files and no folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.errors import AdmissionRefused
from registry.folder import AdapterConfig, Card, Tensor
from registry.selector import is_base_id

METHODS = {
    "LORA": "lora",
    "PREFIX_TUNING": "prefix-tuning",
    "PROMPT_TUNING": "prompt-tuning",
    "P_TUNING": "prompt-tuning",  # its encoder's output is what PEFT saves
    "IA3": "ia3",
}
"""PEFT's ``peft_type`` → the manifest's ``method.kind``."""

NO_MODULES = "dummy-target-modules"
"""``target_modules`` by which PEFT's own LoRA adapts no module (its ``DUMMY_TARGET_MODULES``): a head alone."""

HEADS = {
    "SEQ_CLS": "sequence-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "CAUSAL_LM": "causal-lm",
    "SEQ_2_SEQ_LM": "seq2seq-lm",
    "FEATURE_EXTRACTION": "none",
}
"""PEFT's ``task_type`` → the manifest's ``head.kind``."""

TASK_HEADS = {
    "text-classification": "sequence-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "multiple-choice": "multiple-choice",
    "text-generation": "causal-lm",
    "text2text-generation": "seq2seq-lm",
    "feature-extraction": "none",
    "sentence-similarity": "none",
}
"""The Hub's pipeline tags that leave no choice of head."""

LIKELY_HEADS = {"summarization": "seq2seq-lm", "translation": "seq2seq-lm"}
"""Heads of tasks that a decoder-only base does too, but then states it: where PEFT states no task type."""

LABELLED = ("sequence-classification", "token-classification")
HEAD_WEIGHTS = ("out_proj.weight", "classifier.weight", "score.weight")
"""Endings of the last layer of a classifying head, in transformers' classes; its rows are the labels."""


@dataclass(frozen=True)
class Facts:
    """What a publisher says besides the files. It fills what they leave open, and may not contradict a manifest."""

    base: str | None = None
    task: str | None = None
    licence: str | None = None
    labels: tuple[str, ...] | None = None
    fingerprint: str | None = None
    tokenizer_fingerprint: str | None = None
    architecture: str | None = None
    revision: str | None = None
    problem_type: str | None = None


def derive(config: AdapterConfig, header: Mapping[str, Tensor], card: Card, facts: Facts) -> dict[str, Any]:
    """The manifest's document but for ``files``.

    Raises:
        AdmissionRefused: base, task or licence is stated nowhere, or statements exclude each other.
    """
    task = _stated("task", facts.task or card.pipeline_tag, "--task", "pipeline_tag")
    head = head_kind(config.task_type, task)
    return {
        "schema_version": 1,
        "task": {"name": task, "options": {}},
        "method": _method(config),
        "base": {
            "id": base_id(config, card, facts),
            "revision": facts.revision or config.revision,
            "fingerprint": facts.fingerprint,
            "tokenizer_fingerprint": facts.tokenizer_fingerprint,
            "architecture": facts.architecture,
        },
        "head": _head(head, header, facts.labels or card.labels, facts.problem_type),
        "prompt": None,
        "metrics": {"before": {}, "after": {}},
        "data": [],
        "parents": [],
        "licence": _stated("licence", facts.licence or card.license, "--licence", "license"),
        "languages": list(card.languages),
        "library": {"peft": config.peft_version} if config.peft_version else {},
        "recipe": None,
        "trainable_parameters": sum(tensor.size for tensor in header.values()),
    }


def base_id(config: AdapterConfig, card: Card, facts: Facts) -> str:
    """The Hub id of the base: as the publisher states it, or as card and config agree on it.

    Raises:
        AdmissionRefused: it is stated nowhere, only by a path, or twice and differently.
    """
    if facts.base:
        stated = [facts.base]
    else:
        named = [name for name in (card.base_model, config.base_model_name_or_path) if name]
        stated = sorted({name for name in named if is_base_id(name)}) or named[:1]
    name = _stated("base", stated[0] if stated else None, "--base", "base_model")
    if not is_base_id(name):
        raise AdmissionRefused(
            f"base: {name!r} is a path, not a Hub id", "Name it: --base owner/name, or base_model in README.md."
        )
    if len(stated) > 1:
        raise AdmissionRefused(
            f"base: README.md and adapter_config.json name different ones, {stated[0]} and {stated[1]}",
            "Say which: --base owner/name.",
        )
    return name


def head_kind(task_type: str | None, task: str, pooling: str | None = None) -> str:
    """``head.kind`` by the adapter's task type, or by the task where PEFT states none.

    Where tokens' logits are averaged (`pooling`, of ``head.pooling``), any task has a token classifier's head.

    Raises:
        AdmissionRefused: there is no such head, or the two exclude each other.
    """
    if task_type is None:
        return {**LIKELY_HEADS, **TASK_HEADS}.get(task, "none")
    if task_type not in HEADS:
        raise AdmissionRefused(
            f"adapter_config.json: task_type {task_type!r} is not known", "Known: " + ", ".join(HEADS)
        )
    head = HEADS[task_type]
    needed = "token-classification" if pooling else TASK_HEADS.get(task, head)
    if needed != head:
        raise AdmissionRefused(
            f"task: {task} needs a {needed} head, but the adapter's task_type {task_type} means {head}",
            "State the task that the adapter was trained for.",
        )
    return head


def method_kind(config: AdapterConfig) -> str:
    """``method.kind``: what the base was adapted by, "head" where it was not."""
    return "head" if config.peft_type == "LORA" and config.target_modules == NO_MODULES else METHODS[config.peft_type]


def label_rows(header: Mapping[str, Tensor]) -> int | None:
    """Outputs of the classifying head in the file; None where the file has no such head."""
    for ending in HEAD_WEIGHTS:
        for name, tensor in header.items():
            if name.endswith("." + ending) and "lora_" not in name:
                return tensor.shape[0] if tensor.shape else None
    return None


def _method(config: AdapterConfig) -> dict[str, Any]:
    kind = method_kind(config)
    keys: tuple[str, ...] = {
        "head": (),
        "lora": ("use_rslora", "use_dora", "lora_bias", "rank_pattern", "alpha_pattern", "trainable_token_indices"),
        "ia3": ("feedforward_modules",),
        "prefix-tuning": ("num_virtual_tokens", "prefix_projection"),
        "prompt-tuning": ("num_virtual_tokens",),
    }[kind]
    targets = None if kind == "head" else config.target_modules
    return {
        "kind": kind,
        "rank": config.r if kind == "lora" else None,
        "alpha": config.lora_alpha if kind == "lora" else None,
        "targets": sorted(set(targets)) if isinstance(targets, list) else targets,
        "options": {key: config.document[key] for key in keys if config.document.get(key)},
    }


def _head(kind: str, header: Mapping[str, Tensor], labels: tuple[str, ...], problem_type: str | None) -> dict[str, Any]:
    if problem_type is not None and kind != "sequence-classification":
        raise AdmissionRefused(f"problem type: a {kind} head has none", "Leave --problem-type out.")
    if kind not in LABELLED:
        return {"kind": kind, "labels": [], "problem_type": None, "pooling": None}
    rows = label_rows(header)
    if not labels and not rows:
        raise AdmissionRefused(
            "labels: the file holds no head to count them by", "List them: --labels a,b,c, or labels in README.md."
        )
    names = list(labels) or [f"LABEL_{index}" for index in range(rows or 0)]
    problem = problem_type
    if kind == "sequence-classification" and problem is None:  # the one that the number of labels suggests
        problem = "single_label_classification" if len(names) > 1 else "regression"
    return {"kind": kind, "labels": names, "problem_type": problem, "pooling": None}


def _stated(key: str, value: str | None, option: str, card_key: str) -> str:
    if value and value.strip():
        return value
    raise AdmissionRefused(
        f"{key}: it is stated nowhere", f"State it: {option}, or {card_key} in README.md's front matter."
    )
