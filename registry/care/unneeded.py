"""Files that nothing names any more: first their rows, then their bytes. Uploads may come in meanwhile.

**Rows.** A commit locks the rows of all files that it names (``commits.hold``, FOR SHARE) before it writes its tree,
and keeps them locked until it ends; an upload does so too (``commits.register``). A row goes only in a transaction that
first locks it (FOR UPDATE) and then, in a statement of its own, asks again whether anything names the file: on
PostgreSQL the condition of the locking statement itself would be judged by what was there before it waited. After it,
whoever commits the file finds no row, and is told to upload it.

**Bytes.** They may go while there is no row, and uploads put bytes before there is one. So, for each file, one
transaction inserts the row, deletes the bytes, and *rolls back*. An upload puts bytes, registers the row, and then
looks whether the bytes are there. It comes to register

- before the insert here: that finds the row, and the bytes stay;
- while the transaction here is open: it waits for its end, then inserts its own row, and then looks: it finds either
  bytes that it put after the deletion, or none, and then says that the upload must be repeated;
- after it: as in the second case.

What it finds stays, since its row is there by then. The grace is not what makes this right, it is what makes repeating
rare: bytes that were put a moment ago are most likely about to be registered. It covers one thing more: if the
connection to PostgreSQL breaks between the insert and the deletion, the deletion is without protection. So how old the
bytes are is looked at once more right before it; an upload makes them new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import delete, exists, select, tuple_
from sqlalchemy.orm import Session

from registry.care.figures import Figures
from registry.index import Database, rows
from registry.index.tables import BlobRow, TreeEntryRow, UploadRow
from registry.store import BlobStore, Stored

BATCH = 500


def forget_uploads(database: Database, cutoff: datetime) -> None:
    """Drop what old uploads allow: to commit a file, they have to be repeated."""
    key = tuple_(UploadRow.repository_id, UploadRow.sha256)
    old = select(UploadRow.repository_id, UploadRow.sha256).where(UploadRow.created <= cutoff).limit(BATCH)
    while True:
        with database.write() as session:
            found = [tuple(row) for row in session.execute(old.with_for_update(skip_locked=True))]
            if not found:
                return
            session.execute(delete(UploadRow).where(key.in_(found)))


def sweep_rows(
    database: Database, cutoff: datetime, figures: Figures, doomed: Collection[str], *, dry: bool
) -> set[str]:
    """Remove the rows of files that no commit and no young upload names.

    Args:
        doomed: commits that are as good as gone, where `dry`.

    Returns:
        Where `dry`, the sha256 of the files.
    """
    gone: set[str] = set()
    for page in _pages(database):
        with database.read() as session:
            unneeded = _unneeded(session, page, cutoff, doomed)
        young = {one for one in unneeded if page[one] > cutoff}
        figures.young_blobs += len(young)
        wanted = sorted(unneeded - young)
        if dry:
            gone.update(wanted)
        elif wanted:
            wanted = _remove(database, wanted, cutoff)
        figures.blobs += len(wanted)
    return gone


def sweep_bytes(
    database: Database, store: BlobStore, cutoff: datetime, figures: Figures, doomed: Collection[str], *, dry: bool
) -> None:
    """Delete bytes that have no row, and are not just being put.

    Args:
        doomed: files whose rows are as good as gone, where `dry`.
    """
    listed = store.list()
    while page := list(islice(listed, BATCH)):
        with database.read() as session:
            known = set(session.scalars(select(BlobRow.sha256).where(BlobRow.sha256.in_([one.key for one in page]))))
        for found in page:
            if found.key in known and found.key not in doomed:
                continue
            if found.modified > cutoff:
                figures.young_objects += 1
            elif dry or _delete(database, store, found, cutoff):
                figures.objects += 1
                figures.object_bytes += found.size


def _pages(database: Database) -> Iterator[dict[str, datetime]]:
    """All files, and since when they are known; a page at a time, so that no statement takes long."""
    last = ""
    while True:
        query = select(BlobRow.sha256, BlobRow.created).where(BlobRow.sha256 > last)
        with database.read() as session:
            found = session.execute(query.order_by(BlobRow.sha256).limit(BATCH)).all()
        if not found:
            return
        yield {sha256: created for sha256, created in found}
        last = found[-1].sha256


def _unneeded(session: Session, some: Iterable[str], cutoff: datetime, doomed: Collection[str] = ()) -> set[str]:
    wanted = [*some]
    uploaded = select(UploadRow.sha256).where(UploadRow.sha256.in_(wanted), UploadRow.created > cutoff)
    needed = set(session.scalars(uploaded))
    if doomed:
        named = session.execute(
            select(TreeEntryRow.sha256, TreeEntryRow.commit).where(TreeEntryRow.sha256.in_(wanted)).distinct()
        )
        needed.update(sha256 for sha256, commit in named if commit not in doomed)
    else:
        named_at_all = exists(select(TreeEntryRow.commit).where(TreeEntryRow.sha256 == BlobRow.sha256))
        needed.update(session.scalars(select(BlobRow.sha256).where(BlobRow.sha256.in_(wanted), named_at_all)))
    return set(wanted) - needed


def _remove(database: Database, wanted: Sequence[str], cutoff: datetime) -> list[str]:
    """Lock, ask again, and only then remove. Who is locked by others is in use, and waits for the next collection."""
    with database.write() as session:
        query = select(BlobRow.sha256).where(BlobRow.sha256.in_(wanted), BlobRow.created <= cutoff)
        locked = session.scalars(query.order_by(BlobRow.sha256).with_for_update(skip_locked=True)).all()
        gone = sorted(_unneeded(session, locked, cutoff))
        session.execute(delete(UploadRow).where(UploadRow.sha256.in_(gone)))
        session.execute(delete(BlobRow).where(BlobRow.sha256.in_(gone)))
        return gone


def _delete(database: Database, store: BlobStore, found: Stored, cutoff: datetime) -> bool:
    """Whether the bytes went; see the top of this file."""
    with database.write() as session:
        placeholder = {"size": found.size, "created": datetime.now(UTC)}
        mine = rows.insert_new(session, BlobRow, sha256=found.key, **placeholder)
        old = mine and is_old(store, found.key, cutoff)
        if old:
            store.delete(found.key)
        session.rollback()
        return old


def is_old(store: BlobStore, sha256: str, cutoff: datetime) -> bool:
    """Whether a file's bytes are there, and were put before a moment."""
    found = store.stat(sha256)
    return found is not None and found.modified <= cutoff
