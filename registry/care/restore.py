"""A server's data made anew from a backup: on any database, in any store. That is also how to move from one to another.

Files come first, each compared with its sha256; then all rows, in one transaction. What is interrupted before its end
leaves a database without rows, and restoring again goes on from there. Only an empty database and a store without
other files are restored into, so that nothing is ever overwritten.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from registry.care import rowfile
from registry.care.backup import SUFFIX, listed_files
from registry.care.document import Backup
from registry.care.exclusive import alone
from registry.errors import Conflict, CorruptBlob, UnsupportedRegistry
from registry.index import Database, meta, rows
from registry.index.database import REVISION
from registry.index.tables import Meta, RevisionRow, Table
from registry.store import BlobStore, Store, open_store

OWN = (Meta.__tablename__, RevisionRow.__tablename__)  # a database that is empty has rows of these


def restore(root: Path, database: Database, store: Store) -> Backup:
    """Make `database` and `store` what they were when the backup in `root` was made.

    Clients of Xet get another address, since what they sent in pieces is in no backup.

    Raises:
        InvalidReference: there is no finished backup.
        Conflict: the database has rows, or the store files that are not the backup's.
        CorruptBlob: the backup is damaged; the database stays empty.
        UnsupportedRegistry: another version of this package wrote it.
        RegistryUnavailable: database, store or `root` cannot be used.
    """
    root = root.expanduser().absolute()
    made = Backup.read(root)
    if made.revision != REVISION:
        raise UnsupportedRegistry(
            f"{root} was made at migration {made.revision}, and this version is at {REVISION}",
            "Restore it with the version of adapterhub that wrote it, then run `adapterhub hub migrate`.",
        )
    source = open_store(str(root), root / "tmp").blobs
    if database.revision() is None:
        database.migrate()
    database.check()
    with alone(database):
        with database.read() as session:
            _refuse_rows(session, database)
        files = dict(listed_files(root / made.folder, made.tables))
        there = _there(store.blobs, set(files))
        for sha256, size in files.items():
            if sha256 not in there or not store.blobs.holds(sha256):
                _copy(source, store, sha256, size)
        with database.write() as session:
            _refuse_rows(session, database)
            _insert(session, root / made.folder, made)
            session.execute(delete(Meta).where(Meta.key == meta.CAS_INSTANCE))  # another is made when it is asked for
            rows.audit(session, "restore", "", "", f"the backup of {made.created.isoformat()}")
    return made


def _refuse_rows(session: Session, database: Database) -> None:
    for table in Table.metadata.sorted_tables:
        if table.name not in OWN and session.execute(select(table).limit(1)).first():
            raise Conflict(
                f"{database.name} is not empty: it has rows in {table.name}",
                "Name an empty database. Nothing was changed.",
            )


def _there(blobs: BlobStore, wanted: set[str]) -> set[str]:
    there = {found.key for found in blobs.list()}
    if others := there - wanted:
        raise Conflict(
            f"the store holds {len(others):,} files that are not the backup's",
            "Name an empty folder or bucket. Nothing was changed.",
        )
    return there


def _copy(source: BlobStore, target: Store, sha256: str, size: int) -> None:
    with target.scratch.folder() as folder:
        if not source.copy(sha256, size, folder / sha256):
            raise CorruptBlob(f"the file {sha256[:12]} of the backup is missing or damaged", "Use another backup.")
        target.blobs.put(folder / sha256, sha256, move=True)


def _insert(session: Session, folder: Path, made: Backup) -> None:
    session.execute(delete(Meta))
    for described in made.tables:
        table = Table.metadata.tables.get(described.name)
        if table is None:
            raise CorruptBlob(f"the backup has a table {described.name}, which there is none of", "Use another backup.")
        for some in rowfile.read(table, described, folder / f"{table.name}{SUFFIX}"):
            session.execute(insert(table), [*some])
    if session.connection().dialect.name == "postgresql":
        _count_on(session, made)


def _count_on(session: Session, made: Backup) -> None:
    """Let PostgreSQL number new rows behind those that are there."""
    for table in Table.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or table.name in OWN:
            continue
        sequence = session.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        highest = session.scalar(select(func.max(column)))
        if sequence and highest:
            session.execute(select(func.setval(sequence, highest)))
