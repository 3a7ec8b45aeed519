"""The lines of a text file, one at a time, each proven to be text.

A line ends at a line feed, with or without a carriage return before it, and nowhere else: JSON may hold the other line
breaks of Unicode raw. A byte order mark at the beginning is no part of the text. Never holds more than one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapterhub.errors import DataError

MOST_BYTES = 2**20  # of a line; what the longest row of any task reads is a hundredth of it
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without its line break.

    Raises:
        DataError: the file cannot be read; or the line that is too long, is not UTF-8 or holds a NUL byte.
    """
    try:
        with path.open("rb") as stream:
            number = 0
            while raw := stream.readline(MOST_BYTES + 1):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(BYTE_ORDER_MARK)
                yield number, _text(raw, f"{path}:{number}")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "Name a file of rows.") from error


def _text(raw: bytes, where: str) -> str:
    if len(raw) > MOST_BYTES:
        raise DataError(
            f"{where}: the line is longer than {MOST_BYTES:,} bytes",
            "Split the row, or see whether line breaks were lost when the file was written.",
        )
    if (place := raw.find(b"\0")) >= 0:
        raise DataError(f"{where}: byte {place + 1} is NUL", "Write the file as UTF-8 text; NUL bytes tell of UTF-16.")
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8", "Convert the file to UTF-8."
        ) from error
