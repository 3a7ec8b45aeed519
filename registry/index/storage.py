"""What takes up room: the bytes of repositories, and taking large files out of their histories for good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from registry.errors import VersionImmutable
from registry.index import facts, rows
from registry.index.database import Database
from registry.index.repositories import Repository
from registry.index.tables import CommitRow, RepositoryRow, TreeEntryRow, UploadRow, VersionRow


@dataclass(frozen=True)
class LargeFile:
    """An LFS file of a repository's history, under one of the paths that it has there."""

    sha256: str
    size: int
    path: str
    pushed: datetime


class Storage:
    """The stored files of all repositories of a database. Bytes that nothing names are garbage collection's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self, namespace: str) -> Sequence[tuple[Repository, int]]:
        """The repositories of a namespace with the bytes of all files of their histories, each counted once."""
        own = (
            select(CommitRow.repository_id, TreeEntryRow.sha256, TreeEntryRow.size)
            .join(TreeEntryRow, TreeEntryRow.commit == CommitRow.oid)
            .join(RepositoryRow, RepositoryRow.id == CommitRow.repository_id)
            .where(RepositoryRow.namespace == namespace.lower(), RepositoryRow.deleted.is_(None))
            .distinct()
            .subquery()
        )
        size = select(func.sum(own.c.size)).where(own.c.repository_id == RepositoryRow.id).scalar_subquery()
        query = select(RepositoryRow, func.coalesce(size, 0)).where(
            RepositoryRow.namespace == namespace.lower(), RepositoryRow.deleted.is_(None)
        )
        with self._database.read() as session:
            found = session.execute(query.order_by(RepositoryRow.key, RepositoryRow.kind))
            return [(Repository.of(row), int(total)) for row, total in found]

    def large_files(self, repository: Repository, after: str, limit: int) -> Sequence[LargeFile]:
        """The LFS files of all commits of a repository whose sha256 comes after `after`, in that order."""
        sha256 = TreeEntryRow.sha256
        query = (
            select(sha256, func.max(TreeEntryRow.size), func.min(TreeEntryRow.path), func.min(CommitRow.created))
            .join(CommitRow, CommitRow.oid == TreeEntryRow.commit)
            .where(CommitRow.repository_id == repository.id, TreeEntryRow.oid.is_(None), sha256 > after)
            .group_by(sha256)
            .order_by(sha256)
            .limit(limit)
        )
        with self._database.read() as session:
            return [LargeFile(*row) for row in session.execute(query)]

    def remove(self, repository: Repository, sha256s: Collection[str], author: str) -> None:
        """Take files out of all commits of a repository, and of what was uploaded for it.

        Raises:
            VersionImmutable: a version needs one of them; nothing was removed.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            needed = (
                select(VersionRow.number, TreeEntryRow.path)
                .join(TreeEntryRow, TreeEntryRow.commit == VersionRow.commit)
                .where(VersionRow.repository_id == row.id, TreeEntryRow.sha256.in_(sha256s))
            )
            if held := session.execute(needed.limit(1)).first():
                raise VersionImmutable(
                    f"{row.name}@{held.number} needs {held.path}, so it stays",
                    "Leave out the files of versions; yank or revoke a version to keep it from being used.",
                )
            own = select(CommitRow.oid).where(CommitRow.repository_id == row.id)
            session.execute(delete(TreeEntryRow).where(TreeEntryRow.commit.in_(own), TreeEntryRow.sha256.in_(sha256s)))
            uploaded = delete(UploadRow).where(UploadRow.repository_id == row.id, UploadRow.sha256.in_(sha256s))
            session.execute(uploaded)
            facts.files_removed(session, row)
            rows.audit(session, "files-remove", row.name, row.kind, f"{len(sha256s)} LFS files", author)
