"""The same rows from every format, and what is wrong with the form of a file."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapterhub.errors import DataError, MissingDependency
from adapterhub.recipe import Data
from adapterhub.tasks.data import read_rows, read_splits
from tests.tasks.data.support import ROWS, TASKS, write

TASK = TASKS["classification"]


def as_cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({name: as_cell(value) for name, value in row.items()} for row in rows)
    return path


def write_tsv(path: Path, rows: list[dict[str, Any]]) -> Path:
    lines = ["\t".join(rows[0]), *("\t".join(as_cell(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


WRITERS = {"jsonl": write, "csv": write_csv, "tsv": write_tsv, "parquet": write_parquet}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("kind", TASKS)
def test_the_same_rows_from_every_format(kind: str, suffix: str, tmp_path: Path) -> None:
    rows = [
        ROWS[kind],
        {**ROWS[kind], TASKS[kind].input_columns[0]: ["ü", "is", '5"'] if kind == "tokens" else 'ü, "5"'},
    ]
    path = WRITERS[suffix](tmp_path / f"a.{suffix}", [{"extra": "x", **row} for row in rows])
    assert read_rows(path, TASKS[kind]) == rows
    other = path.rename(tmp_path / "rows.data")
    assert read_rows(other, TASKS[kind], form=suffix) == rows


def refused(path: Path, kind: str = "classification", columns: dict[str, str] | None = None) -> str:
    with pytest.raises(DataError) as error:
        read_rows(path, TASKS[kind], columns)
    assert "\n" not in error.value.message and error.value.hint
    return error.value.message.removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('text,label\na,b\n"c,d\ne,f\ng,h\n', ":3: not CSV: unexpected end of data (in line 5)"),
        ('text,label\na,b\n"c,d\n"e",f\n', ":3: not CSV: ',' expected after '\"' (in line 4)"),
        ('text,label\n"a" b,c\n', ":2: not CSV: ',' expected after '\"'"),
        ('text,label\nsay "a, b",c\n', ":2: 3 fields, where the header has 2"),
        ("text,label\na,b\nc\n", ":3: 1 fields, where the header has 2"),
        ('text,label\n"a\nb",c\nd,e,f\n', ":4: 3 fields, where the header has 2"),
        ("text,label,text\na,b,c\n", ":1: the header names 'text' twice"),
        ("txt,label\na,b\n", ":1: no column 'text'"),
        ("text,label\n,b\n", ":2: text is empty"),
        ("text,label\n" + '"' + "x\n" * 600_000, ":2: not CSV: field larger than field limit (1048576)"),
    ],
)
def test_bad_csv_is_named_by_the_line_where_the_record_begins(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert refused(path).startswith(message)


def test_bad_tsv_and_cells_that_should_be_json(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\nsaid "hi\tb\nc\td\te\n')
    assert refused(path) == ":3: 3 fields, where the header has 2"
    path.write_text("tokens\ttags\nAda is\tO O\n")
    assert refused(path, "tokens") == ":2: 'tokens' is not JSON: 'Ada is'"
    path.write_text("text\tlabel\na\thigh\n")
    assert refused(path, "regression") == ":2: 'label' is not JSON: 'high'"


@pytest.mark.parametrize("suffix", WRITERS)
def test_whole_numbers_are_labels_by_their_digits_in_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    WRITERS[suffix](path, [{"text": "a", "label": 0}, {"text": "b", "label": -1}])
    assert [row["label"] for row in read_rows(path, TASK)] == ["0", "-1"]
    WRITERS[suffix](path, [{"text": "a", "labels": [3, 10]}])
    assert read_rows(path, TASKS["multi-label"])[0]["labels"] == ["3", "10"]


def test_a_field_is_as_long_as_a_line_may_be(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [{"text": "x" * 200_000, "label": "b"}])
    assert len(read_rows(path, TASK)[0]["text"]) == 200_000


def test_an_empty_field_is_no_text_pair(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,text_pair,label\na,,b\nc,d,e\n")
    assert read_rows(path, TASK) == [{"text": "a", "label": "b"}, {"text": "c", "text_pair": "d", "label": "e"}]


CONLL = """-DOCSTART- -X- -X- O

# sent_id = 1 of 2
EU NNP B-NP B-ORG
rejects VBZ B-VP O
#brexit NN B-NP O

Peter NNP B-NP B-PER
"""
SENTENCES = [
    {"tokens": ["EU", "rejects", "#brexit"], "tags": ["B-ORG", "O", "O"]},
    {"tokens": ["Peter"], "tags": ["B-PER"]},
]


@pytest.mark.parametrize("text", [CONLL, CONLL + "\n\n", CONLL.replace("\n", "\r\n"), CONLL.replace(" ", "\t")])
def test_conll(text: str, tmp_path: Path) -> None:
    text = text.replace("#\tsent_id\t=\t1\tof\t2", "# sent_id = 1 of 2")
    path = tmp_path / "a.conll"
    path.write_text(text, newline="")
    assert read_rows(path, TASKS["tokens"]) == SENTENCES
    chunks = read_rows(path, TASKS["tokens"], {"tokens": "1", "tags": "3"})
    assert [row["tags"] for row in chunks] == [["B-NP", "B-VP", "B-NP"], ["B-NP"]]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a O\nb\n", {}, ":2: 1 columns, where other words have 2"),
        ("a\tO\nb c\tO\nd\t\n", {}, ":3: 1 columns, where other words have 2"),
        ("a O\n\nb X\n", {}, ":3: tag 'X' is not BIO"),
        ("a O\nb O\n", {"tags": "3"}, ": no column '3'"),
        ("a O\nb O\n", {"tags": "tag"}, ": no column 'tag'"),
        ("words\nalone\n", {}, ": no rows: no line has a word and a tag"),
    ],
)
def test_bad_conll_is_named(text: str, columns: dict[str, str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text(text)
    assert refused(path, "tokens", columns) == message


def test_conll_is_for_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text(CONLL)
    assert "holds tokens and tags" in refused(path)


def test_bad_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert refused(path).startswith(": not a Parquet file")
    write_parquet(path, [{"text": "a", "label": "b"}, {"text": None, "label": "b"}])
    assert refused(path) == ": row 2: text is a NoneType, not a string"
    write_parquet(path, [{"text": "a", "lable": "b"}])
    assert refused(path) == ": no column 'label'"
    write_parquet(path, [{"text": "a", "label": b"\xff"}])
    assert refused(path) == ": row 1: label is a bytes, not a string"
    table = pyarrow.table([["a"], ["x"], ["b"]], names=["text", "text", "label"])
    parquet.write_table(table, path)
    assert refused(path) == ": the header names 'text' twice"
    answers = [{"text": "Ada", "answer_start": 6, "by": b"\xff"}]
    write_parquet(path, [{**ROWS["spans"], "answers": answers}])
    assert refused(path, "spans") == ": row 1: Object of type bytes is not JSON serializable"
    path.unlink()
    assert refused(path) == ": cannot be read: there is no such file"


@pytest.mark.parametrize("package", ["pyarrow", "datasets"])
def test_a_package_that_is_not_there_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    write_csv(tmp_path / "a.csv", [ROWS["classification"]])
    assert read_rows(tmp_path / "a.csv", TASK)
    hub = {"id": "acme/tickets"} if package == "datasets" else None
    name = str(tmp_path / "a.parquet")
    Path(name).touch()
    document = {"name": "d", "licence": "mit", "train": name, "validation": name, "test": name, "hub": hub}
    with pytest.raises(MissingDependency, match=f"{package}, which is not installed") as error:
        read_splits(msgspec.convert({key: value for key, value in document.items() if value}, Data), TASK)
    assert "adapterhub[tasks]" in error.value.hint
