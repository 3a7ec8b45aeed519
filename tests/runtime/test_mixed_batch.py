"""The promise on the real encoder: 32 rows of 12 adapters and none, four sizes of heads, one pass, `peft`'s answers.

MiniLM in float32: 8 LoRA adapters of ranks 4, 8 and 16, 4 prefixes of different lengths, 4 rows without adapter. Equal
means within 1e-4 of the larger of 1 and the reference's largest logit.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest
import torch
from transformers import AutoModel

from adapterhub.backbone import Backbone, locate
from adapterhub.runtime.engine import Engine, Request
from adapterhub.tasks import HiddenAnswer, LabelAnswer
from benchmarks.popularity import POPULARITIES, draw
from registry import open_registry
from tests.support.adapters import Oracle, Recipe, make_adapter, publish

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
HEADS, RANKS, LENGTHS = (2, 3, 7, 77), (4, 8, 16), (1, 5, 16, 40)
RECIPES: Mapping[str, Recipe] = {
    **{
        f"lora-{index}": Recipe(labels=HEADS[index % 4], options={"r": RANKS[index % 3]}, seed=index, scale=0.5)
        for index in range(8)
    },
    **{
        f"prefix-{length}": Recipe(
            method="prefix", labels=labels, options={"num_virtual_tokens": length}, seed=length, scale=0.5
        )
        for length, labels in zip(LENGTHS, HEADS, strict=True)
    },
}
SENTENCES = [
    "I still have not received my new card, when will it arrive?",
    "ok",
    "Free entry in a weekly competition to win tickets! Text now to 87121 to receive your entry question.",
    "What was the name of the first artificial Earth satellite, and in which year did it leave for its orbit?",
    "RT @Hardwick_SWFC : Fulham away is technically tomorrow , oh aye .",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Mapping[str, Oracle]]]:
    folder = tmp_path_factory.mktemp("mixed")
    base = locate(MINILM)
    backbone = Backbone.load(MINILM)
    registry = open_registry(folder / "registry")
    oracles = {}
    for name, recipe in RECIPES.items():
        made = make_adapter(folder / name, base.folder, MINILM, recipe)
        publish(registry, made, f"acme/{name}", "1.0.0", backbone)
        oracles[name] = Oracle(made)
    with Engine(backbone, registry) as engine:
        yield engine, oracles


@pytest.mark.slow
@pytest.mark.parametrize("popularity", POPULARITIES)
def test_one_batch_equals_peft_one_adapter_and_one_row_at_a_time(
    served: tuple[Engine, Mapping[str, Oracle]], popularity: str
) -> None:
    engine, oracles = served
    rng = random.Random(popularity)
    names: list[str | None] = [*draw(popularity, list(RECIPES), rows=28, seed=7), None, None, None, None]
    rng.shuffle(names)
    requests: list[Request] = [(f"acme/{name}" if name else None, rng.choice(SENTENCES)) for name in names]
    bare = AutoModel.from_pretrained(locate(MINILM).folder)
    answers = engine.predict(requests)
    for name, (_, text), answer in zip(names, requests, answers, strict=True):
        ids = engine.backbone.tokenizer(text)["input_ids"]
        if name is None:
            assert isinstance(answer, HiddenAnswer)
            with torch.inference_mode():
                expected, result = bare(torch.tensor([ids])).last_hidden_state[0], answer.last_hidden_state
        else:
            assert isinstance(answer, LabelAnswer) and len(answer.scores) == RECIPES[name].labels
            expected, result = oracles[name](ids), answer.logits
        tolerance = 1e-4 * max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(result, expected, rtol=0, atol=tolerance)
    if popularity == "distinct":
        assert {name for name in names if name} == set(RECIPES)
