from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import RequestError
from adapterhub.tasks import LabelAnswer, Task, get_task


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def task() -> Task:
    return get_task("text-classification", {"max_length": 8}, ["no", "yes"])


def test_a_string_and_a_mapping_are_the_same_row(task: Task, tokenizer: Any) -> None:
    (one,), (two,) = task.encode(["my printer", {"text": "my printer"}], tokenizer)
    assert one == two
    assert tokenizer.decode(one.input_ids) == "[CLS] my printer [SEP]"
    assert one.labels is None
    assert not one.truncated


def test_a_pair_has_two_segments(task: Task, tokenizer: Any) -> None:
    ((row,),) = task.encode([{"text": "my printer", "text_pair": "on fire"}], tokenizer)
    assert tokenizer.decode(row.input_ids) == "[CLS] my printer [SEP] on fire [SEP]"
    assert row.token_type_ids == [0, 0, 0, 0, 1, 1, 1]


def test_what_is_cut_off_is_said(task: Task, tokenizer: Any) -> None:
    rows = task.encode(["my " * 6, "my " * 7], tokenizer)
    assert [len(row.input_ids) for (row,) in rows] == [8, 8]
    assert [row.truncated for (row,) in rows] == [False, True]
    answers = task.decode([[torch.zeros(2)]] * 2, rows)
    assert [answer.truncated for answer in answers] == [False, True]


def test_labels_are_indices_of_the_head(task: Task, tokenizer: Any) -> None:
    rows = [{"text": "my", "label": "yes"}, {"text": "my", "label": "no"}]
    assert [row.labels for (row,) in task.encode(rows, tokenizer, with_labels=True)] == [1, 0]


def test_the_answer_is_the_likeliest_label_with_all_probabilities(task: Task, tokenizer: Any) -> None:
    ((row,),) = task.encode(["my"], tokenizer)
    (answer,) = task.decode([[torch.tensor([0.0, 1.0])]], [[row]])
    assert isinstance(answer, LabelAnswer)
    assert answer.label == "yes"
    assert answer.scores == pytest.approx({"no": 0.2689, "yes": 0.7311}, abs=1e-4)
    assert answer.score == answer.scores["yes"]
    assert answer.version is None


@pytest.mark.parametrize("row", [{"body": "my"}, {"text": 3}, {"text": "a", "text_pair": ["b"]}, 7])
def test_a_row_of_another_shape_is_refused(row: Any, task: Task, tokenizer: Any) -> None:
    with pytest.raises(RequestError):
        task.encode([row], tokenizer)


def test_labels_of_rows_are_sorted(task: Task) -> None:
    rows = [{"text": "a", "label": label} for label in ("b", "a", "b")]
    assert task.labels_of(rows) == ["a", "b"]
