"""Adapter folders as plain PEFT 0.21 writes them, without PEFT: real keys, shapes and config fields."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from registry import Facts

BASE = "tests/tiny-bert"
FACTS = Facts(base=BASE, task="text-classification", licence="mit", labels=("card", "loan", "other"))
HIDDEN, LAYERS = 8, 2
SIZES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "U8": 1}

Shapes = Mapping[str, Sequence[int]]

LORA: Mapping[str, Any] = {
    "alpha_pattern": {},
    "auto_mapping": None,
    "base_model_name_or_path": BASE,
    "bias": "none",
    "corda_config": None,
    "eva_config": None,
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "loftq_config": {},
    "lora_alpha": 8,
    "lora_bias": False,
    "lora_dropout": 0.1,
    "megatron_core": "megatron.core",
    "modules_to_save": ["classifier", "score"],
    "peft_type": "LORA",
    "peft_version": "0.21.2",
    "qalora_group_size": 16,
    "r": 4,
    "rank_pattern": {},
    "revision": None,
    "target_modules": ["query", "value"],
    "target_parameters": None,
    "task_type": "SEQ_CLS",
    "use_dora": False,
    "use_qalora": False,
    "use_rslora": False,
}
HEAD_ALONE = {**LORA, "target_modules": "dummy-target-modules"}  # PEFT's own word for no module
PREFIX: Mapping[str, Any] = {
    "base_model_name_or_path": BASE,
    "encoder_hidden_size": HIDDEN,
    "inference_mode": True,
    "init_weights": None,
    "modules_to_save": ["classifier", "score", "classifier", "score"],
    "num_attention_heads": 2,
    "num_layers": LAYERS,
    "num_transformer_submodules": 1,
    "num_virtual_tokens": 5,
    "peft_type": "PREFIX_TUNING",
    "peft_version": "0.21.2",
    "prefix_projection": False,
    "task_type": "SEQ_CLS",
    "token_dim": HIDDEN,
}
PROMPT = {**PREFIX, "peft_type": "PROMPT_TUNING", "prompt_tuning_init": "RANDOM", "tokenizer_name_or_path": None}
IA3: Mapping[str, Any] = {
    "base_model_name_or_path": BASE,
    "feedforward_modules": ["output.dense"],
    "init_ia3_weights": True,
    "modules_to_save": ["classifier", "score"],
    "peft_type": "IA3",
    "target_modules": ["key", "output.dense"],
    "task_type": "SEQ_CLS",
}


def module(layer: int, name: str = "query") -> str:
    return f"base_model.model.bert.encoder.layer.{layer}.attention.self.{name}"


def head(labels: int = 3, prefix: str = "base_model.model.") -> dict[str, list[int]]:
    return {f"{prefix}classifier.weight": [labels, HIDDEN], f"{prefix}classifier.bias": [labels]}


def lora_shapes(rank: int = 4, labels: int = 3) -> dict[str, list[int]]:
    shapes = head(labels)
    for layer in range(LAYERS):
        for name in ("query", "value"):
            shapes[f"{module(layer, name)}.lora_A.weight"] = [rank, HIDDEN]
            shapes[f"{module(layer, name)}.lora_B.weight"] = [HIDDEN, rank]
    return shapes


def prefix_shapes(labels: int = 3) -> dict[str, list[int]]:
    return {"prompt_embeddings": [5, LAYERS * 2 * HIDDEN], **head(labels, "base_model.")}


def ia3_shapes() -> dict[str, list[int]]:
    layer = "base_model.model.bert.encoder.layer.0."
    return {f"{layer}attention.self.key.ia3_l": [HIDDEN, 1], f"{layer}output.dense.ia3_l": [1, 16], **head()}


def safetensors(shapes: Shapes, seed: int = 0, dtype: str = "F32") -> bytes:
    """The bytes of a file with these tensors, filled at random."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = SIZES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return with_header(header, random.Random(seed).randbytes(end))


def with_header(header: Any, data: bytes = b"") -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def write_adapter(
    folder: Path,
    config: Mapping[str, Any] = LORA,
    shapes: Shapes | None = None,
    *,
    seed: int = 0,
    card: str | None = None,
    dtype: str = "F32",
) -> Path:
    """An adapter folder; `seed` decides the numbers in its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(dict(config)))
    (folder / "adapter_model.safetensors").write_bytes(
        safetensors(lora_shapes() if shapes is None else shapes, seed, dtype)
    )
    if card is not None:
        (folder / "README.md").write_text(card)
    return folder


def front_matter(**keys: object) -> str:
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in keys.items())
    return f"---\n{lines}\n---\n# An adapter\n"
