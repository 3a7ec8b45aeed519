"""Which rows go where, and what a recipe's `[data]` comes to."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from adapterhub.errors import DataError
from adapterhub.recipe import Data, MaxRows, Split
from adapterhub.tasks.data import fingerprint, part_of, read_rows, read_split, read_splits
from tests.tasks.data.support import TASKS, files, write

TASK = TASKS["classification"]


def one_file(path: Path, **parts: Any) -> Data:
    return Data(name="d", licence="mit", file=str(path), split=Split(validation=0.2, test=0.3), **parts)


def numbered(count: int) -> list[object]:
    return [{"text": f"text {number}", "label": "xy"[number % 2]} for number in range(count)]


def test_columns_are_renamed_and_others_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"body": "hi", "queue": "x", "id": 7}])
    assert read_rows(path, TASK, {"text": "body", "label": "queue"}) == [{"text": "hi", "label": "x"}]


def test_a_column_that_may_lack_may_be_null(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "hi", "text_pair": None, "label": "x"}])
    assert read_rows(path, TASK) == [{"text": "hi", "label": "x"}]


def test_relative_files_start_from_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.jsonl", numbered(50))
    data = Data(name="d", licence="mit", file="a.jsonl", split=Split(validation=0.2, test=0.3), leakage="warn")
    monkeypatch.delenv("ADAPTERHUB_DATA", raising=False)
    with pytest.raises(DataError, match="ADAPTERHUB_DATA is not set"):
        read_splits(data, TASK)
    monkeypatch.setenv("ADAPTERHUB_DATA", str(tmp_path))
    assert sum(len(rows) for _, rows in read_splits(data, TASK).items()) == 50


def test_one_file_is_split_by_its_inputs(tmp_path: Path) -> None:
    rows = [{"text": f"text {number % 500}", "label": str(number % 2)} for number in range(1000)]
    random.Random(0).shuffle(rows)
    splits = read_splits(one_file(write(tmp_path / "a.jsonl", list(rows)), leakage_threshold=1), TASK)
    sizes = {name: len(part) for name, part in splits.items()}
    assert sum(sizes.values()) == 1000
    assert splits.dropped == 0
    assert sizes["test"] == pytest.approx(300, abs=60)
    assert sizes["validation"] == pytest.approx(200, abs=60)
    inputs = [{row["text"] for row in part} for _, part in splits.items()]
    assert not inputs[0] & inputs[1] | inputs[0] & inputs[2] | inputs[1] & inputs[2]


def test_rows_that_are_added_move_no_other(tmp_path: Path) -> None:
    few = read_splits(one_file(write(tmp_path / "a.jsonl", numbered(200)), leakage="warn"), TASK)
    more = [{"text": f"more {number}", "label": "x"} for number in range(300)]
    path = write(tmp_path / "b.jsonl", [*more[:150], *reversed(numbered(200)), *more[150:]])
    many = dict(read_splits(one_file(path, leakage="warn"), TASK).items())
    for name, rows in few.items():
        assert {row["text"] for row in rows} == {row["text"] for row in many[name] if "more" not in row["text"]}


def test_a_split_is_of_the_input_and_the_seed() -> None:
    assert [part_of(key, 0.2, 0.3, seed=13) for key in "abcdef"] == [
        part_of(key.upper() + " ", 0.2, 0.3, seed=13) for key in "abcdef"
    ]
    moved = [part_of(str(key), 0.2, 0.3, 1) != part_of(str(key), 0.2, 0.3, 2) for key in range(100)]
    assert any(moved)
    assert part_of("where is my card?", 0.2, 0.3, seed=13) == "train"  # runs of the past can be repeated


@pytest.mark.parametrize("missing", ["train", "validation", "test"])
def test_an_empty_split_is_refused(missing: str, tmp_path: Path) -> None:
    rows = {"train": ["b", "c"], "validation": ["a", "f"], "test": ["i", "e"]}
    parts = {part_of(key, 0.2, 0.3, 13): key for key in map(str, range(100))}
    kept = [{"text": key, "label": "x"} for part, key in parts.items() if part != missing]
    assert len(kept) == len(rows) - 1
    with pytest.raises(DataError, match=f"no rows are left for {missing}"):
        read_splits(one_file(write(tmp_path / "a.jsonl", kept)), TASK)


def test_one_split_alone_is_the_same_one(tmp_path: Path) -> None:
    parts = {"train": [("apples", "x"), ("pears", "y")], "validation": [("plums", "x")], "test": [("figs", "y")] * 3}
    data = files(tmp_path, parts, max_rows=MaxRows(test=2))
    splits = dict(read_splits(data, TASK).items())
    for part in parts:
        assert read_split(data, TASK, part) == splits[part]
    Path(str(data.train)).unlink()
    assert read_split(data, TASK, "test") == splits["test"]


def test_the_fingerprint_is_of_content_and_order() -> None:
    rows = [{"text": "a", "label": "b"}, {"text": "c", "label": "d"}]
    same = [{"label": "b", "text": "a"}, rows[1]]
    assert fingerprint(rows) == fingerprint(same)
    assert fingerprint(rows) != fingerprint(rows[::-1])
    assert fingerprint([]) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
