"""CoNLL column files: a word a line with its tag, a blank line after each sentence.

Columns are divided by tabs, or by spaces where a line has none. The word is in the first column and the tag in the
last; ``data.columns`` names others by their number, from 1. ``-DOCSTART-`` lines are left out, and so is a line that
begins with ``#`` and has not as many columns as the words have. Not covered: CoNLL-U's words of several tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterhub.errors import DataError
from adapterhub.tasks.data.columns import Columns
from adapterhub.tasks.data.formats.lines import lines_of

if TYPE_CHECKING:
    from adapterhub.tasks.data.formats import Record

WORD, TAG = "tokens", "tags"
DOCUMENT = "-DOCSTART-"


@dataclass
class Sentence:
    """The words read so far, and the place of the first."""

    where: str = ""
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def names(path: Path, form: str) -> frozenset[str]:
    """The columns' numbers, from 1."""
    return frozenset(str(number) for number in range(1, _width(path) + 1))


def records(path: Path, columns: Columns, form: str) -> Iterator[Record]:
    """Each sentence as a list of words and one of tags."""
    if not {WORD, TAG} <= columns.source.keys():
        raise DataError(
            f"{path}: a CoNLL file holds {WORD} and {TAG}; this task reads {', '.join(sorted(columns.required))}",
            "Name another file, or data.format.",
        )
    width = _width(path)
    word, tag = _place(columns, WORD, 0, width, path), _place(columns, TAG, width - 1, width, path)
    sentence = Sentence()
    for number, line in lines_of(path):
        parts = _parts(line)
        if not parts:
            if sentence.words:
                yield _record(sentence, columns)
                sentence = Sentence()
        elif parts[0] != DOCUMENT and not _comment(parts, width):
            if len(parts) != width or not all(parts):
                raise DataError(
                    f"{path}:{number}: {len([part for part in parts if part])} columns, where other words have {width}",
                    "Give each word a line with all of its columns, and end each sentence with a blank line.",
                )
            sentence.where = sentence.where or f"{path}:{number}"
            sentence.words.append(parts[word])
            sentence.tags.append(parts[tag])
    if sentence.words:
        yield _record(sentence, columns)


def _record(sentence: Sentence, columns: Columns) -> tuple[str, dict[str, Any]]:
    return sentence.where, {columns.source[WORD]: sentence.words, columns.source[TAG]: sentence.tags}


def _parts(line: str) -> list[str]:
    if not line.strip():
        return []
    return [part.strip() for part in line.split("\t")] if "\t" in line.strip() else line.split()


def _comment(parts: list[str], width: int) -> bool:
    return parts[0].startswith("#") and len(parts) != width


def _width(path: Path) -> int:
    """How many columns the first word has."""
    for _, line in lines_of(path):
        parts = _parts(line)
        if len(parts) > 1 and parts[0] != DOCUMENT and not parts[0].startswith("#"):
            return len(parts)
    raise DataError(f"{path}: no rows: no line has a word and a tag", "Write a word and its tag a line.")


def _place(columns: Columns, column: str, usual: int, width: int, path: Path) -> int:
    """The index of a task's column, which the recipe names by its number or not at all."""
    named = columns.source[column]
    if named == column:
        return usual
    if not named.isdecimal() or not 1 <= int(named) <= width:
        raise DataError(
            f"{path}: no column {named!r}",
            f"It has {width}, which have no names but their numbers: data.columns.{column} in a recipe, "
            f"--column {column}=1, say, on the command line.",
        )
    return int(named) - 1
