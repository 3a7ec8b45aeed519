"""Tasks are found by name, built in or added by a package."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import adapterhub.tasks
from adapterhub.errors import AdapterError, RecipeError
from adapterhub.tasks import get_task, known_tasks, task_of
from adapterhub.tasks.text_classification import TextClassification


class Sentiment(TextClassification):
    """What another package might add."""

    name = "sentiment"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="no task 'text-clasification'") as error:
        get_task("text-clasification")
    assert "question-answering" in error.value.hint and "text-classification" in error.value.hint


def test_another_package_adds_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("sentiment", f"{__name__}:Sentiment", "adapterhub.tasks")
    monkeypatch.setattr(EntryPoint, "load", lambda _: Sentiment)
    monkeypatch.setattr(adapterhub.tasks, "entry_points", lambda group: [point])
    assert "sentiment" in known_tasks()
    assert isinstance(get_task("sentiment", None, ["a", "b"]), Sentiment)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_lenght": 3}, r"task\.options\.max_lenght: unknown key"), ({"max_length": "3"}, r"task\.options: .*str")],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        get_task("text-classification", options)


def test_a_task_comes_back_from_its_manifest() -> None:
    part = SimpleNamespace(name="token-classification", options={"max_length": 9})
    head = SimpleNamespace(problem_type=None)
    typed = SimpleNamespace(prompt=None)
    task = task_of(cast(Any, SimpleNamespace(task=part, head=head, typed=typed, labels=("B-a", "O"))))
    assert (task.name, task.labels, task.options.max_length) == ("token-classification", ("B-a", "O"), 9)
    with pytest.raises(AdapterError, match=r"manifest\.json: .*no task"):
        other = SimpleNamespace(name="juggling", options={})
        task_of(cast(Any, SimpleNamespace(task=other, head=head, typed=typed, labels=())))


def test_the_loss_is_summed_over_targets_alone() -> None:
    task = get_task("token-classification", None, ["O", "B-a"])
    logits = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]]])
    labels = torch.tensor([[0, 1, -100]])
    expected = -torch.log_softmax(logits[0, 0], -1)[0] - torch.log_softmax(logits[0, 1], -1)[1]
    torch.testing.assert_close(task.loss(logits, labels), expected)
