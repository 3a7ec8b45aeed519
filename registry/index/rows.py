"""Finding and writing rows inside a transaction that somebody else began."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Row, bindparam, insert, select
from sqlalchemy.orm import Session

from registry.errors import RepositoryNotFound, VersionNotFound
from registry.index.schema import AuditRow, CommitParentRow, CommitRow, RefRow, RepositoryRow, TreeEntryRow, VersionRow
from registry.manifest import FileEntry
from registry.protocol import Status, Version
from registry.selector import MAIN

BRANCH, TAG, ALIAS = "branch", "tag", "alias"

# What every resolve and pull asks: columns and no objects, in statements that are put together once.
VERSIONS_OF = (
    select(
        RepositoryRow.name.label("repository"),
        VersionRow.repository_id,
        VersionRow.number,
        VersionRow.digest,
        VersionRow.commit,
        VersionRow.status,
        VersionRow.reason,
    )
    .join(VersionRow, VersionRow.repository_id == RepositoryRow.id)
    .where(RepositoryRow.key == bindparam("repository"))
)
STORED = VERSIONS_OF.add_columns(VersionRow.manifest, VersionRow.derived, VersionRow.created).where(
    VersionRow.number == bindparam("number")
)
ALIASES_OF = select(RefRow.name, RefRow.version).where(
    RefRow.repository_id == bindparam("repository_id"), RefRow.kind == ALIAS
)
TREE = (
    select(TreeEntryRow.path, TreeEntryRow.size, TreeEntryRow.sha256)
    .where(TreeEntryRow.commit == bindparam("commit"))
    .order_by(TreeEntryRow.path)
)


def repository(session: Session, name: str) -> RepositoryRow:
    """The repository's row, locked until the end of a writing transaction (SQLite locks all of itself anyway).

    Raises:
        RepositoryNotFound: there is none.
    """
    row = session.scalar(select(RepositoryRow).where(RepositoryRow.key == name.lower()).with_for_update())
    if row is None:
        raise RepositoryNotFound(f"there is no repository {name}", "See the list of repositories; a publish makes one.")
    return row


def repository_for_publish(session: Session, name: str) -> RepositoryRow:
    """The repository's row, made if there is none."""
    try:
        return repository(session, name)
    except RepositoryNotFound:
        session.execute(insert(RepositoryRow).values(name=name, key=name.lower(), created=datetime.now(UTC)))
        return repository(session, name)


def version(session: Session, row: RepositoryRow, number: str) -> VersionRow:
    """The version's row.

    Raises:
        VersionNotFound: there is none.
    """
    query = select(VersionRow).where(VersionRow.repository_id == row.id, VersionRow.number == number)
    found = session.scalar(query)
    if found is None:
        raise no_version(row.name, number)
    return found


def no_version(name: str, number: str) -> VersionNotFound:
    """What whoever asks for a version that is not there is told."""
    return VersionNotFound(f"{name} has no version {number}", "See its list of versions.")


def as_version(name: str, row: VersionRow | Row[*tuple[Any, ...]]) -> Version:
    """The value that leaves the index."""
    return Version(name, row.number, row.digest, row.commit, cast(Status, row.status), row.reason)


def commit(session: Session, row: RepositoryRow, tree: Sequence[FileEntry], message: str, now: datetime) -> str:
    """Write a commit on top of the main branch, move the branch to it, and return its oid."""
    head = session.get(RefRow, (row.id, BRANCH, MAIN))
    parents = [head.commit] if head else []
    files = [[entry.path, entry.size, entry.sha256] for entry in tree]
    identity = json.dumps([row.name, parents, files, message, now.isoformat()])
    oid = hashlib.sha256(identity.encode()).hexdigest()[:40]
    session.execute(insert(CommitRow).values(oid=oid, repository_id=row.id, message=message, created=now))
    for position, parent in enumerate(parents):
        session.execute(insert(CommitParentRow).values(commit=oid, position=position, parent=parent))
    session.execute(
        insert(TreeEntryRow),
        [{"commit": oid, "path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in tree],
    )
    if head:
        head.commit = oid
    else:
        session.execute(insert(RefRow).values(repository_id=row.id, kind=BRANCH, name=MAIN, commit=oid))
    return oid


def audit(session: Session, action: str, name: str, subject: str, detail: str) -> None:
    """Add a line to the audit log."""
    values = {"action": action, "repository": name, "subject": subject, "detail": detail}
    session.execute(insert(AuditRow).values(created=datetime.now(UTC), **values))
