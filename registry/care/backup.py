"""A backup of everything that matters, in a folder, in a form that any database and any store can be made from.

The tables are read in one snapshot of the database while servers run on; then all files that its table of files lists
are copied, each compared with its sha256. They cannot go meanwhile, since garbage collection waits for the same lock.
Files that the folder holds already are not copied again. Until the new manifest is there the old backup is; an
interrupted one left only files that the next one uses.

Not in it: what is unfinished, and what a Hub keeps beside its data, such as its options. In it: hashes of tokens, and
the secrets that links and webhooks are signed with, so nobody else may read the folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from registry.care import rowfile
from registry.care.document import FORMAT, Backup, TableFile
from registry.care.exclusive import alone
from registry.errors import CorruptBlob
from registry.index import Database
from registry.index.database import REVISION
from registry.index.tables import BlobRow, RevisionRow, Table
from registry.store import BlobStore, Store, open_store
from registry.store.faults import disk_faults
from registry.store.scratch import sync_file, sync_folder

FOLDER, SUFFIX = "tables-", ".jsonl.gz"


def backup(database: Database, store: Store, root: Path, *, prune: bool = False) -> Backup:
    """Make, or renew, the backup in `root`.

    Args:
        prune: also delete files there that the new backup does not need. Without it they stay, so that a mistake that
            garbage collection made final can still be undone by hand.

    Raises:
        CorruptBlob: a file that the index lists is missing or damaged; the backup before stays what it was.
        Conflict: garbage collection, or another backup, is at work.
        RegistryUnavailable: database, store or `root` cannot be used.
    """
    database.check()
    root = root.expanduser().absolute()
    with alone(database):
        own = open_store(str(root), root / "tmp")
        root.chmod(0o700)
        own.scratch.clean()
        created = datetime.now(UTC)
        folder = root / f"{FOLDER}{created:%Y%m%dT%H%M%S%f}"
        tables = _write_tables(database, folder)
        count = size = 0
        for sha256, length in listed_files(folder, tables):
            _copy(store.blobs, own, sha256, length)
            count, size = count + 1, size + length
        made = Backup(FORMAT, created, REVISION, folder.name, tables, count, size)
        made.write(root)
        for other in root.glob(f"{FOLDER}*"):
            if other != folder:
                shutil.rmtree(other)
        if prune:
            _prune(own.blobs, {sha256 for sha256, _ in listed_files(folder, tables)})
    return made


def listed_files(folder: Path, tables: Sequence[TableFile]) -> Iterator[tuple[str, int]]:
    """The sha256 and length of each file that a backup's table of files lists.

    Raises:
        CorruptBlob: the table is not what was written.
    """
    name = BlobRow.__tablename__
    for described in tables:
        if described.name == name:
            for some in rowfile.read(Table.metadata.tables[name], described, folder / f"{name}{SUFFIX}"):
                yield from ((row["sha256"], row["size"]) for row in some)


def _write_tables(database: Database, folder: Path) -> list[TableFile]:
    """All tables but that of the migration, which the manifest tells."""
    wanted = [table for table in Table.metadata.sorted_tables if table.name != RevisionRow.__tablename__]
    with disk_faults(folder):
        folder.mkdir()
        with database.snapshot() as connection:
            written = [rowfile.write(connection, table, folder / f"{table.name}{SUFFIX}") for table in wanted]
        for table in wanted:
            sync_file(folder / f"{table.name}{SUFFIX}")
        sync_folder(folder)
    return written


def _copy(source: BlobStore, target: Store, sha256: str, size: int) -> None:
    if target.blobs.size(sha256) == size:
        return
    with target.scratch.folder() as folder:
        if not source.copy(sha256, size, folder / sha256):
            raise CorruptBlob(
                f"the file {sha256[:12]} is missing from the store, or damaged",
                "See `adapterhub hub check --deep`: which repositories need it, and what to do.",
            )
        target.blobs.put(folder / sha256, sha256, move=True)


def _prune(blobs: BlobStore, needed: Collection[str]) -> None:
    for found in list(blobs.list()):
        if found.key not in needed:
            blobs.delete(found.key)
