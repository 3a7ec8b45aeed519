"""Items of a test of fairness: JSON lines of a fixed form."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from adapterhub.errors import DataError

Item = TypeVar("Item", bound=msgspec.Struct)


def read_items(path: Path, kind: type[Item], most: int | None = None) -> list[Item]:
    """The first `most` lines of a file as items of a `kind`; other keys are left alone.

    Raises:
        DataError: with file and line.
    """
    items: list[Item] = []
    wanted = ", ".join(kind.__struct_fields__)
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if most is not None and len(items) == most:
                    break
                try:
                    items.append(msgspec.json.decode(line, type=kind))
                except msgspec.DecodeError as error:
                    raise DataError(f"{path}:{number}: {error}", f"Write JSON lines with {wanted}.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", f"Name a file of {wanted}.") from error
    if not items:
        raise DataError(f"{path}: no rows", f"Give it JSON lines with {wanted}.")
    return items
