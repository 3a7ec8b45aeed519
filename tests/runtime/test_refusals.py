"""Fail-closed: an adapter that does not fit its backbone exactly is refused by name, and nothing of it is loaded.

Each case starts from a folder that loads, and damages one thing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError
from adapterhub.runtime.adapters.adapter import AdapterLoader
from tests.runtime.conftest import Shelf

QUERY = "base_model.model.bert.encoder.layer.0.attention.self.query"


class Folder:
    """A copy of a published adapter folder, to be damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._json("manifest.json", change)

    def config(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._json("adapter_config.json", change)

    def tensors(self, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
        file = self.path / "adapter_model.safetensors"
        tensors = load_file(file)
        change(tensors)
        file.unlink()
        save_file(tensors, file, metadata={"format": "pt"})

    def _json(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        file = self.path / name
        document = json.loads(file.read_text())
        change(document)
        file.unlink()
        file.write_text(json.dumps(document))


@pytest.fixture
def copy(shelf: Shelf, tmp_path: Path) -> Callable[[str], Folder]:
    def make(name: str) -> Folder:
        target = tmp_path / name
        shutil.copytree(shelf.registry.pull(f"acme/{name}"), target, copy_function=shutil.copyfile)
        target.chmod(0o755)
        return Folder(target)

    return make


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda mapping: mapping.pop(key)


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda mapping: mapping.__setitem__(key, value)


def put_in(section: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[section].__setitem__(key, value)


def with_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[f"{QUERY}.lora_A.weight"][0, 0] = float("nan")


def wider(tensors: dict[str, torch.Tensor]) -> None:
    tensors[f"{QUERY}.lora_A.weight"] = torch.zeros(4, 33)


def one_module_less(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[f"{QUERY}.lora_A.weight"], tensors[f"{QUERY}.lora_B.weight"]


def renamed(tensors: dict[str, torch.Tensor]) -> None:
    for part in ("lora_A", "lora_B"):
        tensors[f"{QUERY}r.{part}.weight"] = tensors.pop(f"{QUERY}.{part}.weight")


def fewer_labels(document: dict[str, Any]) -> None:
    document["head"]["labels"] = document["head"]["labels"][:1]


CASES: dict[str, tuple[str, str, Callable[[Any], None], str]] = {
    "other base": ("lora4", "manifest", put_in("base", "id", "acme/other"), "made for base acme/other"),
    "other weights": ("lora4", "manifest", put_in("base", "fingerprint", "sha256:" + "0" * 64), "other weights"),
    "no fingerprint": ("lora4", "manifest", put_in("base", "fingerprint", None), "unverified-base"),
    "other tokenizer": (
        "lora4",
        "manifest",
        put_in("base", "tokenizer_fingerprint", "sha256:" + "1" * 64),
        "another tokenizer",
    ),
    "label map of the wrong size": ("lora4", "manifest", fewer_labels, r"classifier.* shape \[2"),
    "head that asks for another pooling": (
        "lora4",
        "manifest",
        put_in("head", "pooling", "mean"),
        r"head\.pooling mean, which is not",
    ),
    "prompt of its own": ("lora4", "manifest", put("prompt", {"template": "{text}?"}), "asks for prompt"),
    "task of another head": (
        "lora4",
        "manifest",
        put_in("task", "name", "token-classification"),
        "is not what token-classification decodes",
    ),
    "problem types that differ": (
        "lora4",
        "manifest",
        put_in("task", "options", {"problem_type": "multi_label_classification"}),
        "head.problem_type is single_label_classification, task.options.problem_type 'multi_label_classification'",
    ),
    "problem type that does not exist": (
        "lora4",
        "manifest",
        put_in("head", "problem_type", "ranking"),
        "text-classification has no 'ranking'",
    ),
    "problem type of another task": (
        "tags",
        "manifest",
        put_in("head", "problem_type", "regression"),
        "problem_type regression is not what token-classification decodes",
    ),
    "number with two outputs": (
        "lora4",
        "manifest",
        put_in("head", "problem_type", "regression"),
        "regression has one output, and 2 labels are named",
    ),
    "head of another kind": ("lora4", "manifest", put_in("head", "kind", "multiple-choice"), r"needs \[1, 32\]"),
    "head that the base lacks": (
        "lora4",
        "manifest",
        put_in("head", "kind", "seq2seq-lm"),
        "seq2seq-lm adapter needs a vocabulary head",
    ),
    "virtual tokens without a task type": ("prefix5", "config", drop("task_type"), "states no task_type"),
    "module not in the backbone": ("lora4", "tensors", renamed, "query"),
    "targeted module missing": ("lora4", "tensors", one_module_less, "selects .*layer.0.attention.self.query, but"),
    "half of a pair missing": ("lora4", "tensors", drop(f"{QUERY}.lora_B.weight"), "lacks .*query.lora_B.weight"),
    "misshapen tensor": ("lora4", "tensors", wider, r"shape \[4, 33\].*need \[4, 32\]"),
    "rank not the config's": ("lora4", "config", put("r", 8), r"need \[8, 32\]"),
    "extra tensor": ("lora4", "tensors", put(f"{QUERY}.lora_C.weight", torch.ones(1)), "lora_C"),
    "extra head tensor": (
        "lora4",
        "tensors",
        put("base_model.model.classifier.scale", torch.ones(1)),
        "classifier.scale",
    ),
    "head missing": ("lora4", "tensors", drop("base_model.model.classifier.weight"), "neither in the adapter"),
    "NaN": ("lora4", "tensors", with_nan, "NaN"),
    "integers": ("lora4", "tensors", put(f"{QUERY}.lora_A.weight", torch.ones(4, 32, dtype=torch.int64)), "int64"),
    "magnitude not announced": ("dora", "config", put("use_dora", False), "lora_magnitude_vector"),
    "magnitude missing": ("lora4", "config", put("use_dora", True), "lacks .*lora_magnitude_vector"),
    "bias missing": ("lora4", "config", put("lora_bias", True), "lacks .*lora_B.bias"),
    "target of another kind": ("lora4", "config", put("target_modules", ["LayerNorm"]), "a LayerNorm"),
    "module not targeted": ("lora4", "config", put("target_modules", ["query"]), "does not select"),
    "prefix for other layers": ("prefix5", "config", put("num_layers", 3), "for 3 layers"),
    "prefix for other heads": ("prefix5", "config", put("num_attention_heads", 4), "of 4 heads"),
    "prefix of another length": ("prefix5", "config", put("num_virtual_tokens", 6), r"shape \[5, .*needs \[6"),
    "prefix tensor missing": ("prefix5", "tensors", drop("prompt_embeddings"), "holds nothing"),
    "prefix that says it is a prompt": (
        "prefix5",
        "config",
        put("peft_type", "PROMPT_TUNING"),
        r"shape \[5, 128\], .*need \[5, 32\]",
    ),
    "method that is not served": (
        "ia3",
        "config",
        put("peft_type", "LN_TUNING"),
        "LN_TUNING is not served|LNTuning|target_modules|cannot be read",
    ),
    "prompt of another length": (
        "prompt4",
        "config",
        put("num_virtual_tokens", 5),
        r"shape \[4, 32\], .*need \[5, 32\]",
    ),
    "prompt tensor missing": ("prompt4", "tensors", drop("prompt_embeddings"), "holds nothing"),
    "vector missing": (
        "ia3",
        "tensors",
        drop("base_model.model.bert.encoder.layer.0.output.dense.ia3_l"),
        "no tensors for it",
    ),
    "feed-forward module read as another": ("ia3", "config", put("feedforward_modules", []), "has shape"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_what_and_what_to_do(backbone: Backbone, copy: Callable[[str], Folder], case: str) -> None:
    name, part, damage, message = CASES[case]
    folder = copy(name)
    loader = AdapterLoader(backbone)
    loader.load(folder.path)
    getattr(folder, part)(damage)
    with pytest.raises(AdapterError, match=message) as refusal:
        loader.load(folder.path)
    assert refusal.value.hint


def test_an_unverified_base_loads_only_where_its_id_is_allowed(
    backbone: Backbone, copy: Callable[[str], Folder]
) -> None:
    folder = copy("lora4")
    folder.manifest(put_in("base", "fingerprint", None))
    adapter = AdapterLoader(backbone, unverified_bases=[backbone.identity.id]).load(folder.path)
    assert adapter.deltas


def test_a_cut_file_is_refused(backbone: Backbone, copy: Callable[[str], Folder]) -> None:
    file = copy("lora4").path / "adapter_model.safetensors"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:-7])
    with pytest.raises(AdapterError, match="cannot be read"):
        AdapterLoader(backbone).load(file.parent)


def test_a_head_that_reads_a_pooler_is_refused_where_the_checkpoint_has_none(
    backbone: Backbone, copy: Callable[[str], Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone, "pooler", None)
    with pytest.raises(AdapterError, match="pooler"):
        AdapterLoader(backbone).load(copy("lora4").path)
    AdapterLoader(backbone).load(copy("tags").path)
