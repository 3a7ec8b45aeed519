"""Rows as text that any database reads: one JSON array a row, in gzip. Types are those of the tables' own columns.

Moments are ISO 8601 in UTC, bytes base64; all else is JSON's own.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, select

from registry.care.document import TableFile
from registry.errors import CorruptBlob
from registry.index.tables.base import UtcDateTime
from registry.manifest.completion import sha256_of

AT_ONCE = 500  # rows


def write(connection: Connection, table: Table, file: Path) -> TableFile:
    """All rows of a table, in the order of their keys."""
    columns, rows = list(table.columns), 0
    query = select(*columns).order_by(*table.primary_key.columns)
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=6) as stream:
        for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
            stream.write(json.dumps([_plain(value) for value in row], separators=(",", ":")) + "\n")
            rows += 1
    return TableFile(str(table.name), [str(column.name) for column in columns], rows, sha256_of(file))


def read(table: Table, described: TableFile, file: Path) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The rows of a table, some at a time, each by its columns.

    Raises:
        CorruptBlob: these are not the bytes that were written, or fewer rows than there were.
    """
    try:
        if sha256_of(file) != described.sha256:
            raise CorruptBlob(f"{file} is not what was backed up", "Use another backup.")
    except FileNotFoundError as error:
        raise CorruptBlob(f"{file} of the backup is not there", "Use another backup.") from error
    columns = [table.columns[name] for name in described.columns]
    found = 0
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for lines in _some(stream):
            found += len(lines)
            values = (zip(columns, json.loads(line), strict=True) for line in lines)
            yield [{column.name: _value(column.type, value) for column, value in row} for row in values]
    if found != described.rows:
        raise CorruptBlob(f"{file} has {found} rows instead of {described.rows}", "Use another backup.")


def _some(lines: Iterable[str]) -> Iterator[list[str]]:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == AT_ONCE:
            yield held
            held = []
    if held:
        yield held


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if isinstance(kind, LargeBinary) else value
