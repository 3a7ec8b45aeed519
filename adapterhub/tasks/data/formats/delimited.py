"""CSV and TSV: a header, then one record a line, or over several lines inside the quotes of CSV.

CSV is RFC 4180's, read strictly: what follows a closing quote is a comma or the end. TSV is that of IANA's
text/tab-separated-values: no quotes, no line breaks in a field. Columns that are no text for the task (a list of tags,
a number) are written as JSON; an empty field of a column that a row may lack is none. Not covered: a stray quote that
another one happens to close where CSV lets it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterhub.errors import DataError
from adapterhub.tasks.data.columns import Columns, refuse_twice
from adapterhub.tasks.data.formats.lines import MOST_BYTES, lines_of

if TYPE_CHECKING:
    from adapterhub.tasks.data.formats import Record

Fields = Iterator[tuple[str, Sequence[str]]]
"""The fields of each record, the header's first, with its place."""


def names(path: Path, form: str) -> frozenset[str]:
    """What the header says."""
    return frozenset(_header(path, _fields(path, form))[1])


def records(path: Path, columns: Columns, form: str) -> Iterator[Record]:
    """Each record of the file, under the names of its header."""
    fields = _fields(path, form)
    where, header = _header(path, fields)
    columns.check(header, where)
    for where, record in fields:
        if len(record) != len(header):
            raise DataError(
                f"{where}: {len(record)} fields, where the header has {len(header)}",
                "Put text that holds the delimiter into quotes."
                if form == "csv"
                else "A field of TSV holds neither tabs nor line breaks.",
            )
        yield where, _document(dict(zip(header, record, strict=True)), columns, where)


def _fields(path: Path, form: str) -> Fields:
    return _of_csv(path) if form == "csv" else _of_tsv(path)


def _header(path: Path, fields: Fields) -> tuple[str, Sequence[str]]:
    """The first of the fields, and where it is."""
    where, header = next(fields, (f"{path}:1", []))
    if not header:
        raise DataError(f"{path}: no rows: the file is empty", "Write a header line, then one record a line.")
    refuse_twice(header, where)
    return where, header


def _document(record: dict[str, str], columns: Columns, where: str) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, field in record.items():
        if not field and name in columns.optional:
            continue
        document[name] = _value(field, name, where) if name in columns.structured else field
    return document


def _value(field: str, name: str, where: str) -> Any:
    try:
        return json.loads(field)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: {name!r} is not JSON: {field[:40]!r}",
            'What is no text is written as JSON here: 3, or ["a", "b"] (in CSV: "[""a"", ""b""]").',
        ) from error


def _of_tsv(path: Path) -> Fields:
    for number, line in lines_of(path):
        if line:
            yield f"{path}:{number}", line.split("\t")


def _of_csv(path: Path) -> Fields:
    """Each record with the line that it begins at."""
    # The limit is the process's: what a line may hold a field may too, and what others allow themselves stays allowed.
    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
    lines = _Lines(path)
    reader = csv.reader(lines, strict=True)
    while True:
        where = f"{path}:{lines.number + 1}"
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{where}: not CSV: {error}" + (f" (in line {lines.number})" if lines.many(where) else ""),
                'A quote inside quotes is written twice: "a 5"" screen". One that is not closed swallows what follows.',
            ) from error
        if record is None:
            return
        if record:
            yield where, record


class _Lines:
    """Lines for `csv.reader`, which does not tell where a record began."""

    def __init__(self, path: Path) -> None:
        self.number = 0
        self._lines = lines_of(path)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        return line + "\n"

    def many(self, where: str) -> bool:
        """Whether more lines were read than the one that `where` names."""
        return not where.endswith(f":{self.number}")
