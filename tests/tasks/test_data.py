from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from adapterhub.errors import DataError
from adapterhub.recipe import Data, Split
from adapterhub.tasks import Task, get_task
from adapterhub.tasks.data import fingerprint, part_of, read_rows, read_splits


@pytest.fixture
def task() -> Task:
    return get_task("text-classification")


def write(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def one_file(path: Path, **parts: object) -> Data:
    return Data(name="d", licence="mit", file=str(path), split=Split(validation=0.2, test=0.3), **parts)  # type: ignore[arg-type]


def test_columns_are_renamed_and_others_left_out(tmp_path: Path, task: Task) -> None:
    path = write(tmp_path / "a.jsonl", [{"body": "hi", "queue": "x", "id": 7}])
    assert read_rows(path, task, {"text": "body", "label": "queue"}) == [{"text": "hi", "label": "x"}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r":2: not JSON"),
        ("[1]", r":2: a list, not an object"),
        ('{"text": "a"}', r":2: no column 'label'"),
        ('{"text": "a", "label": 1}', r":2: label is a int, not a string"),
        ('{"text": "\\ud800", "label": "b"}', r":2: .*surrogates not allowed"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(line: str, message: str, tmp_path: Path, task: Task) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n' + line + "\n")
    with pytest.raises(DataError, match=rf"a\.jsonl{message}") as error:
        read_rows(path, task)
    assert error.value.hint


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": "a b", "tags": ["O", "O"]}, "tokens is not a list"),
        ({"tokens": ["a"], "tags": ["O", "O"]}, "1 tokens but 2 tags"),
        ({"tokens": ["a"], "tags": ["PER"]}, "'PER' is not BIO"),
    ],
)
def test_bad_tags_are_named(row: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(write(tmp_path / "a.jsonl", [row]), get_task("token-classification"))


def test_an_unknown_column_and_a_missing_file(tmp_path: Path, task: Task) -> None:
    with pytest.raises(DataError, match=r"data\.columns\.txt: text-classification has no such column"):
        read_rows(tmp_path / "a.jsonl", task, {"txt": "body"})
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(tmp_path / "a.jsonl", task)


def test_relative_files_start_from_the_data_root(tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.jsonl", [{"text": f"t{number}", "label": "x"} for number in range(50)])
    data = Data(name="d", licence="mit", file="a.jsonl", split=Split(validation=0.2, test=0.3))
    monkeypatch.delenv("ADAPTERHUB_DATA", raising=False)
    with pytest.raises(DataError, match="ADAPTERHUB_DATA is not set"):
        read_splits(data, task)
    monkeypatch.setenv("ADAPTERHUB_DATA", str(tmp_path))
    assert sum(len(rows) for _, rows in read_splits(data, task).items()) == 50


def test_one_file_is_split_by_its_inputs(tmp_path: Path, task: Task) -> None:
    rows = [{"text": f"text {number % 500}", "label": str(number)} for number in range(1000)]
    random.Random(0).shuffle(rows)
    splits = read_splits(one_file(write(tmp_path / "a.jsonl", list(rows))), task)
    sizes = {name: len(part) for name, part in splits.items()}
    assert sum(sizes.values()) == 1000
    assert splits.dropped == 0
    assert sizes["test"] == pytest.approx(300, abs=60)
    assert sizes["validation"] == pytest.approx(200, abs=60)
    inputs = [{row["text"] for row in part} for _, part in splits.items()]
    assert not inputs[0] & inputs[1] | inputs[0] & inputs[2] | inputs[1] & inputs[2]


def test_a_row_keeps_its_split_when_others_come_and_go() -> None:
    assert [part_of(key, 0.2, 0.3, seed=13) for key in "abcdef"] == [
        part_of(key.upper() + " ", 0.2, 0.3, seed=13) for key in "abcdef"
    ]
    moved = [part_of(str(key), 0.2, 0.3, 1) != part_of(str(key), 0.2, 0.3, 2) for key in range(100)]
    assert any(moved)


def test_rows_that_are_in_two_files_count_once(tmp_path: Path, task: Task) -> None:
    texts = {"train": ["a", "B ", "c", "d", "d"], "validation": ["b", "e"], "test": ["c", "e"]}
    files = {
        name: str(write(tmp_path / f"{name}.jsonl", [{"text": text, "label": "x"} for text in part]))
        for name, part in texts.items()
    }
    splits = read_splits(Data(name="d", licence="mit", **files), task)
    assert {name: [row["text"] for row in rows] for name, rows in splits.items()} == {
        "train": ["a", "d", "d"],
        "validation": ["b"],
        "test": ["c", "e"],
    }
    assert splits.dropped == 3


def test_an_empty_split_is_refused(tmp_path: Path, task: Task) -> None:
    with pytest.raises(DataError, match="no rows are left for"):
        read_splits(one_file(write(tmp_path / "a.jsonl", [{"text": "a", "label": "b"}])), task)


def test_the_fingerprint_is_of_content_and_order() -> None:
    rows = [{"text": "a", "label": "b"}, {"text": "c", "label": "d"}]
    same = [{"label": "b", "text": "a"}, rows[1]]
    assert fingerprint(rows) == fingerprint(same)
    assert fingerprint(rows) != fingerprint(rows[::-1])
    assert fingerprint([]) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_line_breaks_that_json_may_hold_do_not_end_a_row(tmp_path: Path, task: Task) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes('{"text": "one\u2028two\u0085three", "label": "a"}\r\n{"text": "four", "label": "b"}\n'.encode())
    assert [row["text"] for row in read_rows(file, task)] == ["one\u2028two\u0085three", "four"]


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' + "1" * 5000 + "}"], ids=["nested", "long number"])
def test_json_that_python_cannot_read_is_refused_by_line(line: str, tmp_path: Path, task: Task) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not JSON"):
        read_rows(file, task)
