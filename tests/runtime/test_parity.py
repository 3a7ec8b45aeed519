"""A mixed batch answers each row as plain `peft` does with one adapter and one unpadded row at a time."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime.engine import Budget, Engine, Request
from adapterhub.tasks import Answer, HiddenAnswer, LabelAnswer, TagAnswer
from benchmarks.popularity import POPULARITIES, draw
from registry import RegistryError, open_registry
from tests.runtime.conftest import RECIPES, Shelf
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


def test_long_batches_take_several_steps_with_the_same_answers(backbone: Backbone, shelf: Shelf) -> None:
    requests: list[Request] = [(f"acme/{name}", text) for name in list(RECIPES)[:6] for text in texts(4)]
    with Engine(backbone, shelf.registry, budget=Budget(slots=4), max_step_tokens=16) as small:
        assert_equal_to_peft(small, shelf, requests, small.predict(requests))


def test_serving_leaves_every_bit_of_the_backbone_as_it_was(engine: Engine) -> None:
    before = engine.backbone.digest()
    engine.predict([(f"acme/{name}", "tell me a joke") for name in RECIPES])
    assert engine.backbone.digest() == before


def test_an_empty_reference_is_refused_and_no_requests_are_no_answers(engine: Engine) -> None:
    assert engine.predict([]) == []
    with pytest.raises(RegistryError):
        engine.predict([("", "hello")])


def test_a_closed_engine_answers_no_more(backbone: Backbone, shelf: Shelf) -> None:
    engine = Engine(backbone, shelf.registry)
    engine.close()
    with pytest.raises(RequestError, match="closed"):
        engine.predict([("acme/lora4", "hello")])


def test_threads_do_not_cut_each_others_rows(backbone: Backbone, shelf: Shelf, tmp_path: Path) -> None:
    """A fast tokenizer keeps how it was last called: each row is cut as its own task says, whatever runs beside it."""
    short = json.loads((shelf.registry.pull("acme/lora4") / "manifest.json").read_text())
    short["task"]["options"] = {"max_length": 8}
    folder = tmp_path / "short"
    shutil.copytree(shelf.registry.pull("acme/lora4"), folder, copy_function=shutil.copyfile)
    (folder / "manifest.json").write_text(json.dumps(short))
    registry = open_registry(tmp_path / "registry")
    registry.publish(folder, "acme/short", "1.0.0")
    registry.publish(shelf.registry.pull("acme/tags"), "acme/tags", "1.0.0")
    text = "my computer is on fire and not working at all"
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Engine(backbone, registry) as engine, ThreadPoolExecutor(4) as threads:
            requests: list[Request] = [("acme/short", text), ("acme/tags", text)]
            futures = [threads.submit(engine.predict, requests[::step]) for step in (1, -1) * 40]
            for future in futures:
                found = {type(answer): answer for answer in future.result(60)}
                label, tags = found[LabelAnswer], found[TagAnswer]
                assert label.truncated and not tags.truncated
                assert isinstance(tags, TagAnswer) and len(tags.tokens) == len(text.split())
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("row", ["\ud800", {"text": "\udfff"}, {"text": 5}, {}, 5], ids=repr)
@pytest.mark.parametrize("reference", ["acme/lora4", "acme/tags", "acme/features", None])
def test_a_row_that_is_no_text_is_refused_by_its_place(engine: Engine, reference: str | None, row: Any) -> None:
    with pytest.raises(RequestError, match="row 1: ") as refusal:
        engine.predict([(None, "hello"), (reference, row)])
    assert refusal.value.hint
