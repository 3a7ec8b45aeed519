"""JSON lines: one JSON object a line, blank lines between them allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adapterhub.errors import DataError
from adapterhub.tasks.data.columns import Columns
from adapterhub.tasks.data.formats.lines import lines_of

if TYPE_CHECKING:
    from adapterhub.tasks.data.formats import Record

HINT = "Write one JSON object a line."


def names(path: Path, form: str) -> frozenset[str]:
    """Every key that some object of the file has."""
    return frozenset(key for _, document in _objects(path) for key in document)


def records(path: Path, columns: Columns, form: str) -> Iterator[Record]:
    """Each object of the file."""
    return _objects(path)


def _objects(path: Path) -> Iterator[Record]:
    for number, line in lines_of(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            document = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not JSON: {error.msg} at character {error.pos + 1}", HINT) from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets a thousand deep
            raise DataError(f"{where}: not JSON: {error}", HINT) from error
        if not isinstance(document, dict):
            raise DataError(f"{where}: a {type(document).__name__}, not an object", HINT)
        yield where, document
