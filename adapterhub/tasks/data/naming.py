"""Files of rows as a recipe names them: which of a folder's are its splits, and what each is called in ``[data]``.

Knows names alone: no file is opened. What is read from them, `splits` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapterhub import settings
from adapterhub.errors import DataError
from adapterhub.tasks.data.formats import SUFFIXES

STEMS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""key of ``[data]`` → what data sets call the file of that split, before its suffix."""


def data_files(path: Path) -> dict[str, str]:
    """Keys of ``[data]`` and the files they name: ``file`` alone, or the three splits of a folder.

    Raises:
        DataError: there is nothing at `path`, or a folder lacks a split or has two files for one.
    """
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"{path}: there is no such file", "Name a file of rows, or a folder of three.")
        return {"file": as_named(path)}
    found = {key: _split_files(path, stems) for key, stems in STEMS.items()}
    for key, files in found.items():
        if len(files) != 1:
            has = " and ".join(file.name for file in files) or f"no file called {' or '.join(STEMS[key])}"
            raise DataError(
                f"{path}: {has} for {key}",
                f"A folder holds one file a split ({', '.join(SUFFIXES)}); one file of all rows is split by itself.",
            )
    return {key: as_named(files[0]) for key, files in found.items()}


def as_named(path: Path) -> str:
    """The file as a recipe names it: from ``ADAPTERHUB_DATA`` on where it is below it, else absolute."""
    root, whole = settings.data_root(), path.resolve()
    if root is not None and whole.is_relative_to(root.resolve()):
        return whole.relative_to(root.resolve()).as_posix()
    return str(whole)


def _split_files(folder: Path, stems: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.stem.lower() in stems)
