"""Data sets by their name through `datasets`, from a folder here; tests/contract has them from a Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapterhub.errors import DataError
from adapterhub.recipe import Data, HubData, Split
from adapterhub.tasks.data import read_splits
from tests.tasks.data.support import TASKS, write

TASK = TASKS["classification"]
TEXTS = {"train": ["apples", "pears", "plums"], "validation": ["cherries"], "test": ["oranges"]}


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three splits, and a cache of its own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "tickets"
    folder.mkdir()
    for part, texts in TEXTS.items():
        rows = [{"text": text, "label": "xy"[index % 2], "id": index} for index, text in enumerate(texts)]
        write(folder / f"{part}.jsonl", rows)
    return folder


def data(folder: Path, **more: object) -> Data:
    named = {} if "file" in more else {part: part for part in TEXTS}
    return Data(name="tickets", licence="mit", hub=HubData(id=str(folder)), **named, **more)  # type: ignore[arg-type]


def test_splits_by_their_names(tickets: Path) -> None:
    splits = read_splits(data(tickets), TASK)
    assert {part: [row["text"] for row in rows] for part, rows in splits.items()} == TEXTS
    assert splits.train[1] == {"text": "pears", "label": "y"}


def test_one_split_that_is_divided(tickets: Path) -> None:
    write(
        tickets / "train.jsonl",
        [{"text": f"row {number}", "label": "xy"[number % 2], "id": number} for number in range(60)],
    )
    splits = read_splits(data(tickets, file="train", split=Split(validation=0.2, test=0.2), leakage="warn"), TASK)
    assert sum(len(rows) for _, rows in splits.items()) == 60


@pytest.mark.parametrize(
    ("part", "row", "message"),
    [
        ("test", {"text": " ", "label": "x", "id": 0}, "[test]: row 1: text is empty"),
        ("test", {"text": "a", "label": "z", "id": 0}, "[test]: row 1: label 'z' is in test and in no row of train"),
    ],
)
def test_bad_rows_are_named(part: str, row: dict[str, object], message: str, tickets: Path) -> None:
    write(tickets / f"{part}.jsonl", [row])
    with pytest.raises(DataError) as error:
        read_splits(data(tickets), TASK)
    assert error.value.message == f"{tickets}{message}"


def test_what_is_not_there_is_named(tickets: Path) -> None:
    with pytest.raises(DataError, match=r"tickets\[train\]: no column 'body'") as error:
        read_splits(data(tickets, columns={"text": "body"}), TASK)
    (tickets / "validation.jsonl").unlink()
    with pytest.raises(DataError, match=r"tickets\[validation\]: cannot be loaded: .*validation") as error:
        read_splits(data(tickets), TASK)
    assert "\n" not in error.value.message
    with pytest.raises(DataError, match=r"nowhere\[train\]: cannot be loaded"):
        read_splits(data(tickets.parent / "nowhere"), TASK)


def test_the_cause_of_what_datasets_cannot_build_is_told(tickets: Path) -> None:
    write(tickets / "test.jsonl", [{"texts": "a", "label": "x", "id": 0}])
    with pytest.raises(DataError, match=r"cannot be loaded: \w+: .*texts.*column names don't match"):
        read_splits(data(tickets), TASK)


def test_classes_are_named_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    tags = datasets.ClassLabel(names=["O", "B-person"])
    features = datasets.Features({"words": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(tags)})
    for part in TEXTS:
        rows = {"words": [[f"Ada{part}", "reads"]], "ner_tags": [[1, 0]]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "names" / f"{part}.parquet"))
    named = data(tmp_path / "names", columns={"tokens": "words", "tags": "ner_tags"})
    assert read_splits(named, TASKS["tokens"]).train == ({"tokens": ["Adatrain", "reads"], "tags": ["B-person", "O"]},)
    single = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["x", "y"])})
    for part, texts in TEXTS.items():
        rows = {"text": texts, "label": [index % 2 for index, _ in enumerate(texts)]}
        datasets.Dataset.from_dict(rows, features=single).to_parquet(str(tmp_path / "single" / f"{part}.parquet"))
    assert [row["label"] for row in read_splits(data(tmp_path / "single"), TASK).train] == ["x", "y", "x"]
    (tmp_path / "single" / "test.parquet").unlink()
    rows = {"text": ["a"], "label": [-1]}  # no class, as test sets of competitions have it
    datasets.Dataset.from_dict(rows, features=single).to_parquet(str(tmp_path / "single" / "test.parquet"))
    with pytest.raises(DataError, match=r"\[test\]: row 1: label is a NoneType, not a string"):
        read_splits(data(tmp_path / "single"), TASK)
