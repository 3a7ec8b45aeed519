from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import DataError, RequestError
from adapterhub.tasks import ChoiceAnswer, Task, get_task
from adapterhub.tasks.data import read_rows

ROW = {"question": "what is it", "choices": ["a joke", "fire", "hello"]}


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def task() -> Task:
    return get_task("multiple-choice", {"max_length": 12})


def test_one_input_a_choice(task: Task, tokenizer: Any) -> None:
    (inputs,) = task.encode([{**ROW, "label": 1}], tokenizer, with_labels=True)
    assert [tokenizer.decode(one.input_ids) for one in inputs] == [
        "[CLS] what is i ##t [SEP] a joke [SEP]".replace(" ##t", "t"),
        "[CLS] what is it [SEP] fire [SEP]",
        "[CLS] what is it [SEP] hello [SEP]",
    ]
    assert [one.labels for one in inputs] == [[0, 1], [1, 1], [2, 1]]
    assert inputs[1].token_type_ids == [0] * 6 + [1, 1]


def test_a_context_comes_first(task: Task, tokenizer: Any) -> None:
    ((one, _),) = task.encode([{"question": "is it", "context": "my joke", "choices": ["a", "me"]}], tokenizer)
    assert tokenizer.decode(one.input_ids) == "[CLS] my joke [SEP] is it a [SEP]"


def test_the_likeliest_choice_of_each_row(task: Task, tokenizer: Any) -> None:
    rows = [ROW, {"question": "my " * 20, "choices": ["a", "me"]}]
    encoded = task.encode(rows, tokenizer)
    logits = [[torch.tensor([value]) for value in (0.0, 1.0, -1.0)], [torch.tensor([2.0]), torch.tensor([0.0])]]
    first, second = task.decode(logits, encoded)
    assert isinstance(first, ChoiceAnswer) and isinstance(second, ChoiceAnswer)
    assert (first.choice, first.index, first.truncated) == ("fire", 1, False)
    assert (second.choice, second.index, second.truncated) == ("a", 0, True)
    assert first.scores == pytest.approx(torch.tensor([0.0, 1.0, -1.0]).softmax(0).tolist())
    assert first.score == first.scores[1]
    assert first.logits.tolist() == [0.0, 1.0, -1.0]
    assert task.metrics([first, second], [1, 1]) == {"accuracy": 0.5}


def test_the_loss_compares_the_choices_of_each_row_alone(task: Task) -> None:
    logits = torch.randn(7, 1, requires_grad=True)
    labels = torch.tensor([[0, 2], [1, 2], [2, 2], [0, 0], [1, 0], [0, 1], [1, 1]])
    parts = [(slice(0, 3), 2), (slice(3, 5), 0), (slice(5, 7), 1)]
    expected = sum(-torch.log_softmax(logits[part, 0], 0)[right] for part, right in parts)
    loss = task.loss(logits, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
    assert int(task.targets(labels)) == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("hello", "a mapping, not str"),
        ({"question": "a"}, "no column 'choices'"),
        ({"question": "a", "choices": "bc"}, "choices is not a list"),
        ({"question": "a", "choices": ["b"]}, "choices holds 1, not 2 to 64"),
        ({"question": 1, "choices": ["b", "c"]}, "are not strings"),
        ({"question": "a", "choices": ["b", "\ud800"]}, "surrogate"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused(row: Any, message: str, task: Task, tokenizer: Any) -> None:
    with pytest.raises(RequestError, match=message) as error:
        task.encode([row], tokenizer)
    assert error.value.hint


@pytest.mark.parametrize(
    ("label", "message"), [(2, "label is 2, not the index"), ("a", "label is 'a'"), (True, "label is True")]
)
def test_bad_labels_are_named(label: Any, message: str, task: Task, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"question": "a", "choices": ["b", "c"], "label": label}))
    with pytest.raises(DataError, match=rf"a\.jsonl:1: {message}"):
        read_rows(file, task)


def test_real_rows_are_read_by_other_names(data_root: Path, task: Task) -> None:
    file = data_root / "commonsense" / "comve_explanation" / "test.jsonl"
    rows = read_rows(file, task, {"question": "context"})
    assert len(rows) > 100
    assert {len(row["choices"]) for row in rows} == {3}
