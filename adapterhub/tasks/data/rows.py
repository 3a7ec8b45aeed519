"""Rows as they are kept: a mapping of the task's columns, and the place in a file that each came from.

What a row is known by: its normalised input (for duplicates), its content (for draws and fingerprints).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DataRow = Mapping[str, Any]


@dataclass(frozen=True)
class Placed:
    """A row, and where it is: the file and the line or row."""

    where: str
    row: DataRow


def fingerprint(rows: Iterable[DataRow]) -> str:
    """``sha256:`` over the rows in order, each as JSON with sorted keys on one line."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(content(row) + b"\n")
    return "sha256:" + digest.hexdigest()


def content(row: DataRow) -> bytes:
    """The row as JSON with sorted keys.

    Raises:
        ValueError: it holds half of a surrogate pair, which has no bytes.
        TypeError: it holds what JSON has no word for.
    """
    return json.dumps(row, sort_keys=True, ensure_ascii=False).encode()


def normal(key: str) -> str:
    """Inputs that differ only in case or white space count as the same."""
    return " ".join(key.casefold().split())


def draw(text: str, seed: int) -> float:
    """A number in [0, 1) that depends on this text and the seed alone."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
