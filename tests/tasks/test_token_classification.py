from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import RequestError
from adapterhub.tasks import Entity, TagAnswer, Task, get_task
from adapterhub.tasks.task import IGNORED

LABELS = ["B-org", "B-person", "I-org", "I-person", "O"]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def task() -> Task:
    return get_task("token-classification", {"max_length": 16}, LABELS)


def answer(task: Task, tokenizer: Any, row: Any, *tags: str) -> TagAnswer:
    """The answer where the model says `tags`, one for each sub-word, special tokens left out."""
    ((encoded,),) = task.encode([row], tokenizer)
    logits = torch.full((len(encoded.input_ids), len(LABELS)), -9.0)
    for position, tag in enumerate(["O", *tags, "O"]):
        logits[position, LABELS.index(tag)] = 9.0
    (made,) = task.decode([[logits]], [[encoded]])
    assert isinstance(made, TagAnswer)
    return made


def test_a_word_is_labelled_at_its_first_sub_word(task: Task, tokenizer: Any) -> None:
    row = {"tokens": ["hello", "xy", "fire"], "tags": ["O", "B-person", "I-person"]}
    ((encoded,),) = task.encode([row], tokenizer, with_labels=True)
    assert tokenizer.convert_ids_to_tokens(encoded.input_ids) == ["[CLS]", "hello", "x", "##y", "fire", "[SEP]"]
    assert encoded.labels == [IGNORED, 4, 1, IGNORED, 3, IGNORED]


def test_a_tag_is_read_at_the_first_sub_word(task: Task, tokenizer: Any) -> None:
    made = answer(task, tokenizer, {"tokens": ["hello", "xy", "fire"]}, "O", "B-person", "O", "I-person")
    assert made.tokens == ("hello", "xy", "fire")
    assert made.tags == ("O", "B-person", "I-person")
    assert made.logits.shape == (6, 5)
    (entity,) = made.entities
    assert (entity.label, entity.text, entity.start, entity.end) == ("person", "xy fire", 6, 13)
    assert entity.score == pytest.approx(1.0, abs=1e-4)


def test_a_string_is_cut_into_words_and_its_entities_point_into_it(task: Task, tokenizer: Any) -> None:
    text = "hello  my printer, joke."
    made = answer(task, tokenizer, text, "O", "B-org", "I-org", "O", "B-person", "O")
    assert made.tokens == ("hello", "my", "printer", ",", "joke", ".")
    assert [(text[entity.start : entity.end], entity.text, entity.label) for entity in made.entities] == [
        ("my printer", "my printer", "org"),
        ("joke", "joke", "person"),
    ]


def test_words_of_a_string() -> None:
    from adapterhub.tasks.token_classification import WORD

    words = WORD.findall("@ann isn't in St. Louis (U.S.), see #go-now!")
    assert words == ["@ann", "isn't", "in", "St", ".", "Louis", "(", "U.S", ".", ")", ",", "see", "#go-now", "!"]


def test_neighbouring_and_stray_tags_spell_what_the_metric_reads(task: Task, tokenizer: Any) -> None:
    words = {"tokens": ["a", "me", "my", "is", "on"]}
    made = answer(task, tokenizer, words, "B-org", "B-org", "I-person", "I-org", "I-org")
    assert [(entity.label, entity.text) for entity in made.entities] == [
        ("org", "a"),
        ("org", "me"),
        ("person", "my"),
        ("org", "is on"),
    ]
    from seqeval.metrics.sequence_labeling import get_entities

    assert len(get_entities(list(made.tags))) == len(made.entities)


def test_every_word_gets_a_tag_even_one_that_the_tokenizer_drops(task: Task, tokenizer: Any) -> None:
    row = {"tokens": ["hello", "\u200d", "fire"], "tags": ["O", "O", "B-org"]}
    made = answer(task, tokenizer, row, "O", "B-org")
    assert made.tags == ("O", "O", "B-org")
    ((encoded,),) = task.encode([row], tokenizer, with_labels=True)
    assert encoded.labels == [IGNORED, 4, 0, IGNORED]


def test_a_row_that_is_too_long_is_refused_not_cut(task: Task, tokenizer: Any) -> None:
    task.encode([{"tokens": ["my"] * 14}], tokenizer)
    with pytest.raises(RequestError, match="15 words is 17 sub-words long, more than 16"):
        task.encode([{"tokens": ["my"] * 15}], tokenizer)


@pytest.mark.parametrize("row", [{"text": "my"}, {"tokens": [1]}, {"tokens": 3}])
def test_a_row_of_another_shape_is_refused(row: Any, task: Task, tokenizer: Any) -> None:
    with pytest.raises(RequestError):
        task.encode([row], tokenizer)


def test_an_empty_row_has_no_tags(task: Task, tokenizer: Any) -> None:
    made = answer(task, tokenizer, {"tokens": []})
    assert (made.tags, made.entities) == ((), ())


def test_outside_is_always_a_label(task: Task) -> None:
    assert task.labels_of([{"tokens": ["a"], "tags": ["B-x"]}]) == ["B-x", "O"]


def test_entity_is_a_value() -> None:
    assert Entity("a", "b", 0, 1, 0.5) == Entity("a", "b", 0, 1, 0.5)


def test_labels_that_are_not_bio_spell_no_entities(tokenizer: Any) -> None:
    speech = get_task("token-classification", {"max_length": 16}, ["NOUN", "VERB"])
    ((encoded,),) = speech.encode([{"tokens": ["my", "printer"]}], tokenizer)
    (made,) = speech.decode([[torch.tensor([[9.0, 0.0]] * len(encoded.input_ids))]], [[encoded]])
    assert isinstance(made, TagAnswer)
    assert (made.tags, made.entities) == (("NOUN", "NOUN"), ())
