"""The same runtime on the shapes of transformers that differ: packed rows equal plain `peft` on each, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError, BackboneError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes.batches import open_batch
from adapterhub.runtime.passes.generate import Continuation, encode_prompt
from adapterhub.tasks import LabelAnswer, TagAnswer
from registry import open_registry
from tests.support.adapters import Oracle, Recipe, make_adapter, publish

SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
TEXTS = ["my computer is on fire and the printer is not", "hello"]


@dataclass(frozen=True)
class Shape:
    """An architecture: transformers' class, the options of its config, modules to adapt, and what `peft` can put on it.

    It makes no prefix where the model takes no past, and a prompt only as wide as the hidden states. What a classifier
    has besides its last layer is in `heads`, and `within` is how closely the model agrees with itself.
    """

    model: str
    options: Mapping[str, Any]
    targets: list[str]
    prefix: bool = True
    prompt: bool = True
    heads: Sequence[str] = ()
    within: float = 1e-9


SHAPES = {
    "roberta": Shape("RobertaModel", {**SMALL, **SPECIAL, "max_position_embeddings": 66}, ["query", "output.dense"]),
    "electra": Shape("ElectraModel", {**SMALL, "embedding_size": 16}, ["query", "value"], prompt=False),
    "albert": Shape(
        "AlbertModel", {**SMALL, "embedding_size": 16}, ["query", "ffn_output", "pooler"], prefix=False, prompt=False
    ),
    "distilbert": Shape(
        "DistilBertModel",
        {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48},
        ["q_lin", "lin1"],
        prefix=False,
        prompt=False,
    ),
    "modernbert": Shape(
        "ModernBertForMaskedLM",
        {**SMALL, **SPECIAL, "cls_token_id": 2, "sep_token_id": 3},
        ["Wqkv", "Wo"],
        prefix=False,
    ),
    "modernbert-window": Shape(
        "ModernBertForMaskedLM",
        {**SMALL, **SPECIAL, "cls_token_id": 2, "sep_token_id": 3, "local_attention": 6},
        ["Wqkv", "Wo"],
        prefix=False,
    ),
    "mistral-window": Shape(
        "MistralForCausalLM",
        {**SMALL, **SPECIAL, "num_key_value_heads": 2, "sliding_window": 6},
        ["q_proj", "down_proj"],
    ),
    "gpt2": Shape(
        "GPT2LMHeadModel", {"n_embd": 32, "n_layer": 2, "n_head": 4, **SPECIAL}, ["c_attn", "c_fc", "c_proj"]
    ),
    "qwen2": Shape("Qwen2ForCausalLM", {**SMALL, **SPECIAL, "num_key_value_heads": 2}, ["q_proj", "down_proj"]),
    "gemma": Shape(
        "GemmaForCausalLM", {**SMALL, **SPECIAL, "num_key_value_heads": 1, "head_dim": 16}, ["q_proj", "o_proj"]
    ),
}


def make_base(folder: Path, shape: Shape, tokenizer: PreTrainedTokenizerFast) -> Path:
    model_class = getattr(transformers, shape.model)
    torch.manual_seed(0)
    model_class(model_class.config_class(vocab_size=len(tokenizer), **shape.options)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def recipes(shape: Shape, decoder: bool) -> dict[str, Recipe]:
    lora = {"r": 4, "target_modules": shape.targets}
    head = {"modules_to_save": list(shape.heads)} if shape.heads else {}
    found = {
        "labels": Recipe("SEQ_CLS", labels=3, options={**lora, **head}, seed=1),
        "dora": Recipe("SEQ_CLS", labels=2, options={**lora, **head, "use_dora": True}, seed=2),
        "tags": Recipe("TOKEN_CLS", labels=5, options=lora, seed=3),
        "ia3": Recipe(
            "SEQ_CLS",
            labels=3,
            method="ia3",
            options={"target_modules": shape.targets, "feedforward_modules": shape.targets[-1:], **head},
            seed=6,
        ),
    }
    if shape.prompt:
        found["prompt"] = Recipe(
            "SEQ_CLS", labels=4, method="prompt", options={"num_virtual_tokens": 3, **head}, seed=7
        )
        found["tags-prompt"] = Recipe("TOKEN_CLS", labels=3, method="prompt", options={"num_virtual_tokens": 2}, seed=8)
    if shape.prefix:
        found["prefix"] = Recipe(
            "SEQ_CLS", labels=7, method="prefix", options={"num_virtual_tokens": 3}, seed=4, scale=0.3
        )
    if decoder:
        found["text"] = Recipe("CAUSAL_LM", options=lora, seed=5)
    return found


def check_mixed_batch(shape: Shape, name: str, tiny_base: Path, tmp_path: Path) -> Backbone:
    """All that `peft` can put on a base of this shape, in one batch, equals plain `peft` on each row; the backbone."""
    base_id = f"tests/tiny-{name}"
    base = make_base(tmp_path / "base", shape, PreTrainedTokenizerFast.from_pretrained(tiny_base))
    backbone = Backbone.load(base, id=base_id, dtype=torch.float64)
    registry = open_registry(tmp_path / "registry")
    made = {}
    for kind, recipe in recipes(shape, backbone.is_decoder).items():
        made[kind] = make_adapter(tmp_path / kind, base, base_id, recipe)
        publish(registry, made[kind], f"acme/{kind}", "1.0.0", backbone)
    with Engine(backbone, registry) as engine:
        rows = [(kind, text) for kind in made if kind != "text" for text in TEXTS]
        answers = engine.predict([(f"acme/{kind}", text) for kind, text in rows])
        for (kind, text), answer in zip(rows, answers, strict=True):
            assert isinstance(answer, LabelAnswer | TagAnswer)
            expected = Oracle(made[kind], torch.float64)(backbone.tokenizer(text)["input_ids"])
            torch.testing.assert_close(answer.logits, expected, rtol=0, atol=shape.within)
        if "text" in made:
            version = engine.follow("acme/text")
            ids = encode_prompt(backbone, TEXTS[0])
            with engine.pool.wearing(version) as adapter, torch.inference_mode():
                row, batch = Continuation(backbone, adapter, ids, 4), open_batch(backbone)
                batch.join([row])
                first = int(Oracle(made["text"], torch.float64)(ids)[-1].argmax())
                assert row.tokens == [first] or (row.finished and first == SPECIAL["eos_token_id"])
                while batch.running:
                    expected = Oracle(made["text"], torch.float64)(ids + row.tokens)[-1]
                    torch.testing.assert_close(batch.next_logits()[0], expected, rtol=0, atol=shape.within)
                    batch.step()
    return backbone


@pytest.mark.parametrize("name", SHAPES)
def test_a_mixed_batch_equals_peft(name: str, tiny_base: Path, tmp_path: Path) -> None:
    backbone = check_mixed_batch(SHAPES[name], name, tiny_base, tmp_path)
    assert backbone.layout is not None and backbone.layout.kind == "packed"


def test_a_prefix_is_refused_where_peft_refuses_it(backbone: Backbone, tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", SHAPES["modernbert"], tokenizer)
    other = Backbone.load(base, id="tests/tiny-modernbert")
    recipe = Recipe(method="prefix", options={"num_virtual_tokens": 3})
    made = make_adapter(tmp_path / "prefix", base, "tests/tiny-modernbert", recipe)
    registry = open_registry(tmp_path / "registry")
    publish(registry, made, "acme/prefix", "1.0.0", other)
    with Engine(other, registry) as engine, pytest.raises(AdapterError, match="takes no past keys and values"):
        engine.predict([("acme/prefix", "hello")])


@pytest.mark.parametrize(
    ("model", "options"),
    [("GraniteForCausalLM", {"logits_scaling": 4.0}), ("BertLMHeadModel", {"is_decoder": True})],
    ids=["scaled", "transformed"],
)
def test_logits_that_are_more_than_an_output_embedding_are_the_models_own(
    model: str, options: Mapping[str, Any], tiny_base: Path, tmp_path: Path
) -> None:
    base = make_base(
        tmp_path, Shape(model, {**SMALL, **SPECIAL, **options}, []), PreTrainedTokenizerFast.from_pretrained(tiny_base)
    )
    backbone = Backbone.load(base, id="tests/tiny-own-head", dtype=torch.float64)
    own = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64).eval()
    with Engine(backbone, open_registry(tmp_path / "registry")), torch.inference_mode():
        row, batch = Continuation(backbone, None, encode_prompt(backbone, TEXTS[0]), 4), open_batch(backbone)
        batch.join([row])
        while batch.running:
            expected = own(torch.tensor([row.prompt + row.tokens])).logits[0, -1]
            torch.testing.assert_close(batch.next_logits()[0], expected, rtol=0, atol=1e-9)
            batch.step()
        assert row.tokens


def test_what_can_be_neither_packed_nor_padded_is_refused_not_answered_wrongly(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    registry = open_registry(tmp_path / "registry")
    for name, shape, why in (
        (
            "lfm2",
            Shape(
                "Lfm2ForCausalLM",
                {**SMALL, **SPECIAL, "num_key_value_heads": 2, "layer_types": ["conv", "full_attention"]},
                [],
            ),
            "cannot serve packed rows: packed rows differ .* cannot serve padded rows: a padded pass fails",
        ),
        ("nystromformer", Shape("NystromformerModel", SMALL, []), "cannot serve padded rows: padded rows differ"),
        ("big-bird", Shape("BigBirdModel", SMALL, []), "attends by blocks until it meets its first short row"),
        ("mamba", Shape("MambaForCausalLM", {**SMALL, **SPECIAL}, []), "cannot serve padded rows"),
    ):
        base = make_base(tmp_path / name, shape, tokenizer)
        backbone = Backbone.load(base, id=f"tests/tiny-{name}", dtype=torch.float64)
        with pytest.raises(BackboneError, match=why):
            Engine(backbone, registry)
        assert backbone.layout is None
    labels = {**SMALL, "is_encoder_decoder": True}
    both = make_base(tmp_path / "both", Shape("BertModel", labels, []), tokenizer)
    with pytest.raises(BackboneError, match="does not go from text to text"):
        Backbone.load(both, id="tests/tiny-both")
