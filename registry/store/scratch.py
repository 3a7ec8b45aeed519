"""Where files and folders are made before they are renamed into place: same file system, so renaming is atomic.

A process that dies leaves its things here, where nobody looks; they are removed once they are a day old.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

MAX_AGE = 24 * 3600.0  # seconds; longer than any publish or pull takes


class Scratch:
    """A folder of unfinished things."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A new empty folder, removed at the end unless it was renamed away."""
        self._root.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=self._root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def file(self) -> BinaryIO:
        """A new empty file to write and read, which has no name and ends with its handle, or its process."""
        self._root.mkdir(parents=True, exist_ok=True)
        return cast("BinaryIO", tempfile.TemporaryFile(dir=self._root))

    def clean(self) -> None:
        """Remove what processes left that died long ago."""
        oldest = time.time() - MAX_AGE
        for path in self._root.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process cleans too
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Make a file's bytes survive a power cut."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
