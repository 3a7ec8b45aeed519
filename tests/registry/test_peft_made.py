"""Folders that PEFT 0.21.2 itself saved: their configs, and the names and shapes of their tensors, as they were.

``peft_made.json`` was written by ``get_peft_model(…).save_pretrained(…)`` on a BERT of two layers and three labels, one
entry a method; only the path of the base is made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry import Facts, LocalRegistry
from registry.errors import AdmissionRefused
from tests.registry.folders import write_adapter

MADE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "peft_made.json").read_text())
REFUSED = {"lora with bias of the base": "bias 'lora_only'"}
TASKS = {"dora for tokens": "token-classification", "lora on embeddings, without head": "feature-extraction"}
KINDS = {
    "lora": "lora",
    "dora for tokens": "lora",
    "lora with lora_bias": "lora",
    "lora on embeddings, without head": "lora",
    "lora with trained tokens": "lora",
    "prefix": "prefix-tuning",
    "prefix with projection": "prefix-tuning",
    "prompt": "prompt-tuning",
    "p-tuning": "prompt-tuning",
    "ia3": "ia3",
}


def facts(name: str) -> Facts:
    return Facts(base="acme/tiny-bert", task=TASKS.get(name, "text-classification"), licence="mit")


def made(folder: Path, name: str) -> Path:
    return write_adapter(folder, MADE[name]["config"], MADE[name]["tensors"])


def test_every_entry_is_tried() -> None:
    assert MADE.keys() == KINDS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", KINDS)
def test_it_is_published_as_it_is(registry: LocalRegistry, tmp_path: Path, name: str) -> None:
    version = registry.publish(made(tmp_path / "a", name), "acme/intent", "1.0.0", facts=facts(name))
    manifest = registry.show(str(version)).manifest
    assert manifest.method.kind == KINDS[name]
    assert manifest.base.id == "acme/tiny-bert"
    assert manifest.labels == (() if "without head" in name else ("LABEL_0", "LABEL_1", "LABEL_2"))
    assert "/home/someone" not in (registry.pull(version) / "adapter_config.json").read_text()


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(registry: LocalRegistry, tmp_path: Path, name: str) -> None:
    with pytest.raises(AdmissionRefused, match=REFUSED[name]):
        registry.publish(made(tmp_path / "a", name), "acme/intent", "1.0.0", facts=facts(name))


@pytest.mark.parametrize("name", KINDS)
def test_no_tensor_may_be_missing(registry: LocalRegistry, tmp_path: Path, name: str) -> None:
    """But for heads, which the base's checkpoint may hold, and whole modules, which only the base can miss."""
    whole = {".ia3_l", "trainable_tokens_delta", "classifier.weight", "classifier.bias"}
    tensors = MADE[name]["tensors"]
    for missing in (tensor for tensor in tensors if not tensor.endswith(tuple(whole))):
        rest = {tensor: shape for tensor, shape in tensors.items() if tensor != missing}
        folder = write_adapter(tmp_path / "a", MADE[name]["config"], rest)
        with pytest.raises(AdmissionRefused, match="missing"):
            registry.publish(folder, "acme/intent", "1.0.0", facts=facts(name))


@pytest.mark.parametrize("name", KINDS)
def test_no_tensor_may_be_added(registry: LocalRegistry, tmp_path: Path, name: str) -> None:
    stray = {**MADE[name]["tensors"], "base_model.model.bert.pooler.dense.weight": [32, 32]}
    folder = write_adapter(tmp_path / "a", MADE[name]["config"], stray)
    with pytest.raises(AdmissionRefused, match=r"pooler\.dense\.weight belongs neither"):
        registry.publish(folder, "acme/intent", "1.0.0", facts=facts(name))
