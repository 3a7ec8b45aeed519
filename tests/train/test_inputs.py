"""Encoded rows that are kept: a hit is what encoding gives, any other input is a miss, and processes may share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from adapterhub.errors import RequestError
from adapterhub.tasks import Encoded, Task, get_task
from adapterhub.train import inputs as module
from adapterhub.train import train
from adapterhub.train.inputs import InputCache, cache_key, encoded, training_inputs
from tests.train.support import OPTIONS, ROWS, TASKS, Recipes


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and a cache for few rows."""
    monkeypatch.setenv("ADAPTERHUB_HOME", str(tmp_path))
    monkeypatch.setattr(module, "FEWEST_ROWS", 4)
    return tmp_path


def made(data: str) -> tuple[Task, list[dict[str, Any]]]:
    rows = [ROWS[data](number) for number in range(8)]
    options = tomllib.loads("\n".join(["max_length = 32", *OPTIONS.get(data, "").split(", ")]))
    return get_task(TASKS[data], options, get_task(TASKS[data], options).labels_of(rows)), rows


def entries(home: Path) -> list[Path]:
    return sorted((home / "cache" / "inputs").glob("*.inputs"))


@pytest.mark.parametrize("data", TASKS)
def test_a_hit_is_what_encoding_gives(data: str, home: Path, tiny_base: Path) -> None:
    task, rows = made(data)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    wanted = encoded(rows, task, tokenizer)
    assert training_inputs(rows, task, tokenizer, tiny_base) == wanted
    assert len(entries(home)) == 1
    found = training_inputs(rows, task, None, tiny_base)  # without a tokenizer nothing could be encoded
    assert found == wanted
    assert repr(found) == repr(wanted)  # 1 is 1.0, and not the same
    assert [one.labels for row in found for one in row] == [
        one.labels for row in task.encode(rows, tokenizer, with_labels=True) for one in row
    ]


def test_whatever_an_entry_depends_on_is_in_its_name(tiny_base: Path, tmp_path: Path) -> None:
    task, rows = made("chat")
    other_base = tmp_path / "other"
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.add_tokens(["something"])
    tokenizer.save_pretrained(other_base)
    keys = [
        cache_key(rows, task, tiny_base),
        cache_key(rows[:-1], task, tiny_base),
        cache_key(rows[::-1], task, tiny_base),
        cache_key(rows, get_task(task.name, {"max_length": 31}, task.labels), tiny_base),
        cache_key(rows, get_task(task.name, {"max_length": 32}, task.labels[::-1]), tiny_base),
        cache_key(rows, get_task(task.name, {"max_length": 32, "problem_type": "regression"}), tiny_base),
        cache_key(rows, task, other_base),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == cache_key([dict(reversed(row.items())) for row in rows], task, tiny_base)


def test_other_code_is_another_entry(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, rows = made("chat")
    key = cache_key(rows, task, tiny_base)
    read = Path.read_bytes
    changed = Path(sys.modules[type(task).__module__].__file__ or "")
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path == changed else b""))
    assert cache_key(rows, task, tiny_base) != key


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_entry_is_made_again(damage: bytes | None, home: Path, tiny_base: Path) -> None:
    task, rows = made("chat")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    wanted = training_inputs(rows, task, tokenizer, tiny_base)
    (entry,) = entries(home)
    content = entry.read_bytes()
    entry.write_bytes(content[:-1] + b"\1" if damage is None else damage)
    assert training_inputs(rows, task, tokenizer, tiny_base) == wanted
    assert entry.read_bytes() == content


def test_few_rows_and_rows_that_cannot_be_encoded_are_not_kept(home: Path, tiny_base: Path) -> None:
    task, rows = made("names")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    training_inputs(rows[:3], task, tokenizer, tiny_base)
    long = {"tokens": ["fire"] * 100, "tags": ["O"] * 100}
    with pytest.raises(RequestError):
        training_inputs([*rows, long], task, tokenizer, tiny_base)
    assert entries(home) == []


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    cache = InputCache(tmp_path, budget=1000)
    rows = [[Encoded(list(range(100, 200)), None, 1)]]
    for name, age in (("old", 30), ("older", 40), ("oldest", 50)):
        with cache.lock(name):
            cache.write(name, rows)
        os.utime(tmp_path / f"{name}.inputs", (time.time() - age, time.time() - age))
    assert cache.read("oldest") == rows  # used just now
    left = tmp_path / "killed.1.tmp"
    left.touch()
    os.utime(left, (0, 0))
    size = (tmp_path / "old.inputs").stat().st_size
    cache = InputCache(tmp_path, budget=3 * size)
    cache.write("new", rows)
    assert {path.stem for path in entries_of(tmp_path)} == {"new", "oldest", "old"}
    assert not left.exists()
    InputCache(tmp_path, budget=size - 1).write("too large", rows)
    assert entries_of(tmp_path) == []


def entries_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.inputs"))


PROGRAM = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from adapterhub.tasks import get_task
from adapterhub.train import inputs

inputs.FEWEST_ROWS = 4
base, log = map(Path, sys.argv[1:])
task = get_task("text-classification", {}, ["a", "b"])
encode = inputs.encoded
def told(*arguments):
    with log.open("a") as stream:
        stream.write("encoded\\n")
    return encode(*arguments)
inputs.encoded = told
rows = [{"text": f"my printer is on fire {number}", "label": "ab"[number % 2]} for number in range(500)]
tokenizer = AutoTokenizer.from_pretrained(base)
assert inputs.training_inputs(rows, task, tokenizer, base) == encode(rows, task, tokenizer)
"""


def test_of_processes_that_come_at_once_one_encodes(home: Path, tiny_base: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", PROGRAM, str(tiny_base), str(log)]
    running = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert log.read_text() == "encoded\n"
    assert len(entries(home)) == 1


def test_a_run_that_finds_its_rows_encoded_gives_the_same_adapter(
    recipes: Recipes, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipes.make(data="names", training="epochs = 1")
    first = train(recipe, tmp_path / "first")
    assert len(entries(home)) == 1
    monkeypatch.setattr(module, "encoded", lambda *_: pytest.fail("encoded again"))
    assert train(recipe, tmp_path / "second").digest == first.digest
