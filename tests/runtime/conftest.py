"""A backbone in float64, where equality is exact algebra, and a registry full of adapters that plain `peft` made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Engine
from registry import Registry, open_registry
from tests.support.adapters import Made, Oracle, Recipe, make_adapter, publish

TINY = "tests/tiny-bert"

RECIPES: Mapping[str, Recipe] = {
    "lora4": Recipe(options={"r": 4}, seed=1),
    "lora8-7": Recipe(options={"r": 8, "lora_alpha": 3}, labels=7, seed=2),
    "lora16-77": Recipe(options={"r": 16}, labels=77, seed=3),
    "rank-pattern": Recipe(
        options={"r": 4, "rank_pattern": {"query": 16, "layer.1.output.dense": 2}, "alpha_pattern": {"key": 3}}, seed=4
    ),
    "rslora": Recipe(options={"r": 16, "use_rslora": True, "rank_pattern": {"value": 4}}, labels=3, seed=5),
    "dora": Recipe(options={"r": 8, "use_dora": True, "use_rslora": True}, labels=3, seed=6),
    "lora-bias": Recipe(options={"r": 4, "lora_bias": True}, seed=7),
    "pooler": Recipe(options={"r": 4, "target_modules": ["dense"]}, seed=8),
    "one-layer": Recipe(options={"r": 4, "target_modules": ["query"], "layers_to_transform": [1]}, seed=9),
    "regex": Recipe(options={"r": 4, "target_modules": r".*layer\.0\..*(query|value)"}, seed=10),
    "prefix5": Recipe(method="prefix", options={"num_virtual_tokens": 5}, seed=11),
    "prefix1-7": Recipe(method="prefix", options={"num_virtual_tokens": 1}, labels=7, seed=12),
    "prefix13-77": Recipe(method="prefix", options={"num_virtual_tokens": 13}, labels=77, seed=13),
    "prefix-projected": Recipe(
        method="prefix",
        options={"num_virtual_tokens": 3, "prefix_projection": True, "encoder_hidden_size": 8},
        labels=3,
        seed=14,
    ),
    "tags": Recipe("TOKEN_CLS", labels=9, options={"r": 8}, seed=15),
    "tags-prefix": Recipe("TOKEN_CLS", labels=3, method="prefix", options={"num_virtual_tokens": 2}, seed=16),
    "bfloat16": Recipe(options={"r": 8, "use_dora": True}, labels=3, seed=18, dtype=torch.bfloat16),
    "prefix-bfloat16": Recipe(method="prefix", options={"num_virtual_tokens": 4}, seed=19, dtype=torch.bfloat16),
    "ia3": Recipe(method="ia3", labels=3, seed=20),
    "ia3-regex": Recipe(
        method="ia3",
        options={"target_modules": r".*(query|intermediate\.dense)", "feedforward_modules": r".*intermediate\.dense"},
        seed=21,
    ),
    "ia3-bfloat16": Recipe(method="ia3", seed=22, dtype=torch.bfloat16),
    "embeddings": Recipe(options={"r": 4, "target_modules": ["word_embeddings", "query"]}, labels=3, seed=23),
    "embeddings-dora": Recipe(
        options={"r": 4, "target_modules": ["word_embeddings", "position_embeddings"], "use_dora": True}, seed=24
    ),
    "prompt4": Recipe(method="prompt", options={"num_virtual_tokens": 4}, labels=7, seed=25),
    "p-tuning": Recipe(method="p-tuning", options={"num_virtual_tokens": 3, "encoder_hidden_size": 8}, seed=26),
    "tags-prompt": Recipe("TOKEN_CLS", labels=3, method="prompt", options={"num_virtual_tokens": 2}, seed=27),
    "tags-ia3": Recipe("TOKEN_CLS", labels=5, method="ia3", seed=28),
    "features": Recipe("FEATURE_EXTRACTION", labels=0, options={"r": 8}, seed=17),
}


@pytest.fixture(scope="session")
def backbone(tiny_base: Path) -> Backbone:
    return Backbone.load(tiny_base, id=TINY, dtype=torch.float64)


@dataclasses.dataclass
class Shelf:
    """Published adapters by name, with `peft`'s own answer for each."""

    registry: Registry
    made: Mapping[str, Made]
    _oracles: dict[str, Oracle] = dataclasses.field(default_factory=dict)

    def oracle(self, name: str) -> Oracle:
        if name not in self._oracles:
            self._oracles[name] = Oracle(self.made[name], torch.float64)
        return self._oracles[name]


@pytest.fixture(scope="session")
def shelf(tiny_base: Path, backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    registry = open_registry(folder / "registry")
    made = {name: make_adapter(folder / name, tiny_base, TINY, recipe) for name, recipe in RECIPES.items()}
    for name, adapter in made.items():
        publish(registry, adapter, f"acme/{name}", "1.0.0", backbone)
    return Shelf(registry, made)


@pytest.fixture
def engine(backbone: Backbone, shelf: Shelf) -> Iterator[Engine]:
    with Engine(backbone, shelf.registry) as engine:
        yield engine
