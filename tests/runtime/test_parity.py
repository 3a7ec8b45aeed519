"""A mixed batch answers each row as plain `peft` does with one adapter and one unpadded row at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from adapterhub.runtime.engine import Engine, Request
from adapterhub.tasks import Answer, HiddenAnswer, LabelAnswer, TagAnswer
from tests.runtime.conftest import RECIPES, Shelf
from tests.support.popularity import POPULARITIES, draw
from tests.support.tiny import WORDS


def texts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 20))) for _ in range(count)]


def output(answer: Answer) -> torch.Tensor:
    if isinstance(answer, LabelAnswer | TagAnswer):
        return answer.logits
    assert isinstance(answer, HiddenAnswer)
    return answer.last_hidden_state


def assert_equal_to_peft(engine: Engine, shelf: Shelf, requests: Sequence[Request], answers: Sequence[Answer]) -> None:
    for (reference, text), answer in zip(requests, answers, strict=True):
        if reference is None:
            assert answer.version is None
            continue
        name = reference.removeprefix("acme/").split("@")[0]
        expected = shelf.oracle(name)(engine.backbone.tokenizer(text)["input_ids"])
        torch.testing.assert_close(output(answer), expected, rtol=0, atol=1e-9)
        assert str(answer.version) == f"acme/{name}@1.0.0"


@pytest.mark.parametrize("name", RECIPES)
def test_each_kind_alone_equals_peft(engine: Engine, shelf: Shelf, name: str) -> None:
    requests: list[Request] = [(f"acme/{name}", text) for text in texts(3)]
    assert_equal_to_peft(engine, shelf, requests, engine.predict(requests))


@pytest.mark.parametrize("popularity", POPULARITIES)
def test_32_rows_of_all_kinds_in_one_batch_equal_peft(engine: Engine, shelf: Shelf, popularity: str) -> None:
    names = [*RECIPES, None, None]
    chosen = draw(popularity, names, rows=32, seed=3)
    requests: list[Request] = [
        (f"acme/{name}@^1.0" if name else None, text) for name, text in zip(chosen, texts(32), strict=True)
    ]
    assert_equal_to_peft(engine, shelf, requests, engine.predict(requests))


def test_a_row_does_not_depend_on_its_neighbours_or_their_order(engine: Engine) -> None:
    requests: list[Request] = [(f"acme/{name}", text) for name, text in zip(RECIPES, texts(len(RECIPES)), strict=True)]
    together = engine.predict(requests)
    backwards = engine.predict(requests[::-1])[::-1]
    for request, answer, other in zip(requests, together, backwards, strict=True):
        alone = engine.predict([request])[0]
        torch.testing.assert_close(output(answer), output(alone), rtol=0, atol=1e-12)
        torch.testing.assert_close(output(answer), output(other), rtol=0, atol=1e-12)


def test_rows_without_an_adapter_equal_the_bare_base(engine: Engine, tiny_base: object) -> None:
    from transformers import AutoModel

    bare = AutoModel.from_pretrained(tiny_base, dtype=torch.float64)
    requests: list[Request] = [(None, "my computer is on fire"), ("acme/lora4", "hello"), (None, "hello")]
    answers = engine.predict(requests)
    for index in (0, 2):
        ids = torch.tensor([engine.backbone.tokenizer(requests[index][1])["input_ids"]])
        with torch.inference_mode():
            expected = bare(ids).last_hidden_state[0]
        torch.testing.assert_close(output(answers[index]), expected, rtol=0, atol=1e-9)


def test_long_batches_take_several_steps_with_the_same_answers(backbone, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    requests: list[Request] = [(f"acme/{name}", text) for name in list(RECIPES)[:6] for text in texts(4)]
    with Engine(backbone, shelf.registry, slots=4, max_step_tokens=16) as small:
        assert_equal_to_peft(small, shelf, requests, small.predict(requests))


def test_serving_leaves_every_bit_of_the_backbone_as_it_was(engine: Engine) -> None:
    before = engine.backbone.digest()
    engine.predict([(f"acme/{name}", "tell me a joke") for name in RECIPES])
    assert engine.backbone.digest() == before
