"""Sequences of different adapters continue together, join and leave between steps, and match plain `peft`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone, locate
from adapterhub.errors import BackboneError, RequestError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes.batches import open_batch
from adapterhub.runtime.passes.generate import Continuation, RunningBatch, encode_prompt
from adapterhub.tasks import LabelAnswer
from registry import Registry, open_registry
from tests.support.adapters import Made, Oracle, Recipe, make_adapter, publish
from tests.support.tiny import make_tiny_llama

TINY, SMOLLM2 = "tests/tiny-llama", "HuggingFaceTB/SmolLM2-135M-Instruct"
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RECIPES: Mapping[str, Recipe] = {
    "lora": Recipe("CAUSAL_LM", options={"r": 8, "target_modules": LINEAR}, seed=1, scale=0.5),
    "patterns": Recipe(
        "CAUSAL_LM", options={"r": 4, "target_modules": LINEAR, "rank_pattern": {"q_proj": 2}}, seed=2, scale=0.5
    ),
    "rslora": Recipe(
        "CAUSAL_LM", options={"r": 4, "target_modules": "all-linear", "use_rslora": True}, seed=3, scale=0.5
    ),
    "dora": Recipe("CAUSAL_LM", options={"r": 4, "target_modules": ["q_proj"], "use_dora": True}, seed=4, scale=0.5),
    "prefix": Recipe("CAUSAL_LM", method="prefix", options={"num_virtual_tokens": 5}, seed=5, scale=0.3),
    "prefix3": Recipe("CAUSAL_LM", method="prefix", options={"num_virtual_tokens": 3}, seed=6, scale=0.3),
    "prompt": Recipe("CAUSAL_LM", method="prompt", options={"num_virtual_tokens": 4}, seed=7),
    "ia3": Recipe(
        "CAUSAL_LM",
        method="ia3",
        options={"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
        seed=8,
    ),
    "embedding": Recipe("CAUSAL_LM", options={"r": 4, "target_modules": ["embed_tokens", "v_proj"]}, seed=9, scale=0.5),
}
PROMPTS = ["the printer is", "my computer", "tell me a joke what"]


class Shelf:
    def __init__(
        self, base: Path, base_id: str, backbone: Backbone, folder: Path, recipes: Mapping[str, Recipe]
    ) -> None:
        self.base, self.backbone = base, backbone
        self.registry: Registry = open_registry(folder / "registry")
        self.made: dict[str, Made] = {}
        for name, recipe in recipes.items():
            self.made[name] = make_adapter(folder / name, base, base_id, recipe)
            publish(self.registry, self.made[name], f"acme/{name}", "1.0.0", backbone)

    def peft_logits(self, name: str | None, ids: list[int]) -> torch.Tensor:
        """Plain transformers or `peft` over the whole row at once, without a cache: ``[T, vocabulary]``."""
        dtype = self.backbone.dtype
        with torch.inference_mode():
            if name is None:
                return AutoModelForCausalLM.from_pretrained(self.base, dtype=dtype)(torch.tensor([ids])).logits[0]
            return Oracle(self.made[name], dtype)(ids)

    def greedy(self, name: str | None, ids: list[int], count: int) -> list[int]:
        out: list[int] = []
        while len(out) < count:
            token = int(self.peft_logits(name, ids + out)[-1].argmax())
            if token in (self.backbone.config.eos_token_id, self.backbone.tokenizer.eos_token_id):
                break
            out.append(token)
        return out


@pytest.fixture(scope="module")
def tiny(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("llama")
    base = make_tiny_llama(folder / "base", PreTrainedTokenizerFast.from_pretrained(tiny_base))
    classifier = {
        "labels": Recipe("SEQ_CLS", labels=3, options={"r": 4, "target_modules": ["q_proj", "v_proj"]}, seed=7)
    }
    backbone = Backbone.load(base, id=TINY, dtype=torch.float64)
    return Shelf(base, TINY, backbone, folder, {**RECIPES, **classifier})


@pytest.mark.slow
def test_one_mixed_batch_generates_what_peft_generates(tiny: Shelf) -> None:
    rows = [(name, prompt) for prompt in PROMPTS for name in (*RECIPES, None)]
    with Engine(tiny.backbone, tiny.registry) as engine:
        answers = engine.generate(
            [(f"acme/{name}" if name else None, prompt) for name, prompt in rows], max_new_tokens=6
        )
    for (name, prompt), answer in zip(rows, answers, strict=True):
        assert list(answer.token_ids) == tiny.greedy(name, encode_prompt(tiny.backbone, prompt), 6)
        assert (answer.version.repository if answer.version else None) == (f"acme/{name}" if name else None)


def test_likelihoods_are_those_of_plain_peft(tiny: Shelf) -> None:
    texts = [(name, "the printer is ", "on fire not") for name in (*RECIPES, None)] + [(None, "", "my computer")]
    with Engine(tiny.backbone, tiny.registry) as engine:
        found = engine.log_likelihoods([(f"acme/{name}" if name else None, *text) for name, *text in texts])
        with pytest.raises(RequestError, match=r"row 1: acme/labels.* does not answer with text"):
            engine.log_likelihoods([(None, "a", "b"), ("acme/labels", "a", "b")])
        with pytest.raises(RequestError, match=r"row 0: .*no token that anything stands before"):
            engine.log_likelihoods([(None, "my", "")])
    for (name, prompt, text), likelihood in zip(texts, found, strict=True):
        ids = tiny.backbone.tokenizer(prompt + text, add_special_tokens=False)["input_ids"]
        before = max(len(tiny.backbone.tokenizer(prompt, add_special_tokens=False)["input_ids"]), 1)
        scores = tiny.peft_logits(name, ids).log_softmax(-1)
        expected = sum(float(scores[place - 1, ids[place]]) for place in range(before, len(ids)))
        assert likelihood == pytest.approx(expected, abs=1e-9), name


def check_joining_and_leaving(shelf: Shelf, recipes: Mapping[str, Recipe], within: float = 1e-9) -> None:
    """Rows of all adapters, three joining at a step, have the logits of `peft` at each."""
    with Engine(shelf.backbone, shelf.registry) as engine, torch.inference_mode():
        versions = [engine.follow(f"acme/{name}") for name in recipes]
        with ExitStack() as stack:
            worn = [
                (name, stack.enter_context(engine.pool.wearing(version)))
                for name, version in zip(recipes, versions, strict=True)
            ]
            rows = [
                (name, encode_prompt(shelf.backbone, prompt), adapter)
                for (name, adapter), prompt in zip([*worn, (None, None)], PROMPTS * 3, strict=False)
            ]
            waiting = [Continuation(shelf.backbone, adapter, ids, 5) for _, ids, adapter in rows]
            names = {id(row): name for row, (name, _, _) in zip(waiting, rows, strict=True)}
            batch, steps = open_batch(shelf.backbone), 0
            while batch.running or waiting:
                joining, waiting = waiting[:3], waiting[3:]
                batch.join(joining)
                for row in joining:
                    assert row.tokens == shelf.greedy(names[id(row)], row.prompt, 1)
                for row, logits in zip(batch.running, batch.next_logits(), strict=True):
                    expected = shelf.peft_logits(names[id(row)], row.prompt + row.tokens)[-1]
                    torch.testing.assert_close(logits, expected, rtol=0, atol=within)
                    steps += 1
                batch.step()
            assert steps > 20


def test_rows_join_and_leave_between_steps_with_the_logits_of_peft(tiny: Shelf) -> None:
    check_joining_and_leaving(tiny, RECIPES)


@pytest.mark.slow
def test_rows_that_outgrow_their_lanes_keep_what_they_read(tiny: Shelf) -> None:
    """Prompts on both sides of a lane's capacity, that leave at different times: lanes move."""
    with Engine(tiny.backbone, tiny.registry) as engine, torch.inference_mode():
        version = engine.follow("acme/prefix")
        with engine.pool.wearing(version) as adapter:
            words = encode_prompt(tiny.backbone, " ".join(PROMPTS * 9))
            rows = [
                Continuation(tiny.backbone, adapter if index % 2 else None, words[: size + index], left)
                for index, (size, left) in enumerate([(20, 9), (53, 3), (54, 12), (55, 9), (56, 2), (57, 12)])
            ]
            names = {id(row): "prefix" if row.adapter else None for row in rows}
            batch = RunningBatch(tiny.backbone)
            batch.join(rows)
            while batch.running:
                for row, logits in zip(batch.running, batch.next_logits(), strict=True):
                    expected = tiny.peft_logits(names[id(row)], row.prompt + row.tokens)[-1]
                    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-9)
                batch.step()


def test_a_classifier_head_on_a_decoder_answers_beside_generated_text(tiny: Shelf) -> None:
    with Engine(tiny.backbone, tiny.registry) as engine:
        label, text = engine.predict([("acme/labels", "my computer"), ("acme/lora", "my computer")])
        ids = encode_prompt(tiny.backbone, "my computer")
        assert isinstance(label, LabelAnswer)
        torch.testing.assert_close(label.logits, tiny.peft_logits("labels", ids), rtol=0, atol=1e-9)
        assert text == engine.generate([("acme/lora", "my computer")])[0]
        with pytest.raises(RequestError, match="does not answer with text"):
            engine.generate([("acme/labels", "my computer")])


def test_a_row_that_does_not_fit_with_what_is_to_come_is_refused_before_it_starts(tiny: Shelf) -> None:
    with Engine(tiny.backbone, tiny.registry) as engine:
        with pytest.raises(RequestError, match=r"row 1: 5 virtual tokens, .* 128 positions"):
            engine.generate([("acme/lora", "hello"), ("acme/prefix", "hello")], max_new_tokens=122)
        with pytest.raises(RequestError, match="row 0: a prompt is a string"):
            engine.generate([(None, {"txet": "hello"})])


def test_a_backbone_that_serves_refuses_to_be_called_past_its_engine(tiny: Shelf) -> None:
    with Engine(tiny.backbone, tiny.registry), pytest.raises(BackboneError, match="called directly"):
        tiny.backbone.base(input_ids=torch.tensor([[1, 2]]))


@pytest.mark.slow
def test_smollm2_with_a_lora_and_a_prefix_in_one_batch(tmp_path: Path) -> None:
    """The real decoder, converted from GGUF: logits within 1e-4 of their scale, tokens equal but for near ties."""
    backbone = Backbone.load(SMOLLM2)
    recipes = {name: RECIPES[name] for name in ("lora", "prefix")}
    shelf = Shelf(locate(SMOLLM2).folder, SMOLLM2, backbone, tmp_path, recipes)
    rows = [
        ("lora", "The capital of France is"),
        ("prefix", "Once upon a time"),
        (None, "Water boils at"),
        ("lora", "Hi"),
    ]
    count = 8
    with Engine(backbone, shelf.registry) as engine, torch.inference_mode():
        answers = engine.generate([(f"acme/{n}" if n else None, prompt) for n, prompt in rows], max_new_tokens=count)
        versions = {name: engine.follow(f"acme/{name}") for name in recipes}
        with ExitStack() as stack:
            adapters = {name: stack.enter_context(engine.pool.wearing(one)) for name, one in versions.items()}
            worn = [adapters[name] if name else None for name, _ in rows]
            prompts = [encode_prompt(backbone, prompt) for _, prompt in rows]
            running = [Continuation(backbone, a, ids, count) for a, ids in zip(worn, prompts, strict=True)]
            batch = RunningBatch(backbone)
            batch.join(running)
            second = dict(zip(map(id, batch.running), batch.next_logits(), strict=True))
    for (name, _), ids, answer, row in zip(rows, prompts, answers, running, strict=True):
        full = shelf.peft_logits(name, ids + list(answer.token_ids))[len(ids) - 1 :]
        torch.testing.assert_close(second[id(row)], full[1], rtol=0, atol=tolerance(full[1]))
        for expected, token in zip(full, answer.token_ids, strict=False):
            assert expected.max() - expected[token] <= tolerance(expected)


def tolerance(reference: torch.Tensor) -> float:
    """What two float32 runs of the same sums may differ by."""
    return 1e-4 * max(1.0, float(reference.abs().max()))
