"""Each kind of head on each shape of base, with rows of several inputs: packed, they answer as plain `peft` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError, RequestError
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import ChoiceAnswer, LabelAnswer, LabelsAnswer, SpanAnswer, ValueAnswer, task_of
from registry import Manifest, open_registry
from tests.runtime.test_architectures import SHAPES, SMALL, SPECIAL, Shape, make_base
from tests.support.adapters import MULTIPLE_CHOICE, Oracle, Recipe, make_adapter, publish

BASES: Mapping[str, Shape] = {
    "bert": Shape(
        "BertModel", {**SMALL, **SPECIAL, "max_position_embeddings": 512}, ["query", "value", "attention.output.dense"]
    ),
    "roberta": Shape("RobertaModel", {**SMALL, **SPECIAL, "max_position_embeddings": 512}, ["query", "output.dense"]),
    "distilbert": SHAPES["distilbert"],
    "modernbert": SHAPES["modernbert"],
    "gpt2": SHAPES["gpt2"],
    "llama": Shape("LlamaModel", {**SMALL, **SPECIAL, "num_key_value_heads": 2}, ["q_proj", "down_proj"]),
}
"""Llama's bare model: its class for questions calls the base by another name than a language model's checkpoint."""
HEADS = {"modernbert": ["classifier"], "distilbert": ["pre_classifier", "classifier"]}
CONTEXT = "my printer is on fire and the computer is not working " * 60
ROWS: Mapping[str, list[Any]] = {
    "span": [{"question": "what is on fire", "context": CONTEXT}, {"question": "hello", "context": "my joke"}],
    "choice": [
        {"question": "tell me", "choices": ["a joke", "the printer is on fire", "hello"]},
        {"question": "what is not working", "choices": ["fire", "me"], "context": "my printer is on fire"},
    ],
    "text": ["my computer is on fire", {"text": "hello", "text_pair": "the printer"}],
}


def recipes(name: str) -> dict[str, Recipe]:
    shape = BASES[name]
    lora = {"r": 4, "target_modules": shape.targets}
    questions = {**lora, "modules_to_save": ["classifier"]} if name == "modernbert" else lora
    found = {
        "span-lora": Recipe("QUESTION_ANS", options=questions, seed=1),
        "span-dora": Recipe("QUESTION_ANS", options={**questions, "use_dora": True}, seed=2),
        "text-multi": Recipe("SEQ_CLS", labels=5, options=lora, seed=3, problem_type="multi_label_classification"),
        "text-one": Recipe("SEQ_CLS", labels=1, options=lora, seed=4, problem_type="multi_label_classification"),
        "text-value": Recipe("SEQ_CLS", labels=1, options=lora, seed=5),
    }
    if shape.prefix:
        prefix = {"num_virtual_tokens": 3}
        found["span-prefix"] = Recipe("QUESTION_ANS", method="prefix", options=prefix, seed=6, scale=0.3)
        found["text-value-prefix"] = Recipe("SEQ_CLS", labels=1, method="prefix", options=prefix, seed=7, scale=0.3)
    if shape.prompt:
        prompt = {"num_virtual_tokens": 4, **({"modules_to_save": ["classifier"]} if name == "modernbert" else {})}
        found["span-prompt"] = Recipe("QUESTION_ANS", method="prompt", options=prompt, seed=8)
    if name not in ("llama", "gpt2"):
        head = {"modules_to_save": HEADS.get(name, ["classifier"])}
        found["choice-lora"] = Recipe(MULTIPLE_CHOICE, options={**lora, **head}, seed=9)
        ia3 = {"target_modules": shape.targets, "feedforward_modules": shape.targets[-1:], **head}
        found["choice-ia3"] = Recipe(MULTIPLE_CHOICE, method="ia3", options=ia3, seed=10)
    return found


@pytest.mark.parametrize("name", BASES)
def test_every_head_in_one_batch_equals_peft(name: str, tiny_base: Path, tmp_path: Path) -> None:
    base_id = f"tests/tiny-{name}"
    reader = BertTokenizerFast if name == "bert" else PreTrainedTokenizerFast  # with segments, and without
    base = make_base(tmp_path / "base", BASES[name], reader.from_pretrained(tiny_base))
    backbone = Backbone.load(base, id=base_id, dtype=torch.float64)
    registry = open_registry(tmp_path / "registry")
    made = {kind: make_adapter(tmp_path / kind, base, base_id, recipe) for kind, recipe in recipes(name).items()}
    tasks = {}
    for kind, adapter in made.items():
        version = publish(registry, adapter, f"acme/{kind}", "1.0.0", backbone)
        tasks[kind] = task_of(Manifest.read(registry.pull(version)))
    rows = [(kind, row) for kind in made for row in ROWS[kind.split("-")[0]]]
    with Engine(backbone, registry, max_step_tokens=500) as engine:
        answers = engine.predict([(f"acme/{kind}", row) for kind, row in rows])
    several = 0
    segments = set()
    for (kind, row), answer in zip(rows, answers, strict=True):
        (inputs,) = tasks[kind].encode([row], backbone.tokenizer)
        oracle = Oracle(made[kind], torch.float64)
        expected = [oracle(one.input_ids, one.token_type_ids) for one in inputs]
        segments |= {max(one.token_type_ids or [0]) for one in inputs}
        several += kind.startswith("span") and len(inputs) > 1
        (plain,) = tasks[kind].decode([expected], [inputs])
        assert isinstance(answer, SpanAnswer | ChoiceAnswer | LabelsAnswer | ValueAnswer | LabelAnswer)
        assert type(answer) is type(plain)
        given = list(answer.logits) if isinstance(answer, SpanAnswer) else [answer.logits]
        wanted = expected if isinstance(answer, SpanAnswer) else [torch.cat(expected)]
        for mine, theirs in zip(given, wanted, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
        if isinstance(answer, SpanAnswer) and isinstance(plain, SpanAnswer):
            assert (answer.text, answer.start, answer.end) == (plain.text, plain.start, plain.end)
            assert answer.start is not None and row["context"][answer.start : answer.end] == answer.text
    assert several >= 2  # windows
    assert segments == ({0, 1} if name == "bert" else {0})
    refused = pytest.raises(RequestError, match="row 0: a row for question-answering is a mapping")
    with Engine(backbone, registry) as engine, refused:
        engine.predict([("acme/span-lora", "hello")])


def test_a_head_that_transformers_has_not_is_refused_by_name(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    base = make_base(tmp_path / "base", BASES["gpt2"], tokenizer)
    backbone = Backbone.load(base, id="tests/tiny-gpt2")
    made = make_adapter(
        tmp_path / "text", base, "tests/tiny-gpt2", Recipe("FEATURE_EXTRACTION", options={"target_modules": ["c_attn"]})
    )
    config = made.folder / "adapter_config.json"
    config.write_text(config.read_text().replace('"FEATURE_EXTRACTION"', "null"))
    object.__setattr__(made.facts, "task", "multiple-choice")
    registry = open_registry(tmp_path / "registry")
    publish(registry, made, "acme/choice", "1.0.0", backbone)
    with Engine(backbone, registry) as engine, pytest.raises(AdapterError, match="no multiple-choice head for gpt2"):
        engine.predict([("acme/choice", {"question": "what", "choices": ["a", "joke"]})])
