"""Rows that a tiny BERT can learn, and recipes over them."""

from __future__ import annotations

import json
from pathlib import Path

from adapterhub.recipe import Recipe

LORA = 'kind = "lora"\nrank = 4\ntargets = ["query", "value"]'
PREFIX = 'kind = "prefix"\nlength = 4'
WORDS = {"complaint": ("computer", "printer", "fire", "not"), "chat": ("tell", "joke", "hello", "what")}
TAGS = {"hello": "B-person", "fire": "B-place"}
MAX_LENGTH = 32


def write_data(folder: Path) -> None:
    """``chat`` (text, label) and ``names`` (tokens, tags), three files each; no row occurs twice."""
    for split, first, count in (("train", 0, 44), ("validation", 44, 12), ("test", 56, 12)):
        numbers = range(first, first + count)
        _write(folder / f"chat-{split}.jsonl", [_chat(number) for number in numbers])
        _write(folder / f"names-{split}.jsonl", [_names(number) for number in numbers])


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


class Recipes:
    """Recipes over a tiny base and the data of `write_data`, with parts replaced at will."""

    def __init__(self, base: Path, data: Path) -> None:
        self.base = base
        self.data = data

    def text(self, *, method: str = LORA, training: str = "", data: str = "chat", top: str = "") -> str:
        """A recipe's text; lines of `training` override the defaults."""
        task = "text-classification" if data == "chat" else "token-classification"
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
name = "{task}"
options = {{ max_length = {MAX_LENGTH} }}
[data]
name = "{data}"
licence = "cc0-1.0"
{files}
[method]
{method}
[training]
{lines}
"""

    def make(self, **parts: str) -> Recipe:
        """The recipe, read."""
        return Recipe.parse(self.text(**parts))
