"""Fewer rows, drawn the same whatever their order; and the weights of classes."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
import torch

from adapterhub.errors import DataError, RecipeError
from adapterhub.recipe import MaxRows
from adapterhub.tasks import get_task
from adapterhub.tasks.data import class_weights, read_splits, within_tokens
from adapterhub.tasks.data.rows import Placed
from adapterhub.tasks.data.sampling import at_most, drawn, few_shots
from tests.tasks.data.support import ROWS, TASKS, files

TASK = TASKS["classification"]


def placed(count: int) -> list[Placed]:
    return [
        Placed(f"f:{number}", {"text": f"text {number}", "label": "abc"[min(number % 5, 2)]}) for number in range(count)
    ]


def test_shots_are_so_many_of_each_class_in_the_order_of_the_file() -> None:
    rows = placed(200)
    taken, short = few_shots(rows, TASK, 10, seed=1)
    assert Counter(one.row["label"] for one in taken) == {"a": 10, "b": 10, "c": 10}
    assert not short
    assert taken == sorted(taken, key=lambda one: int(one.where[2:]))
    shuffled = random.Random(3).sample(rows, len(rows))
    assert {one.where for one in few_shots(shuffled, TASK, 10, seed=1)[0]} == {one.where for one in taken}
    assert few_shots(rows, TASK, 10, seed=2)[0] != taken
    assert few_shots(rows, TASK, 10, seed=1)[0] == taken


def test_a_class_with_fewer_rows_is_told_of() -> None:
    taken, short = few_shots(placed(20), TASK, 6, seed=1)
    assert short == {"a": 4, "b": 4}
    assert len(taken) == 4 + 4 + 6


def test_sentences_until_each_tag_is_there_often_enough() -> None:
    rows = [
        Placed(
            f"f:{number}", {"tokens": ["w", str(number)], "tags": ["O", "B-rare" if number % 20 == 0 else "B-often"]}
        )
        for number in range(200)
    ]
    taken, short = few_shots(rows, TASKS["tokens"], 5, seed=1)
    counted = Counter(tag for one in taken for tag in one.row["tags"])
    assert counted["B-rare"] == 5 and counted["B-often"] >= 5 and not short
    assert len(taken) < 20


@pytest.mark.parametrize("kind", ["regression", "spans", "choices"])
def test_tasks_without_classes_know_no_shots_and_no_weights(kind: str) -> None:
    with pytest.raises(RecipeError, match=r"data\.shots: there are no classes"):
        few_shots([Placed("f:1", ROWS[kind])], TASKS[kind], 1, 0)
    with pytest.raises(RecipeError, match=r"training\.class_weights: there are no classes"):
        class_weights("balanced", TASKS[kind], [ROWS[kind]])


def test_caps(tmp_path: Path) -> None:
    rows = placed(30)
    assert at_most(rows, 30, 0) == at_most(rows, None, 0) == rows
    assert len(at_most(rows, 7, 0)) == 7
    nested = {one.where for one in at_most(rows, 7, 0)} < {one.where for one in at_most(rows, 12, 0)}
    assert nested
    parts = {name: [(f"{name} {n} " * 3, "xy"[n % 2]) for n in range(9)] for name in ("train", "validation", "test")}
    more = {"leakage": "warn", "shots": 2, "max_rows": MaxRows(validation=4, test=5)}
    splits = read_splits(files(tmp_path, parts, **more), TASK)
    assert splits.document()["rows"] == {"train": 4, "validation": 4, "test": 5}
    assert splits.document()["unused"] == {"train": 5, "validation": 5, "test": 4}


def test_as_many_rows_as_fit_a_number_of_tokens() -> None:
    rows = [one.row for one in placed(50)]
    tokens = [5 + number % 7 for number in range(50)]
    kept = within_tokens(rows, tokens, 100, seed=1)
    assert kept == sorted(kept)
    assert 100 - max(tokens) < sum(tokens[index] for index in kept) <= 100
    assert set(kept) == set(drawn(rows, 1)[: len(kept)])
    assert within_tokens(rows, tokens, 10_000, seed=1) == list(range(50))
    with pytest.raises(DataError, match="max_tokens"):
        within_tokens(rows, tokens, 4, seed=1)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    import numpy
    from sklearn.utils.class_weight import compute_class_weight

    labels = ["a"] * 7 + ["b"] * 2 + ["c"]
    rows = [{"text": "t", "label": label} for label in labels]
    task = get_task("text-classification", {}, ["a", "b", "c", "of a parent"])
    wanted = compute_class_weight("balanced", classes=numpy.array(["a", "b", "c"]), y=labels)
    assert class_weights("balanced", task, rows) == pytest.approx([*wanted, 1.0])
    assert class_weights({"b": 3}, task, rows) == [1.0, 3.0, 1.0, 1.0]
    assert class_weights(None, task, rows) is None
    with pytest.raises(RecipeError, match=r"training\.class_weights\.of parent") as error:
        class_weights({"of parent": 3}, task, rows)
    assert "of a parent" in error.value.hint


def test_weights_are_factors_of_the_loss() -> None:
    weights = torch.tensor([3.0, 0.5])
    for task, logits, labels in (
        (get_task("text-classification", {}, ["a", "b"]), torch.randn(4, 2), torch.tensor([0, 1, 1, 0])),
        (get_task("token-classification", {}, ["B-a", "O"]), torch.randn(1, 4, 2), torch.tensor([[0, 1, 1, 0]])),
    ):
        losses = [task.loss(logits.view(-1, 2)[index], label) for index, label in enumerate(labels.flatten())]
        wanted = sum(weights[label] * loss for label, loss in zip(labels.flatten(), losses, strict=True))
        torch.testing.assert_close(task.loss(logits, labels, weights=weights), wanted)
    multi = get_task("text-classification", {"problem_type": "multi_label_classification"}, ["a", "b"])
    logits, labels = torch.randn(3, 2), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    columns = [multi.loss(logits[:, [place]], labels[:, [place]]) for place in (0, 1)]
    torch.testing.assert_close(multi.loss(logits, labels, weights=weights), 3 * columns[0] + 0.5 * columns[1])


def test_further_rows_are_added_to_those_that_were_chosen(tmp_path: Path) -> None:
    parts = {
        "train": [(f"where is card number {number} of mine", "ab"[number % 2]) for number in range(12)],
        "validation": [("a joke about printers", "a")],
        "test": [("my computer is on fire", "b")],
    }
    made = tmp_path / "made.jsonl"
    rows = [("My computer is  on fire", "b"), ("it rains in the desert", "a"), ("nothing works today", "b")]
    made.write_text("".join(json.dumps({"text": text, "label": label, "seed": 3}) + "\n" for text, label in rows))
    more = {"shots": 1, "more": [str(made)], "leakage": "drop-train"}
    splits = read_splits(files(tmp_path, parts, **more), TASK)
    texts = [row["text"] for row in splits.train]
    assert texts[2:] == ["it rains in the desert", "nothing works today"] and len(texts) == 4
    assert splits.dropped == 1 and splits.unused == {"train": 10}
    with pytest.raises(DataError, match=r"made\.jsonl:1"):
        read_splits(files(tmp_path, parts, **{**more, "leakage": "refuse"}), TASK)


def test_the_same_shots_whichever_way_rows_are_read(tmp_path: Path) -> None:
    """Texts of a kind are written by the labels that texts are classified by."""
    judge = tmp_path / "judge.jsonl"
    judge.write_text("\n".join(json.dumps({"text": f"t {label}", "label": label}) for label in "abc"))
    writer = get_task("text-generation", {"problem_type": "controlled", "judge": str(judge)})
    rows = placed(60)
    assert few_shots(rows, writer, 3, seed=1) == few_shots(rows, TASK, 3, seed=1)
