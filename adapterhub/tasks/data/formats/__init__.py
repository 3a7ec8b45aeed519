"""Files of rows by format: each reader gives a file's records one after the other, and names the place of each.

A reader knows its format alone. What it yields is ``(where, record)``: the file with the line, or the row, that the
record begins at, for whoever has a complaint about it, and the record as a mapping of the file's columns. A reader
raises DataError for what is wrong with the form of the file; what a column holds is for `checks` to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from adapterhub.errors import DataError
from adapterhub.tasks.data.columns import Columns

Record = tuple[str, Mapping[str, Any]]

READERS: Mapping[str, str] = {
    "jsonl": "adapterhub.tasks.data.formats.jsonl",
    "csv": "adapterhub.tasks.data.formats.delimited",
    "tsv": "adapterhub.tasks.data.formats.delimited",
    "parquet": "adapterhub.tasks.data.formats.parquet",
    "conll": "adapterhub.tasks.data.formats.conll",
}
"""format → the module whose `records` and `names` read it, imported when a file of that format is."""

SUFFIXES: Mapping[str, str] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".conll": "conll",
    ".bio": "conll",
    ".iob": "conll",
}


def records_of(path: Path, columns: Columns, form: str | None = None) -> Iterator[Record]:
    """The records of the file at `path`, in the format `form` or the one that its name says.

    Raises:
        DataError: there is no such file, its name says no format, or its form is wrong.
    """
    reader, form = _reader(path, form)
    read: Callable[[Path, Columns, str], Iterator[Record]] = reader.records
    return read(path, columns, form)


def names_of(path: Path, form: str | None = None) -> frozenset[str]:
    """What the columns of the file at `path` are called, in the format `form` or the one that its name says.

    Raises:
        DataError: as `records_of` does.
    """
    reader, form = _reader(path, form)
    read: Callable[[Path, str], frozenset[str]] = reader.names
    return read(path, form)


def _reader(path: Path, form: str | None) -> tuple[ModuleType, str]:
    """The module that reads the file, and the format."""
    form = form or SUFFIXES.get(path.suffix.lower())
    if form is None:
        known = ", ".join(SUFFIXES)
        raise DataError(
            f"{path}: its name does not say its format ({known})",
            f"Rename it, or name one of {', '.join(READERS)}: data.format in a recipe, --format on the command line.",
        )
    if not path.is_file():
        raise DataError(f"{path}: cannot be read: there is no such file", "Name a file of rows.")
    return import_module(READERS[form]), form
