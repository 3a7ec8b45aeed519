from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import RecipeError, RequestError
from adapterhub.tasks import LabelAnswer, Task, get_task
from adapterhub.tasks.heads import pool


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


def test_the_mean_over_tokens_is_a_token_classifiers(tokenizer: Any) -> None:
    mean = get_task("text-classification", {"max_length": 8, "pooling": "mean"}, ["no", "yes"])
    assert (mean.head_kind, mean.peft_task_type, mean.pooling) == ("token-classification", "TOKEN_CLS", "mean")
    ((short,), (cut,)) = mean.encode(["my", "my " * 7], tokenizer)
    assert (short.pooled, cut.pooled) == ([0, 1, 2], [*range(8)])
    assert get_task("text-classification", {}, ["no", "yes"]).pooling is None


def test_the_mean_is_over_a_rows_own_tokens() -> None:
    logits = torch.randn(2, 4, 3)
    weights = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 1]])
    expected = torch.stack([logits[0, :2].mean(0), logits[1, 1:].mean(0)])
    torch.testing.assert_close(pool(logits, weights), expected)


def test_rows_in_and_out_of_scope_have_figures_of_their_own() -> None:
    scoped = get_task("text-classification", {"out_of_scope": "oos"}, ["a", "b", "oos"])
    outcomes = [("a", "a"), ("oos", "b"), ("b", "b"), ("a", "a"), ("oos", "oos"), ("a", "oos"), ("b", "oos")]
    figures = scoped.summary(outcomes)
    assert tuple(figures) == scoped.metric_names
    assert (figures["in_scope_accuracy"], figures["out_of_scope_recall"]) == (3 / 4, pytest.approx(1 / 3))
    assert figures["accuracy"] == 4 / 7
    assert scoped.summary([("a", "a")])["out_of_scope_recall"] == 0
    assert "out_of_scope_recall" not in get_task("text-classification", {}, ["a", "b"]).metric_names


def test_a_scope_that_no_row_is_out_of_is_refused() -> None:
    with pytest.raises(RecipeError, match="no row of train has the label 'none'"):
        get_task("text-classification", {"out_of_scope": "none"}, ["a", "oos"])
