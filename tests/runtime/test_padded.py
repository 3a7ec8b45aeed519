"""Bases whose attention is their own: padded rows equal plain `peft` on each row, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes import padded
from adapterhub.runtime.passes.batches import open_batch
from adapterhub.runtime.passes.generate import Continuation, RunningBatch, encode_prompt
from adapterhub.runtime.passes.padded_batch import PaddedBatch
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded, HiddenAnswer, TagAnswer
from registry import open_registry
from tests.runtime.test_architectures import SMALL, SPECIAL, TEXTS, Shape, check_mixed_batch, make_base
from tests.runtime.test_generate import RECIPES, Shelf, check_joining_and_leaving
from tests.support.adapters import Oracle, Recipe, make_adapter, publish

FLOAT32 = 1e-5  # of bases that have a softmax or sines in float32, whatever type they compute in
DISTANCES = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 16,
    "position_biased_input": False,
}
SHAPES: Mapping[str, Shape] = {
    "deberta-v2": Shape(
        "DebertaV2Model", {**SMALL, **SPECIAL}, ["query_proj", "output.dense"], prefix=False, heads=["pooler"]
    ),
    "deberta-v3": Shape(
        "DebertaV2Model",
        {**SMALL, **SPECIAL, **DISTANCES},
        ["query_proj", "key_proj", "output.dense"],
        prefix=False,
        heads=["pooler"],
    ),
    "mpnet": Shape("MPNetModel", {**SMALL, **SPECIAL, "pad_token_id": 1}, ["attn.q", "attn.v", "dense"], prefix=False),
    "roformer": Shape("RoFormerModel", {**SMALL, **SPECIAL}, ["query", "output.dense"], prefix=False, within=FLOAT32),
    "gemma2": Shape(
        "Gemma2ForCausalLM",
        {
            **SMALL,
            **SPECIAL,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": 6,
            "attn_logit_softcapping": 0.1,
            "final_logit_softcapping": 0.2,
            "query_pre_attn_scalar": 1,
        },
        ["q_proj", "down_proj"],
        within=FLOAT32,
    ),
    "bloom": Shape(
        "BloomForCausalLM",
        {"hidden_size": 32, "n_layer": 2, "n_head": 4, **SPECIAL},
        ["query_key_value", "dense_4h_to_h"],
        prefix=False,
        within=FLOAT32,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_mixed_batch_equals_peft(name: str, tiny_base: Path, tmp_path: Path) -> None:
    backbone = check_mixed_batch(SHAPES[name], name, tiny_base, tmp_path)
    assert backbone.layout is not None and backbone.layout.kind == "padded"


def test_rows_of_gemma2_join_and_leave_between_steps_with_the_logits_of_peft(tiny_base: Path, tmp_path: Path) -> None:
    """Attention and logits are capped, and windows of 6 end within prompts, prefixes and answers."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES["gemma2"], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny-gemma2", dtype=torch.float64)
    unchanged = backbone.digest()
    check_joining_and_leaving(Shelf(base, "tests/tiny-gemma2", backbone, tmp_path, RECIPES), RECIPES, FLOAT32)
    assert isinstance(open_batch(backbone), PaddedBatch) and backbone.digest() == unchanged


@pytest.mark.parametrize("name", ["deberta-v2", "mpnet"])
def test_a_prefix_is_refused_where_peft_refuses_it(name: str, tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES[name], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny", dtype=torch.float64)
    registry = open_registry(tmp_path / "registry")
    recipe = Recipe("TOKEN_CLS", labels=3, method="prefix", options={"num_virtual_tokens": 3})
    publish(registry, make_adapter(tmp_path / "prefix", base, "tests/tiny", recipe), "acme/prefix", "1.0.0", backbone)
    with Engine(backbone, registry) as engine, pytest.raises(AdapterError, match="takes no past keys and values"):
        engine.predict([("acme/prefix", "hello")])


def test_rows_are_padded_to_little_more_than_their_own_length(tiny_base: Path, tmp_path: Path) -> None:
    """Lengths from 3 to 120: several passes, whose rows come out as the model's own, in order."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES["mpnet"], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny-mpnet", dtype=torch.float64)
    texts = ["hello " * count for count in (1, 118, 30, 2, 50, 70, 9)]
    rows = [EncodedRow(None, Encoded(tokenizer(text)["input_ids"], None)) for text in texts]
    assert padded.passes(backbone, rows) == [[1, 5], [2, 4], [0, 3, 6]]
    own = AutoModel.from_pretrained(base, dtype=torch.float64)
    with Engine(backbone, open_registry(tmp_path / "registry")) as engine, torch.inference_mode():
        for row, answer in zip(rows, engine.predict([(None, text) for text in texts]), strict=True):
            assert isinstance(answer, HiddenAnswer)
            expected = own(torch.tensor([row.encoded.input_ids])).last_hidden_state[0]
            torch.testing.assert_close(answer.last_hidden_state, expected, rtol=0, atol=1e-9)


def test_an_adapter_that_changes_what_rows_have_in_common_runs_in_a_pass_of_its_own(
    tiny_base: Path, tmp_path: Path
) -> None:
    """DeBERTa's keys of distances are made by the very module that makes those of tokens."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES["deberta-v3"], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny-deberta", dtype=torch.float64)
    registry = open_registry(tmp_path / "registry")
    targets = {"alone": ["key_proj"], "alone-too": ["query_proj"], "beside": ["value_proj"], "beside-too": ["dense"]}
    made = {}
    for seed, (name, modules) in enumerate(targets.items()):
        recipe = Recipe("TOKEN_CLS", labels=3, options={"r": 4, "target_modules": modules}, seed=seed)
        made[name] = make_adapter(tmp_path / name, base, "tests/tiny-deberta", recipe)
        publish(registry, made[name], f"acme/{name}", "1.0.0", backbone)
    with Engine(backbone, registry) as engine:
        with ExitStack() as stack:
            worn = [stack.enter_context(engine.pool.wearing(engine.follow(f"acme/{name}"))) for name in targets]
            row = Encoded(tokenizer("tell me a joke")["input_ids"], None)
            rows = [EncodedRow(adapter, row) for adapter in worn for _ in range(2)]
            assert padded.passes(backbone, rows) == [[0, 1], [2, 3], [4, 5, 6, 7]]
        answers = engine.predict([(f"acme/{name}", text) for name in targets for text in TEXTS])
    for (name, text), answer in zip([(name, text) for name in targets for text in TEXTS], answers, strict=True):
        assert isinstance(answer, TagAnswer)
        expected = Oracle(made[name], torch.float64)(tokenizer(text)["input_ids"])
        torch.testing.assert_close(answer.logits, expected, rtol=0, atol=1e-9)


def test_a_step_that_fails_within_the_model_leaves_what_rows_have_read(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some layers have the newest token by then, and others have not."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES["gemma2"], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny-gemma2", dtype=torch.float64)
    with Engine(backbone, open_registry(tmp_path / "registry")), torch.inference_mode():
        batch = open_batch(backbone)
        batch.join([Continuation(backbone, None, encode_prompt(backbone, text), 4) for text in TEXTS])
        expected = batch.next_logits()
        with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="no memory"):
            broken.setattr(backbone.base.layers[0].mlp, "forward", lambda _: fail())
            batch.step()
        torch.testing.assert_close(batch.next_logits(), expected, rtol=0, atol=FLOAT32)
        with pytest.raises(ValueError, match="does not run packed steps"):
            RunningBatch(backbone)


def fail() -> torch.Tensor:
    raise RuntimeError("no memory")
