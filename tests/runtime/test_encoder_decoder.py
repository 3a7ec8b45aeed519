"""Encoder-decoders: rows of any adapters in one batch write what plain `peft` and `generate` write, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError, BackboneError, RequestError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes.batches import open_batch
from adapterhub.runtime.passes.generate import Continuation
from adapterhub.tasks import LabelAnswer
from benchmarks.popularity import POPULARITIES, draw
from registry import Registry, open_registry
from tests.runtime.test_architectures import SPECIAL, Shape, make_base
from tests.support.adapters import Made, Oracle, Recipe, make_adapter, publish

T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0, **SPECIAL}
BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "decoder_start_token_id": 3,
    **SPECIAL,
}
EOS = SPECIAL["eos_token_id"]
SHAPES: Mapping[str, Shape] = {
    "t5": Shape("T5ForConditionalGeneration", T5, ["q", "v", "wo"]),
    "t5-gated": Shape(
        "T5ForConditionalGeneration",
        {
            **T5,
            "num_layers": 3,
            "num_decoder_layers": 2,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
        ["q", "v", "wo"],
    ),
    "bart": Shape("BartForConditionalGeneration", {**BART, "scale_embedding": True}, ["q_proj", "v_proj", "fc2"]),
}
SOURCES = ["my computer is on fire and the printer is not", "hello", "tell me a joke"]


def recipes(shape: Shape) -> dict[str, Recipe]:
    lora = {"r": 4, "target_modules": shape.targets}
    query, value, last = shape.targets
    methods: dict[str, tuple[str, dict[str, Any]]] = {
        "lora": ("lora", lora),
        "patterns": ("lora", {**lora, "rank_pattern": {query: 2}, "alpha_pattern": {f"decoder.*{value}": 3}}),
        "dora": ("lora", {**lora, "use_dora": True, "use_rslora": True}),
        "all": ("lora", {"r": 2, "target_modules": "all-linear"}),
        "cross": ("lora", {"r": 4, "target_modules": rf".*decoder.*(EncDecAttention|encoder_attn)\.{value}"}),
        **{f"lora-{index}": ("lora", lora) for index in "bcd"},  # four of one form are multiplied together
        "embeddings": ("lora", {"r": 4, "target_modules": ["embed_tokens", query]}),
        "ia3": ("ia3", {"target_modules": [value, last], "feedforward_modules": [last]}),
        "prefix": ("prefix", {"num_virtual_tokens": 5}),
        "prefix3": ("prefix", {"num_virtual_tokens": 3}),
        "prompt": ("prompt", {"num_virtual_tokens": 4}),
        "p-tuning": ("p-tuning", {"num_virtual_tokens": 3, "encoder_hidden_size": 8}),
    }
    return {
        name: Recipe("SEQ_2_SEQ_LM", method=method, options=options, seed=seed, scale=0.5)
        for seed, (name, (method, options)) in enumerate(methods.items())
    }


class Shelf:
    """A base, adapters published for it, and what transformers and `peft` write with each."""

    def __init__(
        self,
        name: str,
        tokenizer: PreTrainedTokenizerFast,
        folder: Path,
        made: Mapping[str, Recipe] | None = None,
    ) -> None:
        self.shape, self.base_id, self.folder = SHAPES[name], f"tests/tiny-{name}", folder
        self.base = make_base(folder / "base", self.shape, tokenizer)
        if "final_logits_bias" in (tensors := load_file(self.base / "model.safetensors")):
            bias = tensors["final_logits_bias"]
            bias.copy_(torch.linspace(-0.5, 0.5, bias.numel()))
            bias[0, EOS] = -1.0  # its answers start with this token, and would end with it at once
            save_file(tensors, self.base / "model.safetensors", metadata={"format": "pt"})
        self.backbone = Backbone.load(self.base, id=self.base_id, dtype=torch.float64)
        self.registry: Registry = open_registry(folder / "registry")
        self.made: dict[str, Made] = {}
        for kind, recipe in (recipes(self.shape) if made is None else made).items():
            self.publish(kind, recipe)
        self._models: dict[str | None, Any] = {}

    def publish(self, kind: str, recipe: Recipe) -> None:
        self.made[kind] = make_adapter(self.folder / kind, self.base, self.base_id, recipe)
        publish(self.registry, self.made[kind], f"acme/{kind}", "1.0.0", self.backbone)

    @property
    def writing(self) -> list[str]:
        return [kind for kind, made in self.made.items() if made.task_type == "SEQ_2_SEQ_LM"]

    def model(self, name: str | None) -> Any:
        """transformers' model, or `peft`'s with the adapter."""
        if name not in self._models:
            bare = None if name else AutoModelForSeq2SeqLM.from_pretrained(self.base, dtype=torch.float64).eval()
            self._models[name] = bare or Oracle(self.made[str(name)], torch.float64).model
        return self._models[name]

    def source(self, text: str) -> list[int]:
        return list(self.backbone.tokenizer(text)["input_ids"])

    @torch.inference_mode()
    def logits(self, name: str | None, source: list[int], answer: list[int]) -> torch.Tensor:
        """Of the token behind the answer so far: ``[vocabulary]``."""
        begun = torch.tensor([[self.backbone.config.decoder_start_token_id, *answer]])
        ids = torch.tensor([source])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "decoder_input_ids": begun}
        return self.model(name)(**inputs).logits[0, -1]  # type: ignore[no-any-return]

    @torch.inference_mode()
    def written(self, name: str | None, text: str, count: int, **wishes: Any) -> list[int]:
        """What `generate` writes greedily, without the tokens that begin and end it."""
        ids = torch.tensor([self.source(text)])
        model = self.model(name)
        found = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            do_sample=False,
            **{**wishes, "num_beams": 1},
        )[0].tolist()[1:]
        ends = wishes.get("eos_token_id", [EOS])
        return list(takewhile(lambda token: token not in ends, found))


@pytest.fixture(scope="module", params=SHAPES)
def shelf(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    return Shelf(request.param, tokenizer, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def one(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    return Shelf("t5", tokenizer, tmp_path_factory.mktemp("one"), made={})


def test_rows_join_and_leave_between_steps_with_the_logits_of_peft(shelf: Shelf) -> None:
    backbone, names = shelf.backbone, [*shelf.writing, None, None, "lora", "prefix"]
    with Engine(backbone, shelf.registry) as engine, torch.inference_mode(), ExitStack() as stack:
        versions = {name: engine.follow(f"acme/{name}") for name in shelf.writing}
        worn = [stack.enter_context(engine.pool.wearing(versions[name])) if name else None for name in names]
        sources = [shelf.source(SOURCES[index % 3]) for index in range(len(names))]
        waiting = [Continuation(backbone, a, source, 6) for a, source in zip(worn, sources, strict=True)]
        called = dict(zip(map(id, waiting), names, strict=True))
        batch, steps = open_batch(backbone), 0
        while batch.running or waiting:
            joining, waiting = waiting[:5], waiting[5:]
            batch.join(joining)
            for row in joining:
                first = int(shelf.logits(called[id(row)], row.prompt, []).argmax())
                assert row.tokens == [first] or (row.finished and first in row.ends)
            for row, logits in zip(batch.running, batch.next_logits() if batch.running else [], strict=True):
                expected = shelf.logits(called[id(row)], row.prompt, row.tokens)
                torch.testing.assert_close(logits, expected, rtol=0, atol=1e-9)
                steps += 1
            if batch.running and steps > 30:
                batch.drop(batch.running[:1])
            batch.step()
        assert steps > 40


def test_one_mixed_batch_writes_what_generate_of_peft_writes(shelf: Shelf) -> None:
    unchanged = shelf.backbone.digest()
    rows = [(name, text) for text in SOURCES for name in (*shelf.writing, None)]
    with Engine(shelf.backbone, shelf.registry) as engine:
        answers = engine.generate([(f"acme/{name}" if name else None, text) for name, text in rows], max_new_tokens=6)
        assert engine.predict([(None, SOURCES[0])]) == engine.generate([(None, SOURCES[0])])
    assert shelf.backbone.layout is not None and shelf.backbone.layout.kind == "padded"
    for (name, text), answer in zip(rows, answers, strict=True):
        assert list(answer.token_ids) == shelf.written(name, text, 6), name
        assert (answer.version.repository if answer.version else None) == (f"acme/{name}" if name else None)
    assert len({answer.token_ids for answer in answers}) > 3
    assert shelf.backbone.digest() == unchanged


@pytest.mark.slow
@pytest.mark.parametrize("popularity", POPULARITIES)
def test_a_batch_of_any_popularity_writes_what_peft_writes(shelf: Shelf, popularity: str) -> None:
    names: list[str | None] = [*shelf.writing, None]
    rows = [(name, SOURCES[index % 3]) for index, name in enumerate(draw(popularity, names, rows=16, seed=5))]
    with Engine(shelf.backbone, shelf.registry) as engine:
        answers = engine.generate([(name and f"acme/{name}", text) for name, text in rows], max_new_tokens=4)
    for (name, text), answer in zip(rows, answers, strict=True):
        assert list(answer.token_ids) == shelf.written(name, text, 4)


def test_classifiers_answer_beside_text(shelf: Shelf) -> None:
    lora = {"r": 4, "target_modules": shelf.shape.targets, "modules_to_save": ["classification_head"]}
    _, value, last = shelf.shape.targets
    ia3 = {**lora, "target_modules": [value, last], "feedforward_modules": [last]}
    del ia3["r"]
    shelf.publish("labels", Recipe("SEQ_CLS", labels=3, options=lora, seed=21))
    shelf.publish("labels-dora", Recipe("SEQ_CLS", labels=5, options={**lora, "use_dora": True}, seed=22))
    shelf.publish("labels-ia3", Recipe("SEQ_CLS", labels=2, method="ia3", options=ia3, seed=23))
    kinds = ["labels", "labels-dora", "labels-ia3"]
    rows = [(kind, text) for text in SOURCES for kind in kinds]
    with Engine(shelf.backbone, shelf.registry) as engine:
        *answers, text = engine.predict([*((f"acme/{kind}", text) for kind, text in rows), ("acme/lora", SOURCES[0])])
        assert text == engine.generate([("acme/lora", SOURCES[0])])[0]
    for (kind, source), answer in zip(rows, answers, strict=True):
        assert isinstance(answer, LabelAnswer)
        expected = Oracle(shelf.made[kind], torch.float64)(shelf.source(source))
        torch.testing.assert_close(answer.logits, expected, rtol=0, atol=1e-9)


REFUSED: Mapping[str, tuple[Recipe, str]] = {
    "head that nobody trained": (
        Recipe("SEQ_CLS", options={"r": 2, "target_modules": ["q"]}),
        "classification_head.* neither in the adapter nor in the base's checkpoint",
    ),
    "prompt for a classifier": (
        Recipe(
            "SEQ_CLS", method="prompt", options={"num_virtual_tokens": 2, "modules_to_save": ["classification_head"]}
        ),
        "PROMPT_TUNING with a classifier on an encoder-decoder",
    ),
    "tags": (Recipe("TOKEN_CLS", options={"r": 2, "target_modules": ["q"]}), "head.kind token-classification"),
    "hidden states": (
        Recipe("FEATURE_EXTRACTION", labels=0, options={"r": 2, "target_modules": "all-linear"}),
        "head.kind none",
    ),
    "shared": (
        Recipe("SEQ_2_SEQ_LM", options={"r": 2, "target_modules": ["relative_attention_bias"]}),
        "changes .*relative_attention_bias, which does not read the rows",
    ),
    "prefix": (
        Recipe("SEQ_2_SEQ_LM", method="prefix", options={"num_virtual_tokens": 2, "num_transformer_submodules": 1}),
        "prefix is for",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_encoder_decoder_is_not_served_with_is_refused_by_name(one: Shelf, case: str) -> None:
    recipe, message = REFUSED[case]
    name = f"refused-{case.replace(' ', '-')}"
    one.publish(name, recipe)
    with Engine(one.backbone, one.registry) as engine, pytest.raises(AdapterError, match=message) as refusal:
        engine.predict([(f"acme/{name}", "hello")])
    assert refusal.value.hint


def test_a_base_saved_without_its_tied_head_writes_and_half_a_base_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    bart = make_base(tmp_path / "bart", Shape("BartModel", BART, []), tokenizer)
    backbone = Backbone.load(bart, id="tests/tiny-bart", dtype=torch.float64)
    with Engine(backbone, open_registry(tmp_path / "registry")) as engine:
        (answer,) = engine.generate([(None, "hello")], max_new_tokens=4)
    model = AutoModelForSeq2SeqLM.from_pretrained(bart, dtype=torch.float64)
    expected = model.generate(torch.tensor([tokenizer("hello")["input_ids"]]), max_new_tokens=4, num_beams=1)
    assert [*answer.token_ids, EOS] == [*expected[0, 1:].tolist(), EOS][: len(answer.token_ids) + 1]
    half = make_base(tmp_path / "half", Shape("T5EncoderModel", T5, []), tokenizer)
    with pytest.raises(BackboneError, match="does not fill T5Model"):
        Backbone.load(half, id="tests/tiny-half")


def test_source_and_answer_have_positions_of_their_own(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    bart = make_base(tmp_path / "bart", SHAPES["bart"], tokenizer)
    with Engine(Backbone.load(bart, id="tests/tiny-bart"), open_registry(tmp_path / "registry")) as engine:
        long = "hello " * 60  # 62 tokens, of 64
        engine.generate([(None, long)], max_new_tokens=64)
        for text, room in ((long, 65), (long * 2, 1)):
            with pytest.raises(RequestError, match="64 positions"):
                engine.generate([(None, text)], max_new_tokens=room)


def test_positions_of_a_decoder_are_told_to_its_table_or_the_base_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer, registry = PreTrainedTokenizerFast.from_pretrained(tiny_base), open_registry(tmp_path / "registry")
    pegasus = make_base(tmp_path / "pegasus", Shape("PegasusForConditionalGeneration", BART, []), tokenizer)
    m2m = make_base(tmp_path / "m2m", Shape("M2M100ForConditionalGeneration", BART, []), tokenizer)
    Engine(Backbone.load(pegasus, id="tests/tiny-pegasus", dtype=torch.float64), registry).close()
    with pytest.raises(BackboneError, match="M2M100Model cannot serve padded rows"):
        Engine(Backbone.load(m2m, id="tests/tiny-m2m", dtype=torch.float64), registry)


def test_a_prefix_does_not_reach_a_decoder_deeper_than_the_encoder(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    deep = Shape("T5ForConditionalGeneration", {**T5, "num_layers": 1, "num_decoder_layers": 2}, ["q"])
    base = make_base(tmp_path / "base", deep, tokenizer)
    backbone, registry = Backbone.load(base, id="tests/tiny-deep"), open_registry(tmp_path / "registry")
    recipe = Recipe("SEQ_2_SEQ_LM", method="prefix", options={"num_virtual_tokens": 2})
    publish(registry, make_adapter(tmp_path / "a", base, "tests/tiny-deep", recipe), "acme/a", "1.0.0", backbone)
    with Engine(backbone, registry) as engine, pytest.raises(AdapterError, match="prefix for 1 layers"):
        engine.predict([("acme/a", "hello")])
