"""Writing a commit inside a transaction that somebody else began: its tree, its parents, its bytes accounted for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from registry.errors import MissingBytes
from registry.index import rows, trees
from registry.index.tables import (
    BlobRow,
    CommitParentRow,
    CommitRow,
    RefRow,
    RepositoryRow,
    TreeEntryRow,
    UploadRow,
)
from registry.index.trees import TreeEntry


def write(
    session: Session,
    row: RepositoryRow,
    tree: Sequence[TreeEntry],
    parents: Sequence[str],
    message: str,
    author: str = "",
) -> str:
    """Write a commit and return its oid. No ref names it yet.

    Only the bytes that it brings (`TreeEntry.changed` is None) are looked for and locked: a parent that a ref names
    holds the others, and the repository's lock keeps both where they are.

    Raises:
        MissingBytes: bytes that it brings are not in the store.
    """
    now = datetime.now(UTC)
    hold(session, {one.sha256 for one in tree if one.changed is None})
    files = [[entry.path, entry.size, entry.sha256] for entry in tree]
    identity = json.dumps([row.kind, row.key, row.id, list(parents), files, message, author, now.isoformat()])
    oid = hashlib.sha256(identity.encode()).hexdigest()[:40]
    values = {"message": message, "author": author, "created": now}
    session.execute(insert(CommitRow).values(oid=oid, repository_id=row.id, **values))
    for position, parent in enumerate(parents):
        session.execute(insert(CommitParentRow).values(commit=oid, position=position, parent=parent))
    trees.write(session, oid, [one if one.changed else replace(one, changed=oid) for one in tree])
    session.execute(update(RepositoryRow).where(RepositoryRow.id == row.id).values(updated=now))
    return oid


def point(session: Session, row: RepositoryRow, kind: str, name: str, commit: str, version: str | None = None) -> None:
    """Make a ref name a commit, whatever it named before."""
    ref = session.get(RefRow, (row.id, kind, name))
    if ref is None:
        session.add(RefRow(repository_id=row.id, kind=kind, name=name, commit=commit, version=version))
    else:
        ref.commit, ref.version = commit, version
    session.flush()


def register(session: Session, sha256: str, size: int) -> None:
    """Note that the store holds these bytes; waits for whoever is about to remove them."""
    locked = select(BlobRow.sha256).where(BlobRow.sha256 == sha256).with_for_update(read=True)
    while True:
        rows.insert_new(session, BlobRow, sha256=sha256, size=size, created=datetime.now(UTC))
        if session.scalar(locked):  # it may have been removed while this waited
            return


def hold(session: Session, wanted: Collection[str]) -> None:
    """Make sure that bytes stay in the store until this transaction ends.

    Raises:
        MissingBytes: some are not there.
    """
    if missing := sorted(set(wanted) - held(session, wanted)):
        raise MissingBytes(f"the store lacks the bytes {missing[0]}", "Upload the file, then commit it.")


def held(session: Session, wanted: Collection[str]) -> set[str]:
    """Those of the bytes that are in the store, and now stay there until this transaction ends."""
    found: set[str] = set()
    for some in batches(sorted(wanted)):
        query = select(BlobRow.sha256).where(BlobRow.sha256.in_(some)).order_by(BlobRow.sha256)
        found.update(session.scalars(query.with_for_update(read=True)))
    return found


def granted(session: Session, row: RepositoryRow, wanted: Collection[str]) -> set[str]:
    """Which of these bytes a commit to the repository may name: those uploaded for it, or in a commit of it."""
    found: set[str] = set()
    for some in batches(sorted(wanted)):
        uploaded = select(UploadRow.sha256).where(UploadRow.repository_id == row.id, UploadRow.sha256.in_(some))
        found.update(session.scalars(uploaded))
        own = (
            select(TreeEntryRow.sha256)
            .join(CommitRow, CommitRow.oid == TreeEntryRow.commit)
            .where(CommitRow.repository_id == row.id, TreeEntryRow.sha256.in_(some))
        )
        found.update(session.scalars(own.distinct()))
    return found


def batches(items: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """The items, as many at a time as a statement takes well."""
    return (items[start : start + size] for start in range(0, len(items), size))
