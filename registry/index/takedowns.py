"""Taking a version's files away for good, as a court or a leak may demand; its row stays and says why.

A takedown is about content: it takes every version of that digest in the repository. The files of their commits go,
and so does each file that the manifest lists from the repository's other commits, a later draft on the main branch
say, unless another version holds it. What other repositories hold is theirs to answer for.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from registry.index import events, facts, rows
from registry.index.database import Database
from registry.index.events import Event
from registry.index.repositories import Repository
from registry.index.tables import CommitRow, RepositoryRow, TreeEntryRow, UploadRow, VersionRow
from registry.manifest import Manifest


class Takedowns:
    """What was taken down in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_down(self, repository: Repository, number: str, reason: str, author: str) -> None:
        """Revoke a version and remove its files: no commit names them any more, so garbage collection takes the bytes.

        Works on a deleted repository too, whose versions are still pulled by digest. Again is the same as once.

        Raises:
            RepositoryNotFound, VersionNotFound: there is none.
        """
        with self._database.write() as session:
            row = session.get(RepositoryRow, repository.id, with_for_update=True)
            if row is None:
                raise rows.no_repository(repository.name)
            version = rows.version(session, row, number)
            if version.removed:
                return
            gone = _same(session, version)
            files = {entry.sha256 for one in gone for entry in Manifest.from_bytes(one.manifest).files}
            _remove_trees(session, {one.commit for one in gone})
            _remove_files(session, row, files - _kept(session, row, {one.id for one in gone}, files))
            values = {"status": "revoked", "reason": reason, "removed": datetime.now(UTC)}
            session.execute(update(VersionRow).where(VersionRow.id.in_([one.id for one in gone])).values(values))
            facts.files_removed(session, row)
            for one in gone:
                told = {"version": one.number, "digest": one.digest, "reason": reason}
                events.note(session, row, Event("takedown", one.number, reason, author, told))


def _same(session: Session, version: VersionRow) -> list[VersionRow]:
    """All versions of the same content, or of the same commit as one of them."""
    of_repository = select(VersionRow).where(VersionRow.repository_id == version.repository_id)
    commits = select(VersionRow.commit).where(
        VersionRow.repository_id == version.repository_id, VersionRow.digest == version.digest
    )
    return list(session.scalars(of_repository.where(VersionRow.commit.in_(commits)).order_by(VersionRow.id)))


def _kept(session: Session, row: RepositoryRow, gone: Collection[int], files: Collection[str]) -> set[str]:
    """Those of `files` that other versions of the repository hold."""
    query = (
        select(TreeEntryRow.sha256)
        .join(VersionRow, VersionRow.commit == TreeEntryRow.commit)
        .where(VersionRow.repository_id == row.id, VersionRow.id.not_in(gone), TreeEntryRow.sha256.in_(files))
    )
    return set(session.scalars(query.distinct()))


def _remove_trees(session: Session, commits: Collection[str]) -> None:
    session.execute(delete(TreeEntryRow).where(TreeEntryRow.commit.in_(commits)))


def _remove_files(session: Session, row: RepositoryRow, files: Collection[str]) -> None:
    """Take files out of every commit of the repository, and forget that they were uploaded for it."""
    own = select(CommitRow.oid).where(CommitRow.repository_id == row.id)
    session.execute(delete(TreeEntryRow).where(TreeEntryRow.commit.in_(own), TreeEntryRow.sha256.in_(files)))
    session.execute(delete(UploadRow).where(UploadRow.repository_id == row.id, UploadRow.sha256.in_(files)))
