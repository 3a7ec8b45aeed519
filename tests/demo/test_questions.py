"""The demo's rows are real, different, and enough to learn from."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from demo.questions import FEWEST, read_corpus, write_questions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("questions")
    write_questions(folder)
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in folder.iterdir()}


def test_no_question_comes_twice(files: dict[str, list[dict[str, str]]]) -> None:
    questions = [question.casefold() for questions in read_corpus().values() for question in questions]
    assert len(questions) > 700
    assert len(set(questions)) == len(questions)
    for rows in files.values():
        assert len({row["text"].casefold() for row in rows}) == len(rows)


def test_every_topic_has_enough_to_learn_from(files: dict[str, list[dict[str, str]]]) -> None:
    counts = Counter(row["label"] for row in files["topics"])
    assert len(counts) == 10
    assert min(counts.values()) >= FEWEST


def test_what_came_first_is_a_part_of_what_there_is_later(files: dict[str, list[dict[str, str]]]) -> None:
    first, later = ({row["text"] for row in files[name]} for name in ("topics-first", "topics"))
    assert first < later
    assert {row["label"] for row in files["topics-first"]} == {row["label"] for row in files["topics"]}


def test_the_two_kinds_are_in_balance(files: dict[str, list[dict[str, str]]]) -> None:
    counts = Counter(row["label"] for row in files["kinds"])
    assert set(counts) == {"technical", "small talk"}
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write_questions(tmp_path / "a")
    write_questions(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
