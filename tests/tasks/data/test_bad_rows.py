"""Bad data gives one clear line with the file and the row, for every task and every format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from adapterhub.errors import DataError
from adapterhub.recipe import Data
from adapterhub.tasks.data import read_rows, read_splits
from adapterhub.tasks.data.formats.lines import MOST_BYTES
from tests.tasks.data.support import ROWS, TASKS, files, write

TASK = TASKS["classification"]
GOOD = '{"text": "a", "label": "b"}\n'
WRONG: list[Any] = [None, True, 7, 0.5, "", " \t", "\0", [], [""], [[]], [None], [7], {}, {"text": 1}, {"text": [1]}]


DIGITS: list[Any] = [("classification", "label", 7), ("multi-label", "labels", [7])]  # as CSV has them


def refused(path: Path, kind: str = "classification", columns: dict[str, str] | None = None) -> DataError:
    with pytest.raises(DataError) as error:
        read_rows(path, TASKS[kind], columns)
    assert "\n" not in error.value.message
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", r"not JSON: Expecting property name .* at character 2"),
        (b"[1]", r"a list, not an object"),
        (b'{"text": "a"}', r"no column 'label'"),
        (b'{"text": "a", "label": 1.0}', r"label is a float, not a string"),
        (b'{"text": "a", "label": true}', r"label is a bool, not a string"),
        (b'{"text": 3, "label": "b"}', r"text is a int, not a string"),
        (b'{"text": null, "label": "b"}', r"text is a NoneType, not a string"),
        (b'{"text": "", "label": "b"}', r"text is empty"),
        (b'{"text": " \\n", "label": "b"}', r"text is empty"),
        (b'{"text": "a\\u0000", "label": "b"}', r"text holds a NUL character"),
        (b'{"text": "a", "label": "b\\u0000"}', r"label holds a NUL character"),
        (b'{"text": "\\ud800", "label": "b"}', r".*surrogates not allowed"),
        (b'{"text": "a\0", "label": "b"}', r"byte 12 is NUL"),
        (b'{"text": "\xe4", "label": "b"}', r"byte 11 \(0xe4\) is not UTF-8"),
        (b'\xef\xbb\xbf{"text": "a", "label": "b"}', r"not JSON"),  # a mark where two files were joined
        (b'{"text": "' + b"a" * MOST_BYTES + b'", "label": "b"}', r"the line is longer than 1,048,576 bytes"),
        (b"[" * 100_000, r"not JSON"),
        (b'{"text": ' + b"1" * 5000 + b"}", r"not JSON"),
    ],
)
def test_a_bad_line_is_named(line: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD.encode() * 2 + line + b"\n" + GOOD.encode())
    assert re.match(rf"{path}:3: {message}", refused(path).message)


def test_a_line_of_ten_megabytes_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD.encode() + b"x" * 10_000_000)
    assert refused(path).message == f"{path}:2: the line is longer than 1,048,576 bytes"


def test_text_in_utf_16_is_told_by_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD, encoding="utf-16")
    assert f"{path}:1: byte 4 is NUL" == refused(path).message
    assert "UTF-16" in refused(path).hint


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"text,label\n"])
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "conll"])
def test_a_file_without_rows_is_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "jsonl" and content.startswith(b"text"):
        content = b"\r\n"
    path.write_bytes(content.replace(b",", b"\t") if suffix == "tsv" else content)
    kind = "tokens" if suffix == "conll" else "classification"
    assert refused(path, kind).message.startswith(f"{path}: no rows")


def test_a_file_that_is_not_there_and_one_of_no_known_format(tmp_path: Path) -> None:
    assert "a.jsonl: cannot be read" in refused(tmp_path / "a.jsonl").message
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv: cannot be read" in refused(tmp_path / "folder.csv").message
    error = refused(write(tmp_path / "a.txt", []))
    assert "a.txt: its name does not say its format" in error.message
    assert "data.format" in error.hint


def test_a_wrong_column_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"texts": "a", "label": "b", "other": 1}])
    assert refused(path).message == f"{path}:1: no column 'text'"
    assert "Did you mean 'texts'?" in refused(path).hint
    error = refused(path, columns={"text": "lable"})
    assert error.message == f"{path}:1: no column 'lable'"
    assert "Did you mean 'label'?" in error.hint
    error = refused(path, columns={"txt": "texts"})
    assert error.message == "data.columns.txt: text-classification has no such column"
    assert "Did you mean 'text'?" in error.hint


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_of_a_wrong_type_is_named_whatever_the_task(kind: str, tmp_path: Path) -> None:
    good = ROWS[kind]
    assert len(read_rows(write(tmp_path / "good.jsonl", [good]), TASKS[kind])) == 1
    task, refusals = TASKS[kind], 0
    for column in (*task.input_columns, task.target_column):
        for wrong in WRONG:
            path = write(tmp_path / "a.jsonl", [good, {**good, column: wrong}])
            allowed = (kind, column) == ("multi-label", "labels") and wrong == []
            allowed = allowed or ((kind, column) == ("regression", "label") and type(wrong) in (int, float))
            allowed = allowed or (kind, column, wrong) in DIGITS
            if not allowed:
                assert refused(path, kind).message.startswith(f"{path}:2: "), (column, wrong)
                refusals += 1
    for column in (*task.input_columns, task.target_column):
        path = write(tmp_path / "a.jsonl", [good, {key: value for key, value in good.items() if key != column}])
        assert refused(path, kind).message == f"{path}:2: no column {column!r}"
    assert refusals > len(WRONG)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("tokens", {"tokens": "a b"}, "tokens is not a list"),
        ("tokens", {"tags": ["O", "O"]}, "3 tokens but 2 tags"),
        ("tokens", {"tags": ["PER", "O", "O"]}, "'PER' is not BIO"),
        ("tokens", {"tokens": ["Ada", " ", "here"]}, "tokens holds an empty text"),
        ("tokens", {"tokens": [], "tags": []}, "tokens is empty"),
        ("spans", {"answers": [{"text": "Ada", "answer_start": 5}]}, "'Ada' is not at character 5 of the context"),
        ("spans", {"answers": [{"text": "Ada", "answer_start": -3}]}, "'Ada' is not at character -3"),
        ("spans", {"answers": [{"text": "Ada", "answer_start": "6"}]}, "is not a string at a character's number"),
        ("spans", {"answers": {"text": ["Ada"], "answer_start": []}}, "answer_start is not a list as long"),
        ("spans", {"answers": []}, "answers is empty"),
        ("spans", {"question": "  "}, "question is empty"),
        ("choices", {"label": 2}, "label is 2, not the index of one of 2"),
        ("choices", {"choices": ["water"]}, "choices holds 1"),
        ("choices", {"choices": ["water", ""]}, "choices holds an empty text"),
        ("multi-label", {"labels": ["fire", "fire"]}, "names a label twice"),
        ("regression", {"label": float("nan")}, "not a finite number"),
        ("regression", {"label": 10**400}, "not a finite number"),
        ("regression", {"label": 1e39}, "not a finite number"),
    ],
)
def test_what_a_task_cannot_read(kind: str, change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [ROWS[kind], {**ROWS[kind], **change}])
    error = refused(path, kind)
    assert error.message.startswith(f"{path}:2: ")
    assert message in error.message


def test_ids_differ(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "b", "id": 1}, {"text": "c", "label": "b", "id": "1"}]
    path = write(tmp_path / "a.jsonl", [*rows, {"text": "d", "label": "b", "id": None}, {"text": "e", "label": "b"}])
    assert len(read_rows(path, TASK)) == 4
    path = write(tmp_path / "b.jsonl", [*rows, {"text": "d", "label": "b", "id": 1}])
    assert refused(path).message == f"{path}:3: id 1 is that of {path}:1 too"
    assert len(read_rows(path, TASK, {"id": ""})) == 3
    path = write(tmp_path / "c.jsonl", [{"text": "a", "label": "b", "key": "k"}] * 2)
    assert refused(path, columns={"id": "key"}).message == f"{path}:2: key 'k' is that of {path}:1 too"
    assert refused(path, columns={"id": "keys"}).message == f"{path}:1: no column 'keys'"
    path = write(tmp_path / "d.jsonl", [{"text": "a", "label": "b", "id": [1]}])
    assert "id is a list" in refused(path).message


def test_one_class_only_is_refused_where_it_begins(tmp_path: Path) -> None:
    rows = [("one", "x"), ("two", "x"), ("three", "x")]
    data = files(tmp_path, {"train": rows, "validation": [("four", "x")], "test": [("five", "x")]})
    with pytest.raises(DataError, match=rf"{data.train}:1: the 3 train rows .* 1 label \('x'\)"):
        read_splits(data, TASK)
    with pytest.raises(DataError, match="1 label"):
        read_splits(data, TASK, known_labels=["x"])
    assert len(read_splits(data, TASK, known_labels=["x", "y"]).train) == 3


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_label_that_cannot_be_learned_is_refused(part: str, tmp_path: Path) -> None:
    parts = {"train": [("one", "x"), ("two", "y")], "validation": [("three", "x")], "test": [("four", "y")]}
    parts[part] += [("five", "z"), ("six", "z")]
    data = files(tmp_path, parts)
    with pytest.raises(DataError) as error:
        read_splits(data, TASK)
    assert error.value.message == f"{getattr(data, part)}:2: label 'z' is in {part} and in no row of train"
    assert len(dict(read_splits(data, TASK, ["z"]).items())[part]) == 3


def test_tags_that_cannot_be_learned_are_refused(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["Ada", name], "tags": ["B-person", tag]}
        for name, tag in (("reads", "O"), ("writes", "O"), ("Lovelace", "I-person"))
    ]
    named = {
        part: str(write(tmp_path / f"{part}.jsonl", [row]))
        for part, row in zip(("train", "validation", "test"), rows, strict=True)
    }
    with pytest.raises(DataError, match=r"test\.jsonl:1: label 'I-person' is in test"):
        read_splits(Data(name="d", licence="mit", **named), TASKS["tokens"])


def test_marks_and_line_breaks_of_other_systems_are_no_fault(tmp_path: Path) -> None:
    lines = '{"text": "one\u2028two\u0085three", "label": "a"}\r\n\r\n{"text": "four", "label": "b"}'
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert [row["text"] for row in read_rows(path, TASK)] == ["one\u2028two\u0085three", "four"]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + b'text,label\r\n"five\r\nsix",a\r\n')
    assert read_rows(path, TASK) == [{"text": "five\nsix", "label": "a"}]


def test_real_rows_are_no_fault(data_root: Path) -> None:
    for kind, folder in (("classification", "classification/clinc150"), ("spans", "qa/squadshifts_newwiki")):
        path = data_root / folder / "test.jsonl"
        assert len(read_rows(path, TASKS[kind])) == path.read_bytes().count(b"\n") > 1000
