"""Rows in two splits: found like the slow way finds them, and dealt with as the recipe says."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from adapterhub.errors import DataError
from adapterhub.tasks.data import read_rows, read_splits
from adapterhub.tasks.data.leakage import find_leaks
from adapterhub.tasks.data.near import MOST_CANDIDATES, SIGNATURE, NearIndex, bands_of, similarity
from adapterhub.tasks.data.rows import Placed, normal
from tests.tasks.data.support import ROWS, TASKS, files

TASK = TASKS["classification"]
LONG = "my printer has been printing blank pages since the last update of its driver"
NEAR = LONG.replace("last", "latest")
PARTS = {
    "train": [(LONG, "x"), ("Where  IS my card", "y"), ("how do I top up", "x"), ("nothing like it", "y")],
    "validation": [("how do i top up", "x"), (NEAR + ".", "x"), ("something else altogether", "y")],
    "test": [("where is my card", "y"), (NEAR, "x")],
}


def texts(splits: Any) -> dict[str, list[str]]:
    return {name: [row["text"] for row in rows] for name, rows in splits.items()}


def test_rows_in_two_splits_are_refused(tmp_path: Path) -> None:
    data = files(tmp_path, PARTS)
    with pytest.raises(DataError) as error:
        read_splits(data, TASK)
    message = error.value.message
    assert "\n" not in message
    assert (
        "rows 3 of train and 1 of validation are in another split too (2 the same, 2 alike to 0.8 or more)" in message
    )
    assert f"train {data.train}:1 ~ test {data.test}:2 (0.8" in message
    assert f"train {data.train}:2 ~ test {data.test}:1 (the same)" in message
    assert f"train {data.train}:3 ~ validation {data.validation}:1 (the same)" in message
    assert "drop-train" in error.value.hint


def test_warned_of_they_stay(tmp_path: Path) -> None:
    splits = read_splits(files(tmp_path, PARTS, leakage="warn"), TASK)
    assert texts(splits) == {part: [text for text, _ in rows] for part, rows in PARTS.items()}
    assert splits.dropped == 0
    found = splits.document()["leakage"]
    assert {key: found[key] for key in ("policy", "same", "near", "dropped")} == {
        "policy": "warn",
        "same": 2,
        "near": 2,
        "dropped": 0,
    }
    assert len(found["examples"]) == 3


def test_dropped_the_lesser_split_loses_them(tmp_path: Path) -> None:
    splits = read_splits(files(tmp_path, PARTS, leakage="drop-train"), TASK, ["x"])
    assert texts(splits) == {
        "train": ["nothing like it"],
        "validation": ["how do i top up", "something else altogether"],
        "test": ["where is my card", NEAR],
    }
    assert splits.dropped == 4
    assert "were left out" in str(splits.leakage)


def test_a_threshold_of_one_is_about_equal_rows_only(tmp_path: Path) -> None:
    splits = read_splits(files(tmp_path, PARTS, leakage="drop-train", leakage_threshold=1.0), TASK)
    assert splits.dropped == 2
    assert texts(splits)["train"] == [LONG, "nothing like it"]
    with pytest.raises(DataError, match="2 the same, 0 alike"):
        read_splits(files(tmp_path, PARTS, leakage_threshold=1.0), TASK)


def test_rows_inside_one_split_are_not_compared(tmp_path: Path) -> None:
    parts = {
        "train": [("a b c d e f", "x")] * 3 + [("z", "y")],
        "validation": [("b", "x")] * 2,
        "test": [("c", "x")] * 2,
    }
    assert not read_splits(files(tmp_path, parts), TASK).leakage.leaks


@pytest.mark.parametrize("kind", TASKS)
def test_the_rows_of_every_task_are_compared(kind: str) -> None:
    row = ROWS[kind]
    parts = {part: [Placed(f"{part}:1", row)] for part in ("train", "validation", "test")}
    assert [(leak.part, leak.other_part, leak.same) for leak in find_leaks(parts, TASKS[kind], 0.8)] == [
        ("train", "test", True),
        ("validation", "test", True),
    ]


def slow(parts: dict[str, list[str]], threshold: float) -> set[tuple[str, int]]:
    """All pairs, one after the other."""
    higher = {"train": parts["test"] + parts["validation"], "validation": parts["test"]}
    return {
        (part, index)
        for part, others in higher.items()
        for index, text in enumerate(parts[part])
        if any(text == other or similarity(text, other) >= threshold for other in others)
    }


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_it_finds_what_comparing_all_with_all_finds(threshold: float) -> None:
    draw = random.Random(7)
    words = [f"{one}{two}" for one in ("ka", "lo", "mi", "ter") for two in ("ra", "sen", "tu", "vo")]
    base = [" ".join(draw.choices(words, k=12)) for _ in range(60)]

    def varied(text: str) -> str:
        parts = text.split()
        for _ in range(draw.randrange(4)):
            parts[draw.randrange(len(parts))] = draw.choice(words)
        return " ".join(parts)

    texts = {part: [varied(draw.choice(base)) for _ in range(60)] for part in ("train", "validation", "test")}
    placed = {part: [Placed("", {"text": text, "label": "x"}) for text in rows] for part, rows in texts.items()}
    leaks = find_leaks(placed, TASK, threshold)
    wanted = slow(texts, threshold)
    found = {(leak.part, leak.index) for leak in leaks}
    assert found <= wanted
    assert len(found) >= 0.99 * len(wanted) - 1
    assert len(wanted) > 10
    for leak in leaks:
        assert leak.same or leak.similarity >= threshold


def test_it_finds_what_comparing_all_with_all_finds_in_real_rows(data_root: Path) -> None:
    rows = {
        part: [normal(row["text"]) for row in read_rows(data_root / f"classification/sms_spam/{part}.jsonl", TASK)]
        for part in ("validation", "test")
    }
    index = NearIndex(rows["test"], 0.8)
    found = [number for number, text in enumerate(rows["validation"]) if index.find(text)]
    assert found == [index for _, index in sorted(slow({"train": [], **rows}, 0.8))]
    assert len(found) == 6


def test_similarity_is_of_runs_of_five_characters() -> None:
    assert similarity("abcdefg", "abcdefg") == 1
    assert similarity("abcdef", "abcdex") == pytest.approx(1 / 3)  # abcde; bcdef, bcdex
    assert similarity("abcd", "abce") == 0
    assert similarity("", "") == 1


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.999])
def test_bands_are_as_wide_as_recall_allows(threshold: float) -> None:
    bands, width = bands_of(threshold)
    assert bands * width <= SIGNATURE
    assert 1 - (1 - threshold**width) ** bands >= 0.99


def test_a_template_of_many_rows_is_not_compared_all_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from adapterhub.tasks.data import near

    draw = random.Random(1)
    orders = [f"{draw.randrange(10**9):09}" for _ in range(2 * MOST_CANDIDATES)]
    rows = [f"please tell me where the order {order} that i made last week may be now, it is late" for order in orders]
    text = rows[0].replace(orders[0], "unknown")
    assert max(similarity(text, row) for row in rows) < 0.8
    index, compared = NearIndex(rows, 0.8), []
    jaccard = near._jaccard
    monkeypatch.setattr(near, "_jaccard", lambda *texts: compared.append(1) or jaccard(*texts))
    assert index.find(text) is None
    assert len(compared) == MOST_CANDIDATES
