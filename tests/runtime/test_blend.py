"""A row that wears several adapters: their changes add up with their weights, as `peft` adds them up."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import LabelAnswer
from registry import RegistryError
from tests.runtime.conftest import Shelf

TEXTS = ["my computer is on fire", "hello", "tell me a joke what is the printer not"]


def peft_blend(shelf: Shelf, weights: Mapping[str, float], ids: list[int]) -> torch.Tensor:
    """The slow way: plain `peft`'s own delta of each adapter, weighted, added to the weights under the first's head."""
    first, *_ = weights
    models = {name: shelf.oracle(name).model for name in weights}
    blended = copy.deepcopy(models[first]).unload()
    blended.classifier = copy.deepcopy(models[first].base_model.model.classifier.modules_to_save["default"])
    with torch.inference_mode():
        for name, weight in weights.items():
            for place, layer in models[name].base_model.model.named_modules():
                if isinstance(layer, LoraLayer):
                    blended.get_submodule(place).weight += weight * layer.get_delta_weight("default")
        logits: torch.Tensor = blended(torch.tensor([ids])).logits[0]
        return logits


@pytest.mark.parametrize(
    "weights",
    [{"lora4": 0.7, "rank-pattern": 0.3}, {"rank-pattern": 1.0, "lora4": -0.5}, {"rank-pattern": 2.0}],
    ids=str,
)
def test_a_blend_equals_the_concatenation_of_peft(engine: Engine, shelf: Shelf, weights: dict[str, float]) -> None:
    reference = {f"acme/{name}": weight for name, weight in weights.items()}
    answers = engine.predict([(reference, text) for text in TEXTS])
    for text, answer in zip(TEXTS, answers, strict=True):
        assert isinstance(answer, LabelAnswer) and answer.version is not None
        expected = peft_blend(shelf, weights, engine.backbone.tokenizer(text)["input_ids"])
        torch.testing.assert_close(answer.logits, expected, rtol=0, atol=1e-9)
        assert [(str(version), weight) for version, weight in answer.blend] == [
            (f"acme/{name}@1.0.0", weight) for name, weight in weights.items()
        ]
        assert str(answer.version) == f"acme/{next(iter(weights))}@1.0.0"


def test_a_blend_of_one_with_weight_one_is_that_adapter_and_of_weight_nothing_its_head(engine: Engine) -> None:
    plain, whole, nothing = engine.predict(
        [("acme/lora8-7", TEXTS[0]), ({"acme/lora8-7": 1.0}, TEXTS[0]), ({"acme/lora8-7": 0}, TEXTS[0])]
    )
    assert isinstance(plain, LabelAnswer) and isinstance(whole, LabelAnswer) and isinstance(nothing, LabelAnswer)
    torch.testing.assert_close(plain.logits, whole.logits, rtol=0, atol=1e-12)
    assert (plain.logits - nothing.logits).abs().max() > 1e-3


def test_blends_lie_in_one_batch_with_everything_else(engine: Engine, shelf: Shelf) -> None:
    blend: Any = {"acme/lora-bias": 0.5, "acme/rslora": 0.25, "acme/lora16-77": -1.0}
    names: list[Any] = ["acme/lora4", blend, "acme/prefix5", None, "acme/dora", blend, "acme/ia3"]
    together = engine.predict([(name, TEXTS[0]) for name in names])
    for name, answer in zip(names, together, strict=True):
        (alone,) = engine.predict([(name, TEXTS[0])])
        assert answer == alone
        if isinstance(answer, LabelAnswer) and isinstance(alone, LabelAnswer):
            torch.testing.assert_close(answer.logits, alone.logits, rtol=0, atol=1e-12)
    assert sum(1 for entry in engine.pool.entries() if entry.digest.startswith("blend:")) == 1


@pytest.mark.parametrize("name", ["dora", "prefix5", "ia3", "prompt4"])
def test_what_is_no_sum_is_refused_by_name(engine: Engine, name: str) -> None:
    with pytest.raises(RequestError, match="cannot be blended"):
        engine.predict([({"acme/lora4": 0.5, f"acme/{name}": 0.5}, TEXTS[0])])


@pytest.mark.parametrize(
    ("blend", "why"),
    [
        ({}, "row 0: a blend of no adapters"),
        ({"acme/lora4": math.nan}, "row 0: the weight of acme/lora4@1.0.0 is nan"),
        ({"acme/lora4": math.inf}, "is inf"),
        ({"acme/lora4": "much"}, "is 'much'"),
        ({"acme/lora4": True}, "is True"),
        ({"acme/lora4": 10**400}, "the weight of"),
    ],
    ids=str,
)
def test_a_weight_that_is_no_number_is_refused(engine: Engine, blend: Any, why: str) -> None:
    with pytest.raises(RequestError, match=why):
        engine.predict([(blend, TEXTS[0])])


def test_a_revoked_part_refuses_the_blend(backbone: Backbone, shelf: Shelf, engine: Engine) -> None:
    with pytest.raises(RegistryError):
        engine.predict([({"acme/lora4": 1.0, "acme/unknown": 1.0}, TEXTS[0])])
