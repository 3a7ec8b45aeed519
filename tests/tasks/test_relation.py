"""Relation extraction: where markers stand, what is cut, what is refused, and SemEval-2010's own figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import RequestError
from adapterhub.tasks import Encoded, LabelAnswer, Task, get_task
from adapterhub.tasks.metrics import relation_f1
from adapterhub.tasks.relation import marked

LABELS = ["none", "on(e1,e2)", "on(e2,e1)"]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


def task(**options: object) -> Task:
    return get_task("relation-extraction", {"max_length": 16, **options}, LABELS)


def row(text: str, head: str, tail: str, **more: object) -> dict[str, Any]:
    spans = {name: [text.index(word), text.index(word) + len(word)] for name, word in (("head", head), ("tail", tail))}
    return {"text": text, **spans, **more}


def encoded(given: dict[str, Any], tokenizer: Any, **options: object) -> Encoded:
    ((one,),) = task(**options).encode([given], tokenizer)
    return one


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (row("my fire is hello.", "fire", "hello"), "my @ fire @ is # hello # ."),
        (row("my fire is hello", "hello", "fire"), "my # fire # is @ hello @"),
        (row("fire(hello)", "fire", "hello"), "@ fire @ ( # hello # )"),
        (row("my fire on", "my fire", "fire"), "@ my # fire # @ on"),  # one inside the other
        (row("my fire on", "fire", "my fire"), "# my @ fire @ # on"),
        (row("my fire on", "my fire", "fire on"), "@ my # fire @ on #"),
        (row("fire", "fire", "fire"), "@ # fire @ #"),
        (row("my fire on me", "fire", "me", head_type="joke", tail_type="a"), "my @ * joke * fire @ on # ^ a ^ me #"),
    ],
)
def test_spans_stand_between_markers(given: dict[str, Any], expected: str) -> None:
    found = marked(given)
    assert found.text == expected
    assert [found.text[place] for place in found.opening] == ["@", "#"]
    assert found.text[found.last] in "@#"
    assert not {"@", "#"} & {*found.text[found.last + 1 :]}


def test_a_type_that_is_null_is_none(tokenizer: Any) -> None:
    plain = row("my fire is hello", "fire", "hello")
    assert encoded({**plain, "head_type": None, "tail_type": None}, tokenizer) == encoded(plain, tokenizer)


def test_the_logits_are_those_of_the_opening_markers(tokenizer: Any) -> None:
    one = encoded(row("my fire is hello", "hello", "fire"), tokenizer)
    assert tokenizer.decode(one.input_ids) == "[CLS] my # fire # is @ hello @ [SEP]"
    assert one.pooled is not None
    assert tokenizer.convert_ids_to_tokens([one.input_ids[place] for place in one.pooled]) == ["@", "#"]
    (answer,) = task().decode([[torch.tensor([0.0, 0.0, 1.0])]], [[one]])
    assert isinstance(answer, LabelAnswer)
    assert (answer.label, answer.truncated) == ("on(e2,e1)", False)


def test_a_head_of_its_own_class_pools_by_itself(tokenizer: Any) -> None:
    assert encoded(row("my fire is hello", "hello", "fire"), tokenizer, pooling="head").pooled is None
    assert (task().head_kind, task().pooling) == ("token-classification", "markers")
    assert (task(pooling="head").head_kind, task(pooling="head").pooling) == ("sequence-classification", None)


@pytest.mark.parametrize("before", range(0, 30, 3))
def test_a_long_text_is_cut_around_both_entities(before: int, tokenizer: Any) -> None:
    one = encoded(row("my " * before + "fire is on hello" + " me" * (30 - before), "fire", "hello"), tokenizer)
    assert one.truncated
    assert len(one.input_ids) <= 16
    assert "@ fire @ is on # hello #" in tokenizer.decode(one.input_ids)
    assert one.pooled is not None
    assert tokenizer.convert_ids_to_tokens([one.input_ids[place] for place in one.pooled]) == ["@", "#"]


def test_entities_too_far_apart_are_refused(tokenizer: Any) -> None:
    far = row("my my fire " + "is " * 8 + "hello me me", "fire", "hello")
    with pytest.raises(RequestError, match="head and tail span 14 tokens, more than 13"):
        encoded(far, tokenizer)
    assert encoded(far, tokenizer, max_length=17).truncated


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": [3, 3]}, "head .*is no text"),
        ({"head": [0, 99]}, "head .*is no text"),
        ({"head": [2, 3]}, "head .*is no text"),  # a space
        ({"tail": [-1, 2]}, "tail .*is no text"),
        ({"tail": [True, 2]}, "tail is .*not .start, end"),
        ({"tail": "fire"}, "tail is 'fire', not .start, end"),
        ({"text": 3}, "text is a int, not a string"),
        ({"head_type": 3}, "head_type is a int, not a string"),
    ],
)
def test_spans_that_are_none_are_refused(change: dict[str, Any], message: str, tokenizer: Any) -> None:
    given = {**row("my fire is hello", "fire", "hello"), **change}
    with pytest.raises(RequestError, match=message):
        encoded(given, tokenizer)
    with pytest.raises(ValueError, match=message):
        task().check_row({**given, "label": "none"})


def test_two_pairs_of_one_text_are_two_inputs() -> None:
    one, other = row("my fire is hello", "fire", "hello"), row("my fire is hello", "hello", "fire")
    assert task().input_key(one) != task().input_key(other)


def test_the_official_figure_of_semeval() -> None:
    # By hand, as its scorer counts: A has 2 answers, 3 true and 1 right, one of the answers having the wrong direction;
    # B has 2 answers, 1 true and 1 right. Other is no relation, so that what is wrongly Other costs recall alone.
    pairs = [
        ("A(e1,e2)", "A(e1,e2)"),
        ("A(e2,e1)", "A(e1,e2)"),
        ("Other", "A(e2,e1)"),
        ("B(e1,e2)", "B(e1,e2)"),
        ("B(e1,e2)", "Other"),
        ("Other", "Other"),
    ]
    f1_a, f1_b = 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3), 2 * (1 / 2) * 1 / (1 / 2 + 1)
    figures = relation_f1(pairs, "Other")
    assert figures["macro_f1"] == pytest.approx((f1_a + f1_b) / 2)
    assert figures["micro_f1"] == pytest.approx(2 * 2 / (4 + 4))
    assert figures["accuracy"] == pytest.approx(3 / 6)
    assert relation_f1([("Other", "Other")], "Other") == {"macro_f1": 0.0, "micro_f1": 0.0, "accuracy": 1.0}
