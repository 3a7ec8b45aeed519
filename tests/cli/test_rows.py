"""Rows that `--data` names: under which names their columns are read, and labels that the adapter has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapterhub.cli.rows import Chosen
from adapterhub.errors import DataError
from adapterhub.tasks import get_task
from registry import Manifest
from tests.cli.conftest import Run

CHATS = get_task("text-classification", None, ["chat", "complaint"])


@pytest.fixture
def manifest(trained: Path) -> Any:
    """Makes the manifest of a run whose recipe had such columns."""

    def make(columns: str) -> Manifest:
        document = dict(Manifest.read(trained / "adapter").document)
        recipe = document["recipe"].replace("[method]", f"columns = {{ {columns} }}\n[method]")
        return Manifest.from_document({**document, "recipe": recipe})

    return make


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_file_is_read_under_the_recipes_names_where_it_has_them(manifest: Any, tmp_path: Path) -> None:
    said = manifest('text = "body", label = "queue"')
    read = [{"text": "hello", "label": "chat"}]
    renamed = write(tmp_path / "a.jsonl", {"body": "hello", "queue": "chat", "text": "no", "team": "red"})
    assert Chosen(renamed, None, "test").read(said, CHATS) == read
    assert Chosen(renamed, None, "test").column("team", said, CHATS) == ["red"]
    plain = write(tmp_path / "b.jsonl", {"text": "hello", "queue": "chat"})
    assert Chosen(plain, None, "test").read(said, CHATS) == read
    other = write(tmp_path / "c.jsonl", {"msg": "hello", "body": "no", "queue": "chat"})
    assert Chosen(other, None, "test", {"text": "msg"}).read(said, CHATS) == read


def test_the_columns_of_conll_are_the_recipes(manifest: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("EU NNP B-ORG B-NP\nsays VBZ O B-VP\n")
    task = get_task("token-classification", None, ["O", "B-ORG"])
    (row,) = Chosen(path, None, "test").read(manifest('tokens = "1", tags = "3"'), task)
    assert row["tags"] == ["B-ORG", "O"]
    path.write_text("EU B-ORG\n")
    (row,) = Chosen(path, None, "test").read(manifest('tokens = "1", tags = "3"'), task)
    assert row["tags"] == ["B-ORG"]


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_other_formats_say_their_columns_too(form: str, manifest: Any, tmp_path: Path) -> None:
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"body": ["hello"], "label": ["chat"]}), path)
    else:
        path.write_text("body,label\nhello,chat\n".replace(",", "," if form == "csv" else "\t"))
    said = manifest('text = "body", label = "queue"')
    assert Chosen(path, None, "test").read(said, CHATS) == [{"text": "hello", "label": "chat"}]


def test_labels_that_the_adapter_lacks_are_said(
    adapterhub: Run, trained: Path, tiny_base: Path, tmp_path: Path
) -> None:
    unknown = [{"body": f"hello {number}", "label": f"new {number:02}"} for number in range(12)]
    some = write(tmp_path / "some.jsonl", {"body": "hello", "label": "chat"}, *unknown)
    options = ("--data", some, "--column", "text=body", "--base-path", tiny_base, "--json")
    done = adapterhub("evaluate", trained, *options)
    assert (done.code, done.document["metrics"]["accuracy"]["n"]) == (0, 13), done.err
    assert "warning: " in done.err and "'new 09' and 2 more; rows of it" in done.err
    none = write(tmp_path / "none.jsonl", *unknown)
    refused = adapterhub("evaluate", trained, "--data", none, "--column", "text=body")
    assert refused.code == 1
    assert "the adapter has none of the rows' labels: 'new 00'" in refused.err
    assert "It has 'chat', 'complaint'." in refused.err


def test_a_column_is_one_of_a_file_and_the_hint_names_the_option(
    adapterhub: Run, trained: Path, tmp_path: Path
) -> None:
    assert adapterhub("evaluate", trained, "--column", "text=body").code == 2
    path = write(tmp_path / "a.jsonl", {"body": "hello", "label": "chat"})
    assert adapterhub("evaluate", trained, "--data", path, "--column", "text").code == 2
    lacking = adapterhub("evaluate", trained, "--data", path)
    assert lacking.code == 1
    assert "--column text=… on the command line" in lacking.err
    with pytest.raises(DataError, match="no column 'msg'"):
        Chosen(path, None, "test", {"text": "msg"}).read(Manifest.read(trained / "adapter"), CHATS)
