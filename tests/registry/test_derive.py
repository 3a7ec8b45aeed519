"""Manifests for adapters that were made elsewhere, from config, header, card and facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry import Facts, Manifest
from registry.errors import AdmissionRefused
from registry.folder import AdapterConfig, Card, Tensor, read_card
from registry.manifest import derive
from tests.registry.folders import (
    HEAD_ALONE,
    IA3,
    LORA,
    PREFIX,
    PROMPT,
    front_matter,
    head,
    ia3_shapes,
    lora_shapes,
    prefix_shapes,
)

CARD = Card(base_model="acme/base", pipeline_tag="text-classification", license="mit")


def config(document: Any) -> AdapterConfig:
    return msgspec.convert({**document, "document": document}, AdapterConfig)


def header(shapes: Any) -> dict[str, Tensor]:
    return {name: Tensor("F32", tuple(shape)) for name, shape in shapes.items()}


def derived(document: Any = LORA, shapes: Any = None, card: Card = CARD, facts: Facts | None = None) -> dict[str, Any]:
    document = {**document, "base_model_name_or_path": None}
    return derive(config(document), header(lora_shapes() if shapes is None else shapes), card, facts or Facts())


def test_lora() -> None:
    document = derived({**LORA, "use_rslora": True, "rank_pattern": {"query": 2}, "revision": "abc"})
    assert document["method"] == {
        "kind": "lora",
        "rank": 4,
        "alpha": 8,
        "targets": ["query", "value"],
        "options": {"use_rslora": True, "rank_pattern": {"query": 2}},
    }
    assert document["base"]["id"] == "acme/base"
    assert document["base"]["revision"] == "abc"
    assert document["base"]["fingerprint"] is None
    assert document["task"] == {"name": "text-classification", "options": {}}
    assert document["library"] == {"peft": "0.21.2"}
    assert document["trainable_parameters"] == 4 * 2 * 4 * 8 + 3 * 8 + 3
    assert Manifest.from_document({**document, "files": []}).head.labels == ["LABEL_0", "LABEL_1", "LABEL_2"]


@pytest.mark.parametrize(
    ("document", "shapes", "kind", "options"),
    [
        (PREFIX, prefix_shapes(), "prefix-tuning", {"num_virtual_tokens": 5}),
        (PROMPT, {"prompt_embeddings": [5, 8], **prefix_shapes()}, "prompt-tuning", {"num_virtual_tokens": 5}),
        ({**PROMPT, "peft_type": "P_TUNING"}, prefix_shapes(), "prompt-tuning", {"num_virtual_tokens": 5}),
        (IA3, ia3_shapes(), "ia3", {"feedforward_modules": ["output.dense"]}),
        (HEAD_ALONE, head(), "head", {}),
    ],
)
def test_other_methods(document: Any, shapes: Any, kind: str, options: Any) -> None:
    method = derived(document, shapes)["method"]
    assert (method["kind"], method["rank"], method["options"]) == (kind, None, options)


@pytest.mark.parametrize(
    ("task_type", "task", "kind"),
    [
        ("SEQ_CLS", "text-classification", "sequence-classification"),
        ("SEQ_CLS", "zero-shot-classification", "sequence-classification"),
        ("TOKEN_CLS", "token-classification", "token-classification"),
        ("QUESTION_ANS", "question-answering", "question-answering"),
        ("CAUSAL_LM", "text-generation", "causal-lm"),
        ("CAUSAL_LM", "summarization", "causal-lm"),
        ("SEQ_2_SEQ_LM", "translation", "seq2seq-lm"),
        ("SEQ_2_SEQ_LM", "text2text-generation", "seq2seq-lm"),
        ("SEQ_2_SEQ_LM", "question-answering-by-text", "seq2seq-lm"),
        ("FEATURE_EXTRACTION", "feature-extraction", "none"),
        (None, "multiple-choice", "multiple-choice"),
        (None, "text2text-generation", "seq2seq-lm"),
        (None, "translation", "seq2seq-lm"),
        (None, "summarization", "seq2seq-lm"),
        (None, "text-classification", "sequence-classification"),
        (None, "something-else", "none"),
    ],
)
def test_heads(task_type: str | None, task: str, kind: str) -> None:
    head = derived({**LORA, "task_type": task_type}, facts=Facts(task=task))["head"]
    assert head["kind"] == kind
    assert bool(head["labels"]) is (kind in ("sequence-classification", "token-classification"))


@pytest.mark.parametrize(
    ("task_type", "task"),
    [
        ("SEQ_CLS", "token-classification"),
        ("TOKEN_CLS", "text-classification"),
        ("CAUSAL_LM", "question-answering"),
        ("CAUSAL_LM", "text2text-generation"),
        ("SEQ_2_SEQ_LM", "text-generation"),
    ],
)
def test_a_task_that_the_head_cannot_do(task_type: str, task: str) -> None:
    with pytest.raises(AdmissionRefused, match=f"^task: {task}"):
        derived({**LORA, "task_type": task_type}, facts=Facts(task=task))


def test_an_unknown_task_type() -> None:
    with pytest.raises(AdmissionRefused, match="task_type 'IMAGE'"):
        derived({**LORA, "task_type": "IMAGE"})


def test_facts_come_before_the_card() -> None:
    said = Facts(
        "own/base", "zero-shot-classification", "cc0-1.0", ("x", "y", "z"), "sha256:" + "1" * 64, revision="r1"
    )
    document = derived(facts=said)
    assert document["base"]["id"] == "own/base"
    assert document["base"]["fingerprint"] == "sha256:" + "1" * 64
    assert document["base"]["revision"] == "r1"
    assert document["task"]["name"] == "zero-shot-classification"
    assert document["licence"] == "cc0-1.0"
    assert document["head"]["labels"] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("card", "key"),
    [
        (Card(None, "text-classification", "mit"), "base"),
        (Card("/models/base", "text-classification", "mit"), "base"),
        (Card("acme/base", None, "mit"), "task"),
        (Card("acme/base", "text-classification", None), "licence"),
        (Card("acme/base", "text-classification", "  "), "licence"),
    ],
)
def test_what_is_stated_nowhere_is_refused_by_key(card: Card, key: str) -> None:
    with pytest.raises(AdmissionRefused, match=f"^{key}: ") as refused:
        derived(card=card)
    assert f"--{key}" in refused.value.hint


def test_card_and_config_must_agree_on_the_base() -> None:
    both = config({**LORA, "base_model_name_or_path": "acme/other"})
    with pytest.raises(AdmissionRefused, match=r"acme/base and acme/other"):
        derive(both, header(lora_shapes()), CARD, Facts())
    assert derive(both, header(lora_shapes()), CARD, Facts(base="acme/third"))["base"]["id"] == "acme/third"
    path = config({**LORA, "base_model_name_or_path": "/models/base"})
    assert derive(path, header(lora_shapes()), CARD, Facts())["base"]["id"] == "acme/base"


def test_labels_need_a_head_or_a_list() -> None:
    without = {name: shape for name, shape in lora_shapes().items() if "classifier" not in name}
    with pytest.raises(AdmissionRefused, match=r"^labels: "):
        derived(shapes=without)
    assert derived(shapes=without, facts=Facts(labels=("a", "b")))["head"]["labels"] == ["a", "b"]


@pytest.mark.parametrize("name", ["classifier", "score", "classifier.out_proj", "classification_head.out_proj"])
def test_rows_of_any_head_are_counted(name: str) -> None:
    shapes = {f"base_model.model.{name}.weight": [2, 8]}
    assert derived(shapes=shapes)["head"]["labels"] == ["LABEL_0", "LABEL_1"]


def test_one_output_is_a_regression() -> None:
    assert derived(shapes=lora_shapes(labels=1))["head"]["problem_type"] == "regression"


def test_a_problem_type_is_stated_for_heads_that_have_one() -> None:
    said = Facts(problem_type="multi_label_classification")
    assert derived(facts=said)["head"]["problem_type"] == "multi_label_classification"
    tags = Facts(task="token-classification", problem_type="multi_label_classification")
    with pytest.raises(AdmissionRefused, match=r"^problem type: a token-classification head has none"):
        derived({**LORA, "task_type": "TOKEN_CLS"}, facts=tags)


def test_derive_is_pure() -> None:
    assert derived() == derived()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reading_a_card(tmp_path: Path, newline: str) -> None:
    file = tmp_path / "README.md"
    text = front_matter(
        base_model="a/b", pipeline_tag="text-classification", license="mit", labels=["x", "y"], language="en"
    )
    file.write_bytes(text.replace("\n", newline).encode())
    assert read_card(file) == Card("a/b", "text-classification", "mit", ("x", "y"), ("en",))


@pytest.mark.parametrize(
    "text", ["", "# Title\n", "---\n", "---\n---\n", "text\n---\nlicense: mit\n---\n", "---\nlicense: mit\n"]
)
def test_a_card_that_says_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    assert read_card(file) == Card()


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("labels: [no, yes]", "labels: False"),
        ("labels: [1, 2]", r"labels: 1 \(int\)"),
        ("license: {name: mit}", "license: dict"),
        ("base_model: [a/b, c/d]", "base_model: list"),
        ("- a\n- b", "not a mapping"),
        ("a: [", "not YAML"),
        ("a: " + "[" * 5000, "not YAML"),
        ("a: !!python/object/apply:os.system [echo]", "not YAML"),
        ("x: " + "y" * (1 << 18), "262,"),
    ],
)
def test_a_card_that_cannot_be_understood(tmp_path: Path, lines: str, what: str) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"---\n{lines}\n---\n")
    with pytest.raises(AdmissionRefused, match=what) as refused:
        read_card(file)
    assert refused.value.message.startswith("README.md: ")


def test_a_list_of_one_is_that_one(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(front_matter(base_model=["a/b"], license=["mit"]))
    assert (read_card(file).base_model, read_card(file).license) == ("a/b", "mit")
