"""Parquet files, a batch of rows at a time, of which only the columns that the task reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adapterhub.errors import DataError, MissingDependency
from adapterhub.tasks.data.columns import Columns, refuse_twice

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

    from adapterhub.tasks.data.formats import Record

BATCH_ROWS = 1000


def names(path: Path, form: str) -> frozenset[str]:
    """What the schema calls its columns.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    with _opened(path) as file:
        return frozenset(file.schema_arrow.names)


def records(path: Path, columns: Columns, form: str) -> Iterator[Record]:
    """Each row of the file.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    with _opened(path) as file:
        header = file.schema_arrow.names
        refuse_twice(header, str(path))
        columns.check(header, str(path))
        number = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=[name for name in header if name in columns.read]):
            for record in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", record


@contextmanager
def _opened(path: Path) -> Iterator[ParquetFile]:
    """The file; what is wrong with it is a DataError, whenever it is read."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingDependency(
            f"{path}: Parquet is read with pyarrow, which is not installed", "pip install 'adapterhub[tasks]'"
        ) from error
    try:
        with ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a Parquet file that can be read: {reason}", "Write it again.") from error
