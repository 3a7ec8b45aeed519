"""``manifest.json`` of a backup: what belongs to it. It is written last, and without it there is no backup.

manifest.json          this
tables-<time>/*.gz     each table, a JSON array a row
blobs/aa/aabb…         files by their sha256, shared by all backups that this folder ever held
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

import msgspec

from registry.errors import CorruptBlob, InvalidReference
from registry.store import Scratch
from registry.store.scratch import sync_file, sync_folder

NAME = "manifest.json"
FORMAT = 1


class TableFile(msgspec.Struct, frozen=True):
    """One table: its columns in the order of the arrays, how many there are, and the sha256 of the packed file."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


class Backup(msgspec.Struct, frozen=True):
    """A whole backup.

    Attributes:
        revision: the migration that the tables are at.
        tables: in an order in which rows can be inserted.
    """

    format: int
    created: datetime
    revision: str
    folder: str
    tables: list[TableFile]
    blobs: int
    blob_bytes: int

    @classmethod
    def read(cls, root: Path) -> Backup:
        """The backup in a folder.

        Raises:
            InvalidReference: there is none that was finished.
            CorruptBlob: its manifest cannot be read.
        """
        try:
            data = (root / NAME).read_bytes()
        except FileNotFoundError as error:
            raise InvalidReference(f"{root} holds no finished backup", f"Name a folder with a {NAME}.") from error
        try:
            found = msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise CorruptBlob(f"{root / NAME}: {error}", "Use another backup.") from error
        if found.format != FORMAT:
            raise InvalidReference(
                f"{root} is a backup of format {found.format}, and this version reads {FORMAT}",
                "Use the version of adapterhub that wrote it.",
            )
        return found

    def write(self, root: Path) -> None:
        """Make it the backup of a folder, in place of the one before."""
        with Scratch(root / "tmp").folder() as folder:
            file = folder / NAME
            file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
            sync_file(file)
            os.replace(file, root / NAME)
        with contextlib.suppress(FileNotFoundError):
            sync_folder(root)
