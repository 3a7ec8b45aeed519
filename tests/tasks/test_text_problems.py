"""The other problem types of text classification: several labels at once, and numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import AdapterError, DataError, RecipeError
from adapterhub.tasks import LabelsAnswer, Task, ValueAnswer, get_task, task_of
from adapterhub.tasks.data import read_rows

MULTI = "multi_label_classification"


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def multi() -> Task:
    return get_task("text-classification", {"problem_type": MULTI}, ["fire", "joke", "me"])


@pytest.fixture
def regression() -> Task:
    return get_task("text-classification", {"problem_type": "regression"}, ["value"])


@pytest.mark.parametrize("problem_type", ["single_label_classification", MULTI, "regression"])
def test_the_option_chooses_and_the_manifest_brings_it_back(problem_type: str) -> None:
    task = get_task("text-classification", {"problem_type": problem_type, "max_length": 9})
    assert (task.problem_type, task.options.max_length) == (problem_type, 9)

    def manifest(options: dict[str, Any], head: str | None) -> Any:
        part = SimpleNamespace(name="text-classification", options=options)
        typed = SimpleNamespace(prompt=None)
        return cast(
            Any, SimpleNamespace(task=part, head=SimpleNamespace(problem_type=head), typed=typed, labels=("a",))
        )

    assert type(task_of(manifest({}, problem_type))) is type(task)
    assert type(task_of(manifest({"problem_type": problem_type}, problem_type))) is type(task)
    assert type(task_of(manifest({"problem_type": problem_type}, None))) is type(task)
    other = "regression" if problem_type == MULTI else MULTI
    with pytest.raises(
        AdapterError, match=rf"head\.problem_type is {other}, task\.options\.problem_type '{problem_type}'"
    ):
        task_of(manifest({"problem_type": problem_type}, other))


def test_a_problem_type_that_does_not_exist() -> None:
    with pytest.raises(RecipeError, match=r"problem_type: text-classification has no 'ranking'") as error:
        get_task("text-classification", {"problem_type": "ranking"})
    assert MULTI in error.value.hint
    with pytest.raises(RecipeError, match=r"problem_type: text-classification has no \['a'\]"):
        get_task("text-classification", {"problem_type": ["a"]})
    with pytest.raises(RecipeError, match="problem_type: unknown key"):
        get_task("token-classification", {"problem_type": MULTI})


def test_an_option_of_another_problem_type_is_unknown() -> None:
    with pytest.raises(RecipeError, match=r"task\.options\.threshold: unknown key"):
        get_task("text-classification", {"threshold": 0.4})


def test_labels_above_the_threshold_come_likeliest_first(tokenizer: Any) -> None:
    logits = torch.tensor([0.1, -9.0, 2.0])
    for threshold, expected in ((0.5, ("me", "fire")), (0.6, ("me",)), (0.9, ())):
        options = {"problem_type": MULTI, "threshold": threshold}
        task = get_task("text-classification", options, ["fire", "joke", "me"])
        (answer,) = task.decode([[logits]], task.encode(["hello"], tokenizer))
        assert isinstance(answer, LabelsAnswer)
        assert answer.labels == expected
        assert answer.scores == pytest.approx({"fire": 0.52498, "joke": 0.00012339, "me": 0.88080}, abs=1e-5)


def test_targets_of_several_labels(multi: Task, tokenizer: Any) -> None:
    rows = [{"text": "my", "labels": ["me", "fire"]}, {"text": "my", "labels": []}]
    assert [one.labels for (one,) in multi.encode(rows, tokenizer, with_labels=True)] == [[1.0, 0.0, 1.0], [0.0] * 3]
    assert multi.labels_of(rows) == ["fire", "me"]
    assert multi.labels_of(rows, ["me", "old"]) == ["me", "old", "fire"]


def test_the_loss_of_several_labels_is_binary_cross_entropy(multi: Task) -> None:
    logits, labels = torch.randn(4, 3), torch.randint(0, 2, (4, 3)).float()
    expected = -(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log()).sum()
    torch.testing.assert_close(multi.loss(logits, labels), expected)
    assert int(multi.targets(labels)) == 12
    smoothed = labels * 0.8 + 0.1
    expected = -(smoothed * logits.sigmoid().log() + (1 - smoothed) * (1 - logits.sigmoid()).log()).sum()
    torch.testing.assert_close(multi.loss(logits, labels, smoothing=0.2), expected)


def test_a_number_is_answered_as_it_is(regression: Task, tokenizer: Any) -> None:
    (answer,) = regression.decode([[torch.tensor([-2.5])]], regression.encode(["hello"], tokenizer))
    assert isinstance(answer, ValueAnswer)
    assert answer.value == -2.5
    rows = [{"text": "my", "label": 3}, {"text": "my", "label": -100.0}]
    labels = [one.labels for (one,) in regression.encode(rows, tokenizer, with_labels=True)]
    assert labels == [3.0, -100.0] and all(type(label) is float for label in labels)
    assert regression.references(rows) == labels


def test_the_loss_of_numbers_is_the_squared_error(regression: Task) -> None:
    labels = torch.tensor([1.0, -100.0])
    assert float(regression.loss(torch.tensor([[0.0], [-98.0]]), labels)) == 5.0
    assert int(regression.targets(labels)) == 2  # -100 is a number like any other


def test_the_one_output_of_a_regression_keeps_its_name(regression: Task) -> None:
    assert regression.labels_of([{"text": "a", "label": 1}]) == ["value"]
    assert regression.labels_of([{"text": "a", "label": 1}], ["similarity"]) == ["similarity"]
    with pytest.raises(RecipeError, match="one output, and 2 labels"):
        get_task("text-classification", {"problem_type": "regression"}, ["a", "b"])


@pytest.mark.parametrize(
    ("problem_type", "row", "message"),
    [
        (MULTI, {"text": "a", "labels": "fire"}, "labels is not a list of strings"),
        (MULTI, {"text": "a", "labels": [1.0]}, "labels is not a list of strings"),
        (MULTI, {"text": "a", "labels": ["b", "b"]}, "labels names a label twice"),
        (MULTI, {"text": 1, "labels": []}, "text is a int"),
        ("regression", {"text": "a", "label": "1"}, "label is '1', not a finite number"),
        ("regression", {"text": "a", "label": True}, "label is True"),
        ("regression", {"text": "a", "label": float("nan")}, "label is nan"),
    ],
)
def test_bad_targets_are_named(problem_type: str, row: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(row))
    with pytest.raises(DataError, match=rf"a\.jsonl:1: {message}"):
        read_rows(file, get_task("text-classification", {"problem_type": problem_type}))
