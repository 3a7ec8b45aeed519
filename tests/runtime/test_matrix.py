"""Every method on every shape of backbone under every popularity: 32 rows in one batch equal plain `peft`, row by row.

In float64, so that equality is algebra. Shapes whose attention or heads differ in other ways are in
test_architectures; the real models in test_mixed_batch and test_generate.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Engine, Request
from adapterhub.tasks import LabelAnswer
from benchmarks.popularity import POPULARITIES, draw
from registry import Registry, open_registry
from tests.runtime.test_architectures import SHAPES, SMALL, SPECIAL, Shape, make_base
from tests.support.adapters import Made, Oracle, Recipe, make_adapter, publish
from tests.support.tiny import WORDS

BASES: Mapping[str, Shape] = {
    "bert": Shape("BertModel", {**SMALL, **SPECIAL, "max_position_embeddings": 66}, ["query", "output.dense"]),
    "roberta": SHAPES["roberta"],
    "llama": Shape("LlamaForCausalLM", {**SMALL, **SPECIAL, "num_key_value_heads": 2}, ["q_proj", "down_proj"]),
    "gpt2": SHAPES["gpt2"],
}
EMBEDDING = {"bert": "word_embeddings", "roberta": "word_embeddings", "llama": "embed_tokens", "gpt2": "wte"}


def recipes(name: str) -> dict[str, Recipe]:
    targets = BASES[name].targets
    lora = {"r": 4, "target_modules": targets}
    patterns = {"rank_pattern": {targets[0]: 2}, "alpha_pattern": {targets[-1]: 3}}
    bias = {} if name == "gpt2" else {"lora_bias": True}  # peft has none for Conv1D
    options = {
        "lora": lora,
        "lora-patterns": {**lora, **patterns},
        "rslora": {**lora, "r": 16, "use_rslora": True},
        "dora": {**lora, "use_dora": True},
        "lora-bias": {**lora, **bias},
        "lora-embedding": {**lora, "target_modules": [EMBEDDING[name], targets[0]]},
    }
    found = {
        kind: Recipe(labels=2 + index, options=option, seed=index)
        for index, (kind, option) in enumerate(options.items())
    }
    feed_forward = {"target_modules": targets, "feedforward_modules": targets[-1:]}
    projected = {"num_virtual_tokens": 2, "prefix_projection": True, "encoder_hidden_size": 8}
    return found | {
        "prefix": Recipe(method="prefix", options={"num_virtual_tokens": 5}, seed=11, scale=0.3),
        "prefix-projected": Recipe(method="prefix", labels=3, options=projected, seed=12, scale=0.3),
        "prompt": Recipe(method="prompt", labels=4, options={"num_virtual_tokens": 3}, seed=13),
        "p-tuning": Recipe(method="p-tuning", options={"num_virtual_tokens": 2, "encoder_hidden_size": 8}, seed=14),
        "ia3": Recipe(method="ia3", labels=5, options=feed_forward, seed=15),
    }


@dataclass(frozen=True)
class Served:
    """A backbone of one shape, its adapters, and `peft` with each of them."""

    backbone: Backbone
    registry: Registry
    made: Mapping[str, Made]
    oracles: dict[str, Oracle]

    def expected(self, kind: str, text: str) -> torch.Tensor:
        if kind not in self.oracles:
            self.oracles[kind] = Oracle(self.made[kind], torch.float64)
        return self.oracles[kind](self.backbone.tokenizer(text)["input_ids"])


@pytest.fixture(scope="module", params=BASES)
def served(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    name = request.param
    folder, base_id = tmp_path_factory.mktemp(name), f"tests/tiny-{name}"
    base = make_base(folder / "base", BASES[name], PreTrainedTokenizerFast.from_pretrained(tiny_base))
    backbone = Backbone.load(base, id=base_id, dtype=torch.float64)
    registry = open_registry(folder / "registry")
    made = {kind: make_adapter(folder / kind, base, base_id, recipe) for kind, recipe in recipes(name).items()}
    for kind, adapter in made.items():
        publish(registry, adapter, f"acme/{kind}", "1.0.0", backbone)
    return Served(backbone, registry, made, {})


@pytest.mark.parametrize("popularity", POPULARITIES)
def test_a_batch_equals_peft_row_by_row(served: Served, popularity: str) -> None:
    kinds = draw(popularity, list(served.made), rows=32, seed=5)
    rng = random.Random(popularity)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for _ in kinds]
    requests: list[Request] = [(f"acme/{kind}", text) for kind, text in zip(kinds, texts, strict=True)]
    with Engine(served.backbone, served.registry) as engine:
        answers = engine.predict(requests)
    for kind, text, answer in zip(kinds, texts, answers, strict=True):
        assert isinstance(answer, LabelAnswer) and str(answer.version) == f"acme/{kind}@1.0.0"
        torch.testing.assert_close(answer.logits, served.expected(kind, text), rtol=0, atol=1e-9)
    if popularity == "distinct":
        assert set(kinds) == set(served.made)
