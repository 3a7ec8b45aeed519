"""Rows that a tiny BERT can learn, and recipes over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from adapterhub.recipe import Recipe
from adapterhub.train import TrainingResult

LORA = 'kind = "lora"\nrank = 4\ntargets = ["query", "value"]'
PREFIX = 'kind = "prefix"\nlength = 4'
WORDS = {"complaint": ("computer", "printer", "fire", "not"), "chat": ("tell", "joke", "hello", "what")}
TAGS = {"hello": "B-person", "fire": "B-place"}
TASKS = {
    "chat": "text-classification",
    "names": "token-classification",
    "themes": "text-classification",
    "grades": "text-classification",
    "spans": "question-answering",
    "choices": "multiple-choice",
    "means": "text-classification",
    "relations": "relation-extraction",
}
OPTIONS = {
    "themes": 'problem_type = "multi_label_classification", threshold = 0.4',
    "grades": 'problem_type = "regression"',
    "spans": "stride = 8, max_answer_tokens = 4, no_answer = true",
    "means": 'pooling = "mean", out_of_scope = "chat"',
    "relations": 'no_relation = "none"',
}
MAX_LENGTH = 32


def write_data(folder: Path) -> None:
    """Rows for each of `TASKS`, three files each; no row occurs twice."""
    for split, first, count in (("train", 0, 44), ("validation", 44, 12), ("test", 56, 12)):
        numbers = range(first, first + count)
        for data, make in ROWS.items():
            _write(folder / f"{data}-{split}.jsonl", [make(number) for number in numbers])


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _chat(number: int) -> dict[str, object]:
    label = sorted(WORDS)[number % 2]
    words = [WORDS[label][number // step % 4] for step in (2, 3, 5)] * (1 + number % 3)
    return {"text": " ".join([*words, str(number)]), "label": label}


def _names(number: int) -> dict[str, object]:
    person, place = ("hello", "fire") if number % 2 else ("fire", "hello")
    words = [person, "is", "on", place, str(number), "."]
    return {"tokens": words, "tags": [TAGS.get(word, "O") for word in words]}


def _themes(number: int) -> dict[str, object]:
    themes = [label for label, step in (("fire", 2), ("joke", 3)) if number % step == 0]
    return {"text": " ".join([*themes, "is", str(number)]), "labels": themes}


def _grades(number: int) -> dict[str, object]:
    grade = number % 4
    return {"text": " ".join(["fire"] * grade + ["hello", str(number)]), "text_pair": "joke", "label": grade / 2}


def _spans(number: int) -> dict[str, object]:
    """A context of one window or three, with the answer anywhere in it, or nowhere."""
    words = [*["my", "printer"] * (3 + number % 2 * 14), str(number)]
    words[number % len(words)] = "fire" if number % 5 else "hello"
    context = " ".join(words)
    start = context.find("fire")
    answers = {"text": ["fire"], "answer_start": [start]} if start >= 0 else {"text": [], "answer_start": []}
    return {"question": "what is on fire", "context": context, "answers": answers}


def _choices(number: int) -> dict[str, object]:
    count = 2 + number % 3
    right = number % count
    choices = [f"{'fire' if index == right else 'joke'} {'my ' * index}{number}" for index in range(count)]
    row: dict[str, object] = {"question": "what is it", "choices": choices, "label": right}
    return {**row, "context": "hello"} if number % 2 else row


def _relations(number: int) -> dict[str, object]:
    """Long texts and short ones, head and tail in either order, which is what the label tells."""
    one, other = ("fire", "joke") if number % 2 else ("joke", "fire")
    text = f"{'hello ' * (number % 5 * 8)}the {one} is on my {other} {number}"
    spans = {name: [text.index(word), text.index(word) + 4] for name, word in (("head", "fire"), ("tail", "joke"))}
    return {
        "text": text,
        **spans,
        "label": "Before(e1,e2)" if number % 2 else "none" if number % 4 else "Before(e2,e1)",
    }


ROWS: dict[str, Callable[[int], dict[str, object]]] = {
    "chat": _chat,
    "names": _names,
    "themes": _themes,
    "grades": _grades,
    "spans": _spans,
    "choices": _choices,
    "means": _chat,
    "relations": _relations,
}


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    """Of the adapter that a run has made."""
    if result.adapter is None:
        raise AssertionError("it made no adapter")
    return load_file(result.adapter / "adapter_model.safetensors")


def assert_same_weights(one: TrainingResult, other: TrainingResult) -> None:
    """To the bit."""
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    assert [name for name in theirs if not torch.equal(mine[name], theirs[name])] == []


class Recipes:
    """Recipes over a tiny base and the data of `write_data`, with parts replaced at will."""

    def __init__(self, base: Path, data: Path) -> None:
        self.base = base
        self.data = data

    def text(self, *, method: str = LORA, training: str = "", data: str = "chat", top: str = "", rows: str = "") -> str:
        """A recipe's text; lines of `training` override the defaults, `rows` are more of ``[data]``."""
        options = ", ".join(part for part in (f"max_length = {MAX_LENGTH}", OPTIONS.get(data)) if part)
        rates = {"learning_rate": "1e-2", "epochs": "2", "batch_size": "4", "seed": "1"}
        given = dict(line.split(" = ", 1) for line in training.splitlines())
        lines = "\n".join(f"{key} = {value}" for key, value in {**rates, **given}.items())
        files = "\n".join(f'{split} = "{self.data}/{data}-{split}.jsonl"' for split in ("train", "validation", "test"))
        return f"""
name = "tiny"
licence = "mit"
languages = ["en"]
{top}
[base]
id = "tests/tiny-bert"
path = "{self.base}"
[task]
name = "{TASKS[data]}"
options = {{ {options} }}
[data]
name = "{data}"
licence = "cc0-1.0"
{files}
leakage = "warn"  # the rows are made of few words
{rows}
[method]
{method}
[training]
{lines}
"""

    def make(self, **parts: str) -> Recipe:
        """The recipe, read."""
        return Recipe.parse(self.text(**parts))
