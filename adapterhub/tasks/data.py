"""Rows from JSON-lines files: read, checked, and split so that no input is in two splits.

Knows files, the recipe's `[data]` table and the task's columns. Refuses to know what a model is. Every complaint names
the file and the line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterhub import settings
from adapterhub.errors import DataError
from adapterhub.recipe import Data
from adapterhub.tasks.task import Task

DataRow = Mapping[str, Any]


@dataclass(frozen=True)
class Splits:
    """Rows to train on, to choose by and to report on; no input occurs in two of them.

    `dropped` counts the rows left out because their input is also in a split that counts for more: test before
    validation before train.
    """

    train: tuple[DataRow, ...]
    validation: tuple[DataRow, ...]
    test: tuple[DataRow, ...]
    dropped: int = 0

    def items(self) -> Iterator[tuple[str, tuple[DataRow, ...]]]:
        """The splits with their names."""
        yield "train", self.train
        yield "validation", self.validation
        yield "test", self.test


def read_splits(data: Data, task: Task) -> Splits:
    """The rows that a recipe's `[data]` names.

    Raises:
        DataError: a file or a row of it is wrong, or a split is empty.
    """
    if data.file is not None and data.split is not None:
        rows = read_rows(locate(data.file), task, data.columns)
        parts: dict[str, list[DataRow]] = {"train": [], "validation": [], "test": []}
        for row in rows:
            parts[part_of(task.input_key(row), data.split.validation, data.split.test, data.split.seed)].append(row)
    else:
        named = {"train": data.train, "validation": data.validation, "test": data.test}
        parts = {part: list(read_rows(locate(str(file)), task, data.columns)) for part, file in named.items()}
    splits = _without_leaks(parts, task)
    for name, kept in splits.items():
        if not kept:
            raise DataError(f"data: no rows are left for {name}", "Give more rows, or larger shares in data.split.")
    return splits


def locate(file: str) -> Path:
    """The path of a data file that a recipe names: absolute, or below ``ADAPTERHUB_DATA``.

    Raises:
        DataError: the file is relative and the variable is not set.
    """
    path = Path(file).expanduser()
    if path.is_absolute():
        return path
    root = settings.data_root()
    if root is None:
        raise DataError(
            f"data file {file} is relative and ADAPTERHUB_DATA is not set",
            "Set ADAPTERHUB_DATA to the folder that data files start from, or write an absolute path.",
        )
    return root / path


def read_rows(path: Path, task: Task, columns: Mapping[str, str] | None = None) -> list[DataRow]:
    """Rows of the JSON-lines file at `path`, reduced to the task's columns; `columns` maps a task's to the file's.

    Raises:
        DataError: with file and line.
    """
    known = (*task.input_columns, *task.optional_columns, task.target_column)
    for column in columns or {}:
        if column not in known:
            raise DataError(f"data.columns.{column}: {task.name} has no such column", f"Columns: {', '.join(known)}.")
    source = {column: (columns or {}).get(column, column) for column in known}
    required = {*task.input_columns, task.target_column, *(columns or {})}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # JSON may hold the other line breaks raw
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}", "Name a file of JSON lines (UTF-8).") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            rows.append(_row(line, f"{path}:{number}", source, required, task))
    return rows


def _row(line: str, where: str, source: Mapping[str, str], required: set[str], task: Task) -> DataRow:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}", "Write one JSON object a line.") from error
    if not isinstance(document, dict):
        raise DataError(f"{where}: a {type(document).__name__}, not an object", "Write one JSON object a line.")
    for column in sorted(required):
        if source[column] not in document:
            raise DataError(
                f"{where}: no column {source[column]!r}",
                f'It has {", ".join(sorted(document))}. Name the right one in data.columns: {column} = "…".',
            )
    row = {column: document[name] for column, name in source.items() if name in document}
    try:
        task.check_row(row)
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair has no bytes to take a fingerprint of
    except ValueError as error:
        raise DataError(f"{where}: {error}", f"Correct the row, or name other columns for {task.name}.") from error
    return row


def part_of(key: str, validation: float, test: float, seed: int) -> str:
    """The split of an input, drawn by its own hash: equal inputs always land together, whatever else is in the file."""
    digest = hashlib.sha256(f"{seed}\n{_normal(key)}".encode()).digest()
    draw = int.from_bytes(digest[:8], "big") / 2**64
    if draw < test:
        return "test"
    return "validation" if draw < test + validation else "train"


def fingerprint(rows: Iterable[DataRow]) -> str:
    """``sha256:`` over the rows in order, each as JSON with sorted keys on one line."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return "sha256:" + digest.hexdigest()


def _without_leaks(parts: Mapping[str, list[DataRow]], task: Task) -> Splits:
    taken: set[str] = set()
    kept: dict[str, tuple[DataRow, ...]] = {}
    for part in ("test", "validation", "train"):
        keys = [_normal(task.input_key(row)) for row in parts[part]]
        kept[part] = tuple(row for row, key in zip(parts[part], keys, strict=True) if key not in taken)
        taken.update(keys)
    dropped = sum(len(parts[part]) - len(kept[part]) for part in parts)
    return Splits(**kept, dropped=dropped)


def _normal(key: str) -> str:
    """Inputs that differ only in case or white space count as the same."""
    return " ".join(key.casefold().split())
